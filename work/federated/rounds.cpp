#include "work/federated/rounds.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using Kind = Action::Kind;

constexpr std::uint32_t kMostProposers = 1024, kMostVoters = 1023, kMostRounds = 65535, kBps = 10'000;

/// Amounts were checked against each other before: what does not fit is a bug of ours.
Wei sure(Result<Wei> amount) {
  KOINON_INVARIANT(amount.has_value());
  return *amount;
}
Wei sum(const Wei& a, const Wei& b) { return sure(a.plus(b)); }
Wei less(const Wei& a, const Wei& b) { return sure(a.minus(b)); }

/// What a round costs at most.
Result<Wei> cost(const Rules& rules) {
  KOINON_TRY(const auto fees, rules.voter_fee.times(rules.voters));
  return rules.reward.plus(fees);
}

/// `count` of `from`, in the order of the draw: Fisher and Yates with keccak256(seed | be64(i)), of which the first 8 bytes
/// modulo what is left (a bias below 2^-40 for 2^24 participants).
std::vector<Address> draw(std::vector<Address> from, std::size_t count, const Hash& seed) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto h = base::keccak256({seed.view(), base::be64(i)});
    std::uint64_t word = 0;
    for (std::size_t b = 0; b < 8; ++b) word = word << 8 | h.bytes[b];
    std::swap(from[i], from[i + word % (from.size() - i)]);
  }
  from.resize(count);
  return from;
}

/// The largest score that more than half of `seats` voters grant; votes that are missing grant nothing above -1.
Vote granted(std::vector<Vote> votes, std::size_t seats) {
  votes.resize(seats, -1);
  std::ranges::sort(votes, std::greater<>());
  return votes[seats / 2];
}

/// The smallest number below 0 that more than bps of `seats` voters do not exceed, else 0; votes that are missing blame nobody.
Vote blamed(std::vector<Vote> votes, std::size_t seats, std::uint32_t bps) {
  votes.resize(seats, 0);
  std::ranges::sort(votes);
  return std::min(0, votes[seats * bps / kBps]);
}

/// The most that one round adds to a record, so that no single draw with a majority of hostile voters slashes anybody.
std::int64_t most_blame(const Rules& rules) {
  return -((-std::int64_t{rules.harm} + Rules::kLeastRounds - 1) / Rules::kLeastRounds);
}

}  // namespace

Status Rules::check() const {
  const auto wrong = [](std::string_view term, std::string_view expected) {
    return fail(Code::out_of_range, "[federated] {}: {} expected", term, expected);
  };
  if (rounds < 1 || rounds > kMostRounds) return wrong("rounds", "1 to 65535");
  if (proposers < 1 || proposers > kMostProposers) return wrong("proposers", "1 to 1024");
  if (voters < 1 || voters > kMostVoters || voters % 2 == 0) return wrong("voters", "an odd number, 1 to 1023,");
  if (least_voters < 1 || least_voters > voters || least_voters % 2 == 0)
    return wrong("least_voters", "an odd number up to voters");
  if (slash_bps > kBps || quiet_bps > slash_bps) return wrong("slash_bps, quiet_bps", "quiet <= slash <= 10000");
  if (harm >= 0 || harm < -kMostVote) return wrong("harm", "-1000000 to -1");
  if (credit < 0 || credit > kMostVote) return wrong("credit", "0 to 1000000");
  if (agree_bps < kBps / 2 || agree_bps >= kBps) return wrong("agree_bps", "5000 to 9999");
  if (worth < 1 || worth > kMostVote) return wrong("worth", "1 to 1000000");
  if (most_share < 1 || most_share > kMostProposers) return wrong("most_share", "1 to 1024");
  if (stake.is_zero()) return wrong("stake", "more than 0");
  KOINON_TRY(const auto round_cost, cost(*this));
  KOINON_TRY([[maybe_unused]] const auto all, round_cost.times(rounds));
  // Amounts below 2^200 leave room for every sum and product of theirs.
  const auto word = stake.word();
  for (std::size_t i = 0; i < 7; ++i)
    if (word.bytes[i] != 0) return wrong("stake", "below 2^200");
  return {};
}

Hash proposal_commitment(std::uint32_t round, const Address& who, const Hash& root, const Hash& salt) {
  return base::keccak256(
      {base::as_bytes("koinon.federated.proposal"), base::be64(round), who.view(), root.view(), salt.view()});
}

