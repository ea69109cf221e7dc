#include "work/federated/play.hpp"

#include <algorithm>
#include <cmath>

#include "base/hash.hpp"
#include "work/federated/partition.hpp"
#include "work/federated/privacy.hpp"
#include "work/federated/score.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::size_t kLeastSamples = 4, kMostParticipants = 100'000;

Address address_of(std::size_t index) {
  const auto h = base::keccak256({base::as_bytes("participant"), base::be64(index)});
  return base::fixed<20>(h.view().first(20));
}

std::uint64_t mixed(std::uint64_t seed, std::uint64_t round, std::uint64_t who, std::string_view what) {
  const auto h = base::keccak256({base::as_bytes(what), base::be64(seed), base::be64(round), base::be64(who)});
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | h.bytes[i];
  return out;
}

/// The same data with wrong labels.
DataSet mislabelled(const DataSet& data) {
  auto out = data;
  for (auto& t : out.targets) t = static_cast<float>(data.classes - 1) - t;
  return out;
}

/// A participant: its samples, what it is, and its account's report.
struct Participant {
  Samples train, judge;
  AccountReport account;
};

class Play {
 public:
  Play(const DataSet& data, const DataSet& test, const PlaySettings& settings, Trainer& trainer, Trainer* liar, Rounds rounds)
      : data_(data), test_(test), s_(settings), trainer_(trainer), liar_(liar), rounds_(std::move(rounds)) {}

  Result<PlayReport> run(const std::function<bool(const RoundReport&)>& progress);

 private:
  using Shown = std::vector<Values>;  ///< updates of the seats that showed one, clipped

  Status enter();
  Result<Actions> tell(const Event& event);
  Result<Values> propose(const Participant& by, std::size_t index);
  Result<Values> honest(Trainer& trainer, const Participant& by, std::size_t index);
  Result<Shown> propose_all();
  Status vote_all(const Shown& shown);
  Result<std::vector<Vote>> votes_of(const Participant& by, const Shown& shown, const Standing& standing);
  Status take(const Shown& shown, RoundReport& report);
  void note_money(const Actions& actions);
  [[nodiscard]] double spent() const;
  [[nodiscard]] Hash salt(std::size_t index, std::string_view what) const {
    return base::keccak256({base::as_bytes(what), base::be64(s_.seed), base::be64(rounds_.round()), base::be64(index)});
  }
  Participant& participant(const Address& who) { return people_[index_.at(who)]; }

  const DataSet &data_, &test_;
  const PlaySettings& s_;
  Trainer& trainer_;
  Trainer* liar_;
  Rounds rounds_;
  std::vector<Participant> people_;
  std::map<Address, std::size_t> index_;
  std::map<Hash, std::size_t> place_;  ///< of a root among the shown updates
  std::vector<Hash> accepted_;
  Values model_;
  std::vector<Values> changes_;  ///< of the model, the last first
  std::vector<std::uint64_t> private_rounds_;
  PlayReport report_;
};

Status Play::enter() {
  KOINON_TRY(const auto parts, deal(data_, s_.participants, s_.alpha, kLeastSamples, s_.seed));
  std::size_t next = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Participant p;
    const auto judged = std::max<std::size_t>(1, static_cast<std::size_t>(s_.judged * static_cast<double>(parts[i].size())));
    const auto cut = static_cast<std::ptrdiff_t>(parts[i].size() - judged);
    p.train.assign(parts[i].begin(), parts[i].begin() + cut);
    p.judge.assign(parts[i].begin() + cut, parts[i].end());
    p.account.who = address_of(i);
    p.account.samples = parts[i].size();
    if (i >= s_.participants - s_.hostile) {
      p.account.attack = s_.attack == Attack::mixed ? static_cast<Attack>(1 + next++ % 6) : s_.attack;
    }
    index_[p.account.who] = i;
    people_.push_back(std::move(p));
    KOINON_CHECK(tell(Join{people_.back().account.who}));
  }
  private_rounds_.assign(people_.size(), 0);
  KOINON_TRY(const auto fees, s_.rules.voter_fee.times(s_.rules.voters));
  KOINON_TRY(const auto round, s_.rules.reward.plus(fees));
  KOINON_TRY(report_.funded, round.times(s_.rules.rounds));
  KOINON_CHECK(tell(Fund{report_.funded}));
  return {};
}

Result<Actions> Play::tell(const Event& event) {
  KOINON_TRY(auto actions, rounds_.apply(event));
  note_money(actions);
  return actions;
}

void Play::note_money(const Actions& actions) {
  const auto more = [](Wei& to, const Wei& amount) {
    const auto sum = to.plus(amount);
    KOINON_INVARIANT(sum.has_value());
    to = *sum;
  };
  for (const auto& a : actions) {
    using Kind = Action::Kind;
    if (a.kind == Kind::burn) more(report_.burned, a.amount);
    if (a.kind == Kind::accept) accepted_.push_back(a.root);
    if (a.kind == Kind::pay && a.who.is_zero()) more(report_.refunded, a.amount);
    if (a.kind == Kind::slash) more(participant(a.who).account.lost, a.amount);
  }
}

