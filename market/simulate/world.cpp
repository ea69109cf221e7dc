#include "market/simulate/world.hpp"

#include <algorithm>
#include <bit>

#include "trust/quorum/compare.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::market::simulate {
namespace {

using rules::Amount;
using rules::Order;
using trust::Role;

/// The highest price of a seat: 0.001 tokens or so. Only ratios to it matter.
constexpr std::uint8_t kTier = 40;
/// A million providers need more than one tier; the cheaper ones have as much lower costs.
constexpr std::uint32_t kTierPeople = rules::DrawTree::kCapacity;
constexpr std::uint32_t kRecord = 12;
constexpr double kStrays = 0.05;  ///< providers that lie for themselves, where juries are what is tried
constexpr Amount kPlenty = Amount{1} << 100;

base::Hash label(std::uint64_t text, std::uint32_t account = 0) {
  base::Hash out;
  for (std::size_t i = 0; i < 8; ++i) out.bytes[i] = static_cast<std::uint8_t>(text >> (8 * i));
  for (std::size_t i = 0; i < 4; ++i) out.bytes[8 + i] = static_cast<std::uint8_t>(account >> (8 * i));
  return out;
}

constexpr std::uint64_t kRight = 1, kTrace = 2, kSecret = 3, kLie = 4, kLieSecret = 5, kOwn = 6, kNoMark = 7;

bool has(std::uint64_t bits, std::size_t i) { return (bits >> i & 1) != 0; }

/// Number of the jury that sits in `round`.
unsigned jury_of(const Order& o, std::size_t round) {
  unsigned out = 0;
  for (std::size_t r = 0; r < round; ++r) out += o.facts.rounds[r].role == Role::jury ? 1 : 0;
  return out;
}

/// Chance that more than half of `seats` are of a hand with `share` of the stake.
double majority_chance(unsigned seats, double share) {
  double term = 1, sum = 0;
  for (unsigned i = 0; i < seats; ++i) term *= 1 - share;  // none
  for (unsigned i = 0; i <= seats; ++i) {
    if (2 * i > seats) sum += term;
    term = term * share / (1 - share) * (seats - i) / (i + 1);
  }
  return sum;
}

/// What members and traps compare.
std::vector<trust::SeatTag> seat_tags(const Order& o) {
  std::vector<trust::SeatTag> out;
  for (std::size_t i = 0; i < o.members.size(); ++i) out.push_back({o.facts.claims[i].claim, o.role(i), has(o.accepted, i)});
  return out;
}

}  // namespace

Dice::Dice(std::uint64_t seed) {
  for (auto& s : state_) {
    seed += 0x9e3779b97f4a7c15;
    auto z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    s = z ^ (z >> 31);
  }
}

std::uint64_t Dice::next() {
  const auto out = std::rotl(state_[1] * 5, 7) * 9;
  const auto t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return out;
}