Hash votes_commitment(std::uint32_t round, const Address& who, const std::vector<Vote>& votes, const Hash& salt) {
  base::Bytes all;
  for (const auto vote : votes) {
    const auto word = base::be64(static_cast<std::uint64_t>(static_cast<std::int64_t>(vote)));
    all.insert(all.end(), word.begin(), word.end());
  }
  return base::keccak256({base::as_bytes("koinon.federated.votes"), base::be64(round), who.view(), all, salt.view()});
}

Result<Rounds> Rounds::make(const Rules& rules) {
  KOINON_CHECK(rules.check());
  return Rounds(rules);
}

Result<Actions> Rounds::apply(const Event& event) {
  if (phase_ == Phase::over) return fail(Code::conflict, "[federated] the order is over");
  return std::visit([this](const auto& e) { return on(e); }, event);
}

std::vector<std::size_t> Rounds::shown() const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < proposers_.size(); ++i)
    if (proposers_[i].root) out.push_back(i);
  return out;
}

Wei Rounds::held() const {
  Wei out = pot_;
  for (const auto& [who, stake] : stakes_) out = sum(out, stake);
  return out;
}

Result<Actions> Rounds::on(const Fund& event) {
  KOINON_TRY(const auto pot, pot_.plus(event.amount));
  const auto word = pot.word();
  if (word.bytes[0] != 0 || word.bytes[1] != 0) return fail(Code::out_of_range, "[federated] a fund below 2^240 expected");
  pot_ = pot;
  return Actions{{Kind::take, {}, event.amount, {}}};
}

Result<Actions> Rounds::on(const Join& event) {
  if (event.who.is_zero()) return fail(Code::invalid_argument, "[federated] the zero account cannot join");
  if (stakes_.contains(event.who)) return fail(Code::conflict, "[federated] {} has joined already", base::to_hex(event.who));
  if (stakes_.size() >= std::size_t{1} << 24) return fail(Code::exhausted, "[federated] at most 2^24 participants");
  stakes_[event.who] = rules_.stake;
  return Actions{{Kind::take, event.who, rules_.stake, {}}};
}

Result<Actions> Rounds::on(const Leave& event) {
  if (!stakes_.contains(event.who)) return fail(Code::conflict, "[federated] {} has not joined", base::to_hex(event.who));
  leaving_.insert(event.who);
  Actions actions;
  if (phase_ == Phase::idle) release(actions);
  return actions;
}

Result<Actions> Rounds::on(const Begin& event) {
  if (phase_ != Phase::idle) return fail(Code::conflict, "[federated] a round is in progress");
  KOINON_TRY(const auto needed, cost(rules_));
  // Too few people or too little money: the order is over, and everybody has the rest of what is theirs.
  if (pot_ < needed || stakes_.size() < std::size_t{rules_.proposers} + rules_.least_voters) return finish();
  const auto others = stakes_.size() - rules_.proposers;
  const auto voters = std::min<std::size_t>(rules_.voters, others - (others % 2 == 0 ? 1 : 0));
  std::vector<Address> all;
  for (const auto& [who, stake] : stakes_) all.push_back(who);
  const auto drawn = draw(std::move(all), rules_.proposers + voters, event.seed);
  proposers_.clear();
  voters_.clear();
  Actions actions;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const bool proposes = i < rules_.proposers;
    if (proposes)
      proposers_.push_back({.who = drawn[i], .commitment = {}, .root = {}, .paid = {}});
    else
      voters_.push_back({.who = drawn[i], .commitment = {}, .votes = {}, .paid = {}});
    actions.push_back({proposes ? Kind::propose : Kind::vote, drawn[i], {}, {}});
  }
  phase_ = Phase::proposing;
  return actions;
}

Result<ProposerSeat*> Rounds::proposer(const Address& who, Phase phase) {
  if (phase_ != phase) return fail(Code::conflict, "[federated] not in this phase of the round");
  const auto found = std::ranges::find(proposers_, who, &ProposerSeat::who);
  if (found == proposers_.end()) return fail(Code::conflict, "[federated] {} is not drawn to propose", base::to_hex(who));
  return &*found;
}

Result<VoterSeat*> Rounds::voter(const Address& who, Phase phase) {
  if (phase_ != phase) return fail(Code::conflict, "[federated] not in this phase of the round");
  const auto found = std::ranges::find(voters_, who, &VoterSeat::who);
  if (found == voters_.end()) return fail(Code::conflict, "[federated] {} is not drawn to vote", base::to_hex(who));
  return &*found;
}