Result<Values> Play::honest(Trainer& trainer, const Participant& by, std::size_t index) {
  const LocalWork work{s_.epochs, rounds_.round(), s_.rules.rounds, mixed(s_.seed, rounds_.round(), index, "order")};
  if (!s_.privacy) return trainer.train(model_, by.train, work);
  ++private_rounds_[index];
  base::SeededRandom secret(mixed(s_.seed, rounds_.round(), index, "secret"));  // a play repeats; a participant does not
  return trainer.train_private(model_, by.train, work, *s_.privacy, secret);
}

Result<Values> Play::propose(const Participant& by, std::size_t index) {
  if (!by.account.attack) return honest(trainer_, by, index);
  const auto random = [&](double size) {
    base::SeededRandom source(mixed(s_.seed, rounds_.round(), index, "noise"));
    Gaussian normal(source);
    Values out(model_.size());
    for (auto& v : out) v = static_cast<float>(normal.next());
    const double factor = size / norm(out);
    for (auto& v : out) v = static_cast<float>(static_cast<double>(v) * factor);
    return out;
  };
  switch (*by.account.attack) {
    case Attack::labels: return honest(*liar_, by, index);
    case Attack::reverse: {
      KOINON_TRY(auto update, honest(trainer_, by, index));
      for (auto& v : update) v *= -5;
      return update;
    }
    case Attack::noise: {
      KOINON_TRY(const auto update, honest(trainer_, by, index));
      return random(norm(update));
    }
    case Attack::echo:
      if (!changes_.empty()) return changes_[0];
      [[fallthrough]];
    case Attack::idle: return Values(model_.size(), 0.0F);
    default: return random(1e-3 * norm(model_));
  }
}

Result<Play::Shown> Play::propose_all() {
  std::map<Address, base::Bytes> artifacts;
  const auto seats = rounds_.proposers();
  for (const auto& seat : seats) {
    const auto index = index_.at(seat.who);
    KOINON_TRY(const auto update, propose(people_[index], index));
    auto& artifact = artifacts[seat.who] = encode_update(update);
    ++people_[index].account.proposed;
    KOINON_CHECK(tell(
        CommitProposal{seat.who, proposal_commitment(rounds_.round(), seat.who, update_root(artifact), salt(index, "p"))}));
  }
  Shown shown;
  place_.clear();
  for (const auto& seat : seats) {
    const auto root = update_root(artifacts[seat.who]);
    // Two idle free riders show the same bytes: the second is refused, and its seat stays empty.
    if (!tell(ShowProposal{seat.who, root, salt(index_.at(seat.who), "p")})) continue;
    KOINON_TRY(auto update, decode_update(artifacts[seat.who], model_.size()));
    place_[root] = shown.size();
    shown.push_back(std::move(update));
  }
  if (rounds_.phase() == Phase::showing) KOINON_CHECK(tell(Close{}));
  return shown;
}

Result<std::vector<Vote>> Play::votes_of(const Participant& by, const Shown& shown, const Standing& standing) {
  std::vector<Vote> votes;
  const auto seats = rounds_.shown();
  KOINON_TRY(const auto before, trainer_.evaluate(model_, data_, &by.judge));
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (by.account.attack && s_.hostile_votes) {
      const bool friendly = participant(rounds_.proposers()[seats[i]].who).account.attack.has_value();
      votes.push_back(friendly ? kMostVote : kUnusable);
      continue;
    }
    KOINON_TRY(const auto vote, vote_on(trainer_, data_, by.judge, standing, shown[i], before.loss));
    votes.push_back(vote);
  }
  return votes;
}

Status Play::vote_all(const Shown& shown) {
  auto clipped = shown;
  const double limit = clip_norms(clipped, 0);
  const Standing standing{model_, changes_, shown.size(), limit};
  const auto seats = rounds_.voters();
  std::map<Address, std::vector<Vote>> votes;
  for (const auto& seat : seats) {
    const auto index = index_.at(seat.who);
    KOINON_TRY(votes[seat.who], votes_of(people_[index], shown, standing));
    ++people_[index].account.voted;
    KOINON_CHECK(tell(CommitVotes{seat.who, votes_commitment(rounds_.round(), seat.who, votes[seat.who], salt(index, "v"))}));
  }
  for (const auto& seat : seats) {
    auto shown_votes = votes[seat.who];
    KOINON_CHECK(tell(ShowVotes{seat.who, std::move(shown_votes), salt(index_.at(seat.who), "v")}));
  }
  return {};
}

/// The model after the round.
Status Play::take(const Shown& shown, RoundReport& report) {
  std::vector<Values> chosen;
  for (const auto& root : accepted_) chosen.push_back(shown[place_.at(root)]);
  report.accepted = chosen.size();
  Values change(model_.size(), 0.0F);
  if (!chosen.empty()) {
    clip_norms(chosen, 0);
    KOINON_TRY(change, combine(chosen, s_.combine));
  }
  add(model_, change, s_.rate);
  changes_.insert(changes_.begin(), std::move(change));
  if (changes_.size() > kEchoes) changes_.pop_back();
  return {};
}