base::Hash Dice::hash() {
  base::Hash out;
  for (std::size_t w = 0; w < 4; ++w) {
    const auto value = next();
    for (std::size_t i = 0; i < 8; ++i) out.bytes[8 * w + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return out;
}

bool Dice::falls(double share) { return static_cast<double>(next() >> 11) * 0x1p-53 < share; }

World::Kind World::kind_of(const std::string& name) {
  if (name.starts_with("colluding")) return Kind::colluding;
  if (name.starts_with("majority")) return Kind::majority;
  static const std::vector<std::pair<std::string, Kind>> kNames{
      {"lazy", Kind::lazy},
      {"lying", Kind::lying},
      {"sybil", Kind::sybil},
      {"lazy-auditors", Kind::lazy_auditors},
      {"lazy-jurors", Kind::lazy_jurors},
      {"silent", Kind::silent},
      {"hiding", Kind::hiding},
      {"withholding", Kind::withholding},
      {"slander", Kind::slander},
      {"griefing-buyer", Kind::griefing_buyer},
      {"griefing-appeal", Kind::griefing_appeal},
      {"optimistic-lying", Kind::optimistic_lying},
      {"optimistic-withholding", Kind::optimistic_withholding},
      {"griefing-challenge", Kind::griefing_challenge},
  };
  const auto found = std::ranges::find(kNames, name, &std::pair<std::string, Kind>::first);
  KOINON_INVARIANT(found != kNames.end());
  return found->second;
}

World::World(const Settings& settings, const Attack& attack)
    : settings_(settings),
      attack_(attack),
      kind_(kind_of(attack.name)),
      dice_(settings.seed),
      registry_(rules::lock_of(attack.optimistic ? 1 : settings.n, rules::price(kTier))),
      market_(registry_, settings.rules) {
  settle_in();
}

void World::settle_in() {
  terms_.check = attack_.optimistic ? 1 : 0;
  terms_.n = attack_.optimistic ? 1 : settings_.n;
  terms_.k = attack_.optimistic ? 1 : settings_.k;
  terms_.audit_bps = attack_.optimistic ? 0 : settings_.audit_bps;
  terms_.max_tier = kTier;
  price_ = rules::price(kTier);
  lock_ = rules::lock_of(terms_.n, price_);
  stake_ = lock_ * settings_.locks;
  auto left = settings_.providers;
  providers_ = settings_.providers;
  mine_ = static_cast<std::uint32_t>(attack_.share * settings_.providers);
  if (kind_ == Kind::lazy_jurors) stray_ = static_cast<std::uint32_t>(kStrays * settings_.providers);
  if (kind_ == Kind::sybil) {
    // The same part of the stake, in as many accounts of one lock as it gives.
    const auto whole = mine_;
    mine_ = std::min<std::uint32_t>(whole * settings_.locks, 20 * kTierPeople);
    providers_ = left = left - whole + mine_;
  }
  for (std::uint32_t i = 0; i < left; ++i) {
    const bool small = kind_ == Kind::sybil && i < mine_;
    const auto tier = static_cast<std::uint8_t>(kTier - i / kTierPeople);
    const auto id = registry_.open(small ? lock_ : stake_);
    KOINON_INVARIANT(registry_.stake(id, small ? lock_ : stake_) && registry_.offer(id, tier));
    if (!small) registry_.remember(id, kRecord);
  }
  terms_.buyer = registry_.open(kPlenty);
  outsider_ = registry_.open(kPlenty);
}

double World::in_prices(Amount amount) const { return static_cast<double>(amount) / static_cast<double>(price_); }

double World::cost_of(const Order& o, std::size_t seat) const {
  return settings_.cost * in_prices(rules::price(o.members[seat].tier));
}

/// What the attackers do in this order, once its quorum is known to them.
void World::agree(Play& play) {
  const auto& o = market_.order(play.id);
  std::size_t count = 0;
  for (const auto& c : o.facts.claims) count += mine(c.claim.account) ? 1 : 0;
  const bool all = count == o.members.size() && count >= o.terms.k;
  switch (kind_) {
    case Kind::colluding: play.tried = play.lied = all; return;
    case Kind::majority:
    case Kind::slander: play.tried = play.lied = count >= o.terms.k; return;
    case Kind::lazy_auditors:
    case Kind::lazy_jurors: return;  // later
    case Kind::sybil:
    case Kind::griefing_buyer:
    case Kind::griefing_appeal:
    case Kind::griefing_challenge: play.tried = true; return;
    default: play.tried = count != 0;
  }
}

/// Whether the coalition's word goes where this seat sits. Who is drawn is known: a juror of it that cannot win votes for the
/// truth, and is paid for it, instead of losing its lock too.
bool World::carries(const Order& o, std::size_t seat) const {
  const auto round = o.facts.claims[seat].round;
  if (o.facts.rounds[round].role != Role::jury) return true;
  unsigned own = 0;
  for (const auto& c : o.facts.claims) own += c.round == round && mine(c.claim.account) ? 1 : 0;
  return 2 * own > o.facts.rounds[round].seated;
}

World::Act World::act(const Play& play, std::size_t seat) const {
  const auto& o = market_.order(play.id);
  const auto account = o.facts.claims[seat].claim.account;
  const auto role = o.role(seat);
  if (stray(account)) return Act::guess;
  if (!mine(account)) return Act::work;
  switch (kind_) {
    case Kind::lazy:
    case Kind::optimistic_lying: return Act::guess;
    case Kind::lying: return Act::false_result;
    case Kind::colluding:
    case Kind::majority: return play.lied && carries(o, seat) ? Act::lie : Act::work;
    case Kind::slander: return play.lied && carries(o, seat) ? Act::slander : Act::work;
    case Kind::lazy_auditors: return role == Role::audit ? Act::copy : Act::work;
    case Kind::lazy_jurors: return role == Role::jury ? Act::copy : Act::work;
    case Kind::silent: return Act::nothing;
    case Kind::hiding: return Act::hide;
    default: return Act::work;
  }
}

void World::reveal(Play& play, std::size_t seat, Act what) {
  const auto& o = market_.order(play.id);
  const auto account = o.facts.claims[seat].claim.account;
  const auto round = o.facts.claims[seat].round;
  const auto role = o.role(seat);
  const auto mark = [&](std::uint64_t secret) {
    if (role == Role::jury) return trust::witness_link(o.facts.context, label(secret), jury_of(o, round));
    const auto link = secret == kSecret ? play.link : trust::witness_link(o.facts.context, label(secret), 0);
    return trust::tag(o.facts.context, account, link);
  };
  const auto say = [&](const base::Hash& output, const base::Hash& trace, const base::Hash& how) {
    KOINON_INVARIANT(market_.reveal(play.id, account, output, trace, how));
  };
  if (what == Act::work || what == Act::false_result) play.ran |= std::uint64_t{1} << seat;
  switch (what) {
    case Act::work: return say(label(kRight), label(kTrace), mark(kSecret));
    case Act::lie: return say(label(kLie), label(kTrace), mark(kLieSecret));
    case Act::false_result: return say(label(kOwn, account), label(kTrace), mark(kSecret));
    case Act::slander: return say(trust::bad_input_roots().output, base::Hash{}, mark(kLieSecret));
    case Act::copy: return say(label(kRight), label(kTrace), label(kNoMark, account));
    default: return say(label(kOwn, account), label(kOwn, account), label(kNoMark, account));
  }
}

/// One round from the draw to its end: seats, input, commitments, results.
void World::work_round(Play& play) {
  const auto id = play.id;
  const auto& o = market_.order(id);
  if (o.phase == Phase::draw) KOINON_INVARIANT(market_.draw(id, dice_.hash()));
  if (o.phase != Phase::input) return;
  const auto round = o.facts.rounds.size() - 1;
  if (round == 0) agree(play);
  if (kind_ == Kind::griefing_buyer) {
    market_.expire(id);
    return;
  }
  KOINON_INVARIANT(market_.publish(id, terms_.buyer));
  std::vector<std::pair<std::size_t, Act>> acts;
  for (std::size_t i = 0; i < o.members.size(); ++i)
    if (o.facts.claims[i].round == round) acts.emplace_back(i, act(play, i));
  for (const auto& [seat, what] : acts) {
    if (what == Act::copy) play.tried = true;
    if (what != Act::nothing) KOINON_INVARIANT(market_.commit(id, o.facts.claims[seat].claim.account));
  }
  if (o.phase == Phase::commit) market_.expire(id);
  if (o.phase != Phase::reveal || o.facts.rounds.size() - 1 != round) return;
  for (const auto& [seat, what] : acts)
    if (what != Act::hide && what != Act::nothing && o.phase == Phase::reveal) reveal(play, seat, what);
  if (o.phase == Phase::reveal && o.facts.rounds.size() - 1 == round) market_.expire(id);
}

/// Until a verdict stands or the order is over.
void World::play_on(Play& play) {
  const auto& o = market_.order(play.id);
  while (o.phase != Phase::standing && !is_final(o.phase)) {
    if (o.phase == Phase::audit_draw)
      KOINON_INVARIANT(market_.draw_audit(play.id, dice_.hash()));
    else
      work_round(play);
  }
}

void World::step() {
  const auto id = market_.place(terms_);
  KOINON_INVARIANT(id.has_value());
  Play play;
  play.id = *id;
  play.trap = dice_.falls(settings_.traps);
  play.hasty = settings_.hasty > 0 && !play.trap && dice_.falls(settings_.hasty);
  play.link = trust::witness_link(market_.order(*id).facts.context, label(kSecret), 0);
  play_on(play);
  flight_.push_back(play);
  if (flight_.size() > settings_.in_flight) {
    close(flight_.front());
    flight_.pop_front();
  }
}

void World::finish() {
  for (auto& play : flight_) close(play);
  flight_.clear();
}

std::optional<std::uint32_t> World::coalition_appellant(const Order& o) const {
  const auto chance = majority_chance(
      std::min<unsigned>(trust::QuorumCheck::jury_size(o.terms.n, o.juries), settings_.rules.max_jury), attack_.share);
  Amount saved = 0;
  std::optional<std::uint32_t> who;
  for (std::size_t i = 0; i < o.members.size(); ++i) {
    const auto account = o.facts.claims[i].claim.account;
    if (!mine(account) || !has(o.rejected, i)) continue;
    saved += o.members[i].locked;
    if (registry_.can_pledge(account, market_.appeal_bond(o))) who = account;
  }
  return in_prices(saved) * chance > in_prices(market_.appeal_bond(o)) * (1 - chance) ? who : std::nullopt;
}

/// Who appeals against the verdict that stands, if anybody.
std::optional<std::uint32_t> World::appellant(const Play& play) const {
  const auto& o = market_.order(play.id);
  if (o.juries >= trust::kJuries) return {};
  const bool bad = o.output_root == trust::bad_input_roots().output;
  if (bad) return terms_.buyer;  // it has the input, and knows that it is good
  const bool wrong = o.output_root != label(kRight);
  // Whoever ran the program knows the link that all right tags hang from, as a node does (market/actor).
  const auto tags = seat_tags(o);
  const bool copied = trust::without_run(o.facts.context, tags, play.link) != 0;
  const bool compared = settings_.members_compare && trust::awaits_comparison(tags, o.juries);
  if (play.trap && (wrong || copied)) return terms_.buyer;
  const auto bond = market_.appeal_bond(o);
  for (std::size_t i = 0; i < o.members.size(); ++i) {
    const auto account = o.facts.claims[i].claim.account;
    if (!has(play.ran, i) || (mine(account) && kind_ != Kind::lazy_auditors) || !registry_.can_pledge(account, bond)) continue;
    if (has(o.rejected, i) && !stray(account)) return account;
    const bool stands = has(o.accepted, i) && o.role(i) == Role::quorum && !mine(account);
    if (compared && stands && !wrong && copied) return account;
  }
  if (play.lied) return coalition_appellant(o);
  return {};
}

void World::dispute(Play& play) {
  const auto& o = market_.order(play.id);
  if (kind_ == Kind::griefing_appeal && o.phase == Phase::standing && market_.appeal(play.id, outsider_)) {
    play.griefer = outsider_;
    play_on(play);
  }
  if (play.hasty && o.phase == Phase::standing && o.rejected == 0 && o.accepted == o.revealed) return;  // confirmed
  while (o.phase == Phase::standing) {
    const auto who = appellant(play);
    if (!who || !market_.appeal(play.id, *who)) return;
    play_on(play);
  }
}

/// Appeals, delivery, settlement.
void World::close(Play& play) {
  const auto id = play.id;
  const auto& o = market_.order(id);
  if (attack_.optimistic) {
    const bool watched = dice_.falls(settings_.watched);
    const bool theirs = o.phase == Phase::standing && mine(o.facts.claims[0].claim.account);
    if (kind_ == Kind::optimistic_lying && theirs && watched)
      KOINON_INVARIANT(market_.challenge(id, outsider_) && market_.prove(id, 0));
    if (kind_ == Kind::optimistic_withholding && theirs && watched)
      KOINON_INVARIANT(market_.demand_trace(id, outsider_) && market_.condemn(id, outsider_) && market_.collect(id, outsider_));
    if (kind_ == Kind::griefing_challenge && o.phase == Phase::standing) KOINON_INVARIANT(market_.challenge(id, outsider_));
  } else {
    dispute(play);
  }
  if (kind_ == Kind::withholding && o.phase == Phase::standing) {
    const auto gives = [&](std::size_t i) {
      return has(o.accepted, i) && o.role(i) == Role::quorum && !mine(o.facts.claims[i].claim.account);
    };
    bool delivered = false;
    for (std::size_t i = 0; i < o.members.size(); ++i) delivered = delivered || gives(i);
    for (std::size_t i = 0; i < o.members.size() && !delivered; ++i)
      if (market_.demand_output(id, o.facts.claims[i].claim.account)) market_.expire(id);
  }
  if (!is_final(o.phase)) market_.expire(id);
  KOINON_INVARIANT(is_final(o.phase));
  count(play);
  restore(o);
  market_.forget(id);
}

void World::count(const Play& play) {
  const auto& o = market_.order(play.id);
  const auto& end = o.ending;
  ++tally_.orders;
  double put = 0, gain = 0, honest = 0, victims = 0;
  bool caught = false;
  const double fee = settings_.rules.fee_bps / 10'000.0;
  for (std::size_t i = 0; i < o.members.size(); ++i) {
    const auto& x = end.members[i];
    const auto role = o.role(i);
    const double price = in_prices(rules::price(o.members[i].tier));
    const double cost = has(play.ran, i) ? cost_of(o, i) : 0;
    const double got = in_prices(x.paid) - in_prices(x.slashed) - cost;
    if (role == Role::audit) tally_.audits += in_prices(x.paid + x.fee);
    if (role == Role::quorum && x.verdict == Standing::accepted) tally_.quorums += in_prices(x.paid + x.fee);
    if (!mine(x.account)) {
      if (got < 0 && !stray(x.account)) victims -= got;
      continue;
    }
    if (attack_.attacker != Attacker::provider) continue;
    gain += got;
    put += in_prices(o.members[i].locked);
    caught = caught || x.slashed != 0;
    // A jury sits because somebody lied: an honest coalition would not have been asked, unless the lie was not its own.
    if (role != Role::jury || kind_ == Kind::lazy_jurors) honest += price * (1 - fee) - cost_of(o, i);
  }
  for (std::size_t a = 0; a < o.appeals.size(); ++a) {
    const auto who = o.appeals[a].account;
    const double net = in_prices(end.appeals[a]) - in_prices(o.appeals[a].bond);
    const bool own = who <= providers_ ? mine(who) : play.griefer == who;
    if (own) {
      gain += net;
      if (play.griefer == who) put += in_prices(o.appeals[a].bond);
      caught = caught || net < 0;
    } else if (net < 0) {
      victims -= net;
    }
  }
  const bool settled = o.phase == Phase::settled;
  if (kind_ == Kind::griefing_challenge && settled) {
    gain -= in_prices(price_);
    put += in_prices(price_);
    caught = true;
  }
  const double spent = in_prices(o.terms.n * price_ + price_ + price_ * o.terms.n / 10) - in_prices(end.buyer);
  if (kind_ == Kind::griefing_buyer) {
    gain -= spent;
    put += in_prices(o.terms.n * price_ + price_ + price_ * o.terms.n / 10);
    caught = spent > 0;
  } else if (settled && o.output_root != label(kRight)) {
    victims += spent;
    if (play.tried) gain += settings_.prize;
  }
  if (kind_ == Kind::sybil) {
    // Its part of all that providers earned in this order, had it been in accounts as others have.
    double all = 0;
    for (std::size_t i = 0; i < o.members.size(); ++i)
      all += in_prices(end.members[i].paid) - in_prices(end.members[i].slashed) - cost_of(o, i);
    honest = attack_.share * all;
    put = attack_.share * o.terms.n * in_prices(lock_);
    caught = false;
  }
  if (!play.tried) return;
  ++tally_.tries;
  tally_.caught += caught ? 1 : 0;
  tally_.put += put;
  tally_.gain += gain - honest;
  tally_.gain_squared += (gain - honest) * (gain - honest);
  tally_.honest += honest;
  tally_.victims += victims;
}

/// Everybody as before: the next try meets the same market.
void World::restore(const Order& o) {
  for (const auto& c : o.facts.claims) {
    const auto id = c.claim.account;
    const bool small = kind_ == Kind::sybil && mine(id);
    const auto whole = small ? lock_ : stake_;
    const auto& a = registry_.account(id);
    if (a.stake < whole) {
      registry_.deposit(id, whole - a.stake);
      KOINON_INVARIANT(registry_.stake(id, whole - registry_.account(id).stake));
    }
    if (a.suspended && a.stake - a.locked >= lock_) KOINON_INVARIANT(registry_.offer(id, a.tier));
    if (!small && a.streak < kRecord) registry_.remember(id, kRecord);
  }
}

}  // namespace koinon::market::simulate