Result<Actions> Rounds::on(const CommitProposal& event) {
  KOINON_TRY(auto* seat, proposer(event.who, Phase::proposing));
  if (seat->commitment) return fail(Code::conflict, "[federated] {} has committed already", base::to_hex(event.who));
  seat->commitment = event.commitment;
  return complete() ? advance() : Actions{};
}

Result<Actions> Rounds::on(const ShowProposal& event) {
  KOINON_TRY(auto* seat, proposer(event.who, Phase::showing));
  if (!seat->commitment || seat->root) return fail(Code::conflict, "[federated] nothing to show");
  if (proposal_commitment(round_, event.who, event.root, event.salt) != *seat->commitment)
    return fail(Code::rejected, "[federated] {} shows another proposal than it committed to", base::to_hex(event.who));
  for (const auto& other : proposers_)
    if (other.root == event.root) return fail(Code::rejected, "[federated] this proposal was shown by another already");
  seat->root = event.root;
  return complete() ? advance() : Actions{};
}

Result<Actions> Rounds::on(const CommitVotes& event) {
  KOINON_TRY(auto* seat, voter(event.who, Phase::voting));
  if (seat->commitment) return fail(Code::conflict, "[federated] {} has committed already", base::to_hex(event.who));
  seat->commitment = event.commitment;
  return complete() ? advance() : Actions{};
}

Result<Actions> Rounds::on(const ShowVotes& event) {
  KOINON_TRY(auto* seat, voter(event.who, Phase::opening));
  if (!seat->commitment || seat->shown) return fail(Code::conflict, "[federated] nothing to show");
  const auto wanted = shown().size();
  if (event.votes.size() != wanted)
    return fail(Code::rejected, "[federated] {} votes: {} expected", event.votes.size(), wanted);
  for (const auto vote : event.votes)
    if (vote < -kMostVote || vote > kMostVote)
      return fail(Code::out_of_range, "[federated] a vote of {}: -1000000 to 1000000 expected", vote);
  if (votes_commitment(round_, event.who, event.votes, event.salt) != *seat->commitment)
    return fail(Code::rejected, "[federated] {} shows other votes than it committed to", base::to_hex(event.who));
  seat->votes = event.votes;
  seat->shown = true;
  return complete() ? advance() : Actions{};
}

Result<Actions> Rounds::on(const Close&) {
  if (phase_ == Phase::idle) return fail(Code::conflict, "[federated] no round is in progress");
  return advance();
}

bool Rounds::complete() const {
  switch (phase_) {
    case Phase::proposing: return std::ranges::all_of(proposers_, [](const auto& s) { return s.commitment.has_value(); });
    case Phase::showing: return std::ranges::all_of(proposers_, [](const auto& s) { return !s.commitment || s.root; });
    case Phase::voting: return std::ranges::all_of(voters_, [](const auto& s) { return s.commitment.has_value(); });
    case Phase::opening: return std::ranges::all_of(voters_, [](const auto& s) { return !s.commitment || s.shown; });
    default: return false;
  }
}

Actions Rounds::advance() {
  if (phase_ == Phase::opening) return settle();
  phase_ = static_cast<Phase>(static_cast<std::uint8_t>(phase_) + 1);
  const bool nothing_shown = phase_ == Phase::voting && shown().empty();
  const bool no_votes =
      phase_ == Phase::opening && std::ranges::none_of(voters_, [](const auto& s) { return s.commitment.has_value(); });
  const bool no_proposals =
      phase_ == Phase::showing && std::ranges::none_of(proposers_, [](const auto& s) { return s.commitment.has_value(); });
  return nothing_shown || no_votes || no_proposals ? settle() : Actions{};
}

/// Scores and fates, from the votes alone. Each proposal is judged by the votes on it and by nothing else.
void Rounds::judge() {
  const auto seats = shown();
  for (auto& seat : proposers_) seat.fate = Fate::quiet;
  for (std::size_t p = 0; p < seats.size(); ++p) {
    auto& seat = proposers_[seats[p]];
    std::vector<Vote> votes;
    for (const auto& v : voters_)
      if (v.shown) votes.push_back(v.votes[p]);
    seat.score = granted(votes, voters_.size());
    seat.blame = blamed(votes, voters_.size(), rules_.agree_bps);
    auto& record = records_[seat.who];
    const auto counted = std::max<std::int64_t>(seat.blame, most_blame(rules_));
    record = std::min<std::int64_t>(rules_.credit, record + (seat.blame < 0 ? counted : std::max(0, seat.score)));
    seat.record = record;
    if (record <= rules_.harm)
      seat.fate = Fate::harmful;
    else if (seat.blame < 0)
      seat.fate = Fate::refused;
    else
      seat.fate = seat.score < rules_.worth ? Fate::useless : Fate::paid;
  }
}