double Play::spent() const {
  if (!s_.privacy) return 0;
  double most = 0;
  for (std::size_t i = 0; i < people_.size(); ++i) {
    if (private_rounds_[i] == 0) continue;
    const auto drawn = trainer_.sampling(people_[i].train.size(), s_.epochs);
    const auto e = epsilon(drawn.rate, s_.privacy->noise, drawn.steps * private_rounds_[i], s_.delta);
    if (e) most = std::max(most, *e);
  }
  return most;
}

Result<PlayReport> Play::run(const std::function<bool(const RoundReport&)>& progress) {
  KOINON_CHECK(enter());
  model_ = trainer_.initial();
  KOINON_TRY(report_.first, trainer_.evaluate(model_, test_));
  while (rounds_.phase() != Phase::over) {
    accepted_.clear();
    KOINON_CHECK(tell(Begin{salt(0, "draw")}));
    if (rounds_.phase() == Phase::over) break;
    KOINON_TRY(const auto shown, propose_all());
    if (rounds_.phase() == Phase::voting) KOINON_CHECK(vote_all(shown));
    RoundReport round{.round = rounds_.round(),
                      .score = {},
                      .proposers = rounds_.proposers(),
                      .voters = rounds_.voters(),
                      .accepted = 0,
                      .epsilon = spent()};
    KOINON_CHECK(take(shown, round));
    KOINON_TRY(round.score, trainer_.evaluate(model_, test_));
    for (const auto& seat : round.proposers) {
      auto& account = participant(seat.who).account;
      KOINON_TRY(account.earned, account.earned.plus(seat.paid));
      account.times_paid += seat.fate == Fate::paid ? 1 : 0;
      account.times_slashed += seat.fate == Fate::harmful ? 1 : 0;
    }
    for (const auto& seat : round.voters) {
      auto& account = participant(seat.who).account;
      KOINON_TRY(account.earned, account.earned.plus(seat.paid));
    }
    report_.rounds.push_back(round);
    if (progress && !progress(round)) return fail(Code::cancelled, "[federated] stopped after round {}", round.round);
  }
  for (auto& p : people_) report_.accounts.push_back(p.account);
  report_.model = model_;
  return std::move(report_);
}

}  // namespace

const std::vector<std::string>& attack_names() {
  static const std::vector<std::string> kNames = {"labels", "reverse", "noise", "idle", "echo", "faint", "mixed"};
  return kNames;
}

Status PlaySettings::check() const {
  const auto wrong = [](std::string_view what, std::string_view expected) {
    return fail(Code::out_of_range, "[federated] {}: {} expected", what, expected);
  };
  KOINON_CHECK(rules.check());
  if (participants > kMostParticipants || participants < std::size_t{rules.proposers} + rules.least_voters)
    return wrong("participants", "at least proposers and least_voters together, at most 100000,");
  if (hostile > participants) return wrong("hostile", "at most all participants");
  if (!(alpha >= 0 && alpha <= 1e6)) return wrong("alpha", "0 to 1000000");
  if (!(rate > 0 && rate <= 10)) return wrong("rate", "above 0, at most 10");
  if (epochs < 1 || epochs > 1000) return wrong("epochs", "1 to 1000");
  if (!(judged > 0 && judged <= 0.9)) return wrong("judged", "above 0, at most 0.9");
  if (!(delta > 0 && delta < 1)) return wrong("delta", "above 0, below 1");
  if (privacy && !(privacy->noise > 0 && privacy->noise <= 1000 && privacy->clip > 0 && privacy->clip <= 1e6))
    return wrong("privacy", "noise above 0, at most 1000, and a clip above 0");
  return {};
}

Result<PlayReport> play(const Recipe& recipe, const DataSet& data, const DataSet& test, const PlaySettings& settings,
                        const Machine& machine, const std::function<bool(const RoundReport&)>& progress) {
  KOINON_CHECK(settings.check());
  KOINON_TRY(const auto trainer, Trainer::make(recipe, data, machine));
  const bool lies = settings.hostile > 0 && (settings.attack == Attack::labels || settings.attack == Attack::mixed);
  if (lies && (data.classes < 2 || data.targets.empty()))
    return fail(Code::unsupported, "[federated] wrong labels: data with classes expected");
  const auto wrong = lies ? mislabelled(data) : DataSet{};
  std::unique_ptr<Trainer> liar;
  if (lies) {
    KOINON_TRY(liar, Trainer::make(recipe, wrong, machine));
  }
  KOINON_TRY(auto rounds, Rounds::make(settings.rules));
  return Play(data, test, settings, *trainer, liar.get(), std::move(rounds)).run(progress);
}

}  // namespace koinon::work::federated