void Rounds::pay_proposers(Actions& actions) {
  std::uint64_t total = 0;
  for (const auto& seat : proposers_)
    if (seat.fate == Fate::paid) total += static_cast<std::uint64_t>(seat.score);
  const auto most = std::min(rules_.reward, sure(rules_.reward.scaled(rules_.most_share, rules_.proposers)));
  for (auto& seat : proposers_) {
    if (seat.fate == Fate::paid || seat.fate == Fate::useless) actions.push_back({Kind::accept, seat.who, {}, *seat.root});
    if (seat.fate != Fate::paid) continue;
    seat.paid = std::min(most, sure(rules_.reward.scaled(static_cast<std::uint64_t>(seat.score), total)));
    pot_ = less(pot_, seat.paid);
    actions.push_back({Kind::pay, seat.who, seat.paid, {}});
  }
}

/// A voter is paid when it showed its votes and was, on most proposals that harm or are paid, on the side of the majority.
void Rounds::pay_voters(Actions& actions) {
  const auto seats = shown();
  for (auto& voter : voters_) {
    if (!voter.shown) continue;
    std::size_t decided = 0, agreed = 0;
    for (std::size_t p = 0; p < seats.size(); ++p) {
      const auto fate = proposers_[seats[p]].fate;
      if (fate != Fate::harmful && fate != Fate::paid) continue;
      ++decided;
      agreed += (fate == Fate::paid) == (voter.votes[p] > 0) ? 1 : 0;
    }
    if (2 * agreed < decided) continue;
    voter.paid = rules_.voter_fee;
    pot_ = less(pot_, voter.paid);
    if (!voter.paid.is_zero()) actions.push_back({Kind::pay, voter.who, voter.paid, {}});
  }
}

/// Half of a fine is burned, half goes to the pot: nobody who judges gains by it.
void Rounds::fine(const Address& who, std::uint32_t bps, Actions& actions) {
  auto& stake = stakes_.at(who);
  const auto amount = std::min(stake, sure(rules_.stake.scaled(bps, kBps)));
  if (amount.is_zero()) return;
  const auto kept = sure(amount.scaled(1, 2));
  stake = less(stake, amount);
  pot_ = sum(pot_, kept);
  actions.push_back({Kind::slash, who, amount, {}});
  actions.push_back({Kind::burn, who, less(amount, kept), {}});
  // Whoever has less than it would lose next time is out: with a stake that is no threat it would have nothing to lose.
  if (stake < sure(rules_.stake.scaled(rules_.slash_bps, kBps)) || bps == rules_.slash_bps) leaving_.insert(who);
}

/// Who leaves gets the rest of its stake.
void Rounds::release(Actions& actions) {
  for (const auto& who : leaving_) {
    const auto found = stakes_.find(who);
    if (!found->second.is_zero()) actions.push_back({Kind::pay, who, found->second, {}});
    stakes_.erase(found);
  }
  leaving_.clear();
}

Actions Rounds::settle() {
  judge();
  Actions actions;
  pay_proposers(actions);
  pay_voters(actions);
  for (const auto& seat : proposers_) {
    if (seat.fate == Fate::harmful) fine(seat.who, rules_.slash_bps, actions);
    if (seat.fate == Fate::quiet) fine(seat.who, rules_.quiet_bps, actions);
  }
  const bool voted = std::ranges::any_of(proposers_, [](const auto& s) { return s.root.has_value(); });
  for (const auto& seat : voters_)
    if (voted && !seat.shown) fine(seat.who, rules_.quiet_bps, actions);
  release(actions);
  ++round_;
  phase_ = Phase::idle;
  actions.push_back({Kind::round, {}, {}, {}});
  if (round_ < rules_.rounds) return actions;
  const auto end = finish();
  actions.insert(actions.end(), end.begin(), end.end());
  return actions;
}

Actions Rounds::finish() {
  Actions actions;
  for (const auto& [who, stake] : stakes_) leaving_.insert(who);
  release(actions);
  if (!pot_.is_zero()) actions.push_back({Kind::pay, {}, pot_, {}});
  pot_ = Wei{};
  phase_ = Phase::over;
  actions.push_back({Kind::finished, {}, {}, {}});
  return actions;
}

}  // namespace koinon::work::federated
