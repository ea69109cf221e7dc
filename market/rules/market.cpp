#include "market/rules/market.hpp"

#include <algorithm>
#include <bit>

#include "base/hash.hpp"
#include "trust/quorum/optimistic.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::market::rules {
namespace {

using trust::Action;
using trust::Role;

constexpr std::uint8_t kMostMembers = 5;

std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << i; }

std::size_t seat_of(const Order& o, std::uint32_t account) {
  for (auto i = o.members.size(); i > 0;)
    if (o.facts.claims[--i].claim.account == account) return i;
  return o.members.size();
}

/// Seat of `account` that the phase waits for; members.size() when there is none.
std::size_t acting_seat(const Order& o, std::uint32_t account) {
  const auto i = seat_of(o, account);
  return i < o.members.size() && (o.acting & bit(i)) != 0 ? i : o.members.size();
}

bool is_quorum_round(const Order& o) { return o.facts.rounds.back().role == Role::quorum; }

bool valid(const Terms& t, const Config& c) {
  if (t.check > 1 || t.n == 0 || t.n > kMostMembers || t.k > t.n || 2 * t.k <= t.n || t.max_tier >= Registry::kTiers)
    return false;
  if (t.check == trust::OptimisticCheck::kCode) return t.n == 1 && t.audit_bps == 0;
  return t.audit_bps >= c.min_audit_bps && t.audit_bps <= 10'000;
}

}  // namespace

Market::Market(Registry& registry, Config config, trust::OrderContext where)
    : registry_(registry), config_(config), where_(where) {}

Order* Market::in(std::uint64_t id, Phase phase) {
  const auto found = orders_.find(id);
  return found == orders_.end() || found->second.phase != phase ? nullptr : &found->second;
}

std::optional<std::uint64_t> Market::place(const Terms& terms) {
  if (!valid(terms, config_)) return {};
  const auto highest = price(terms.max_tier);
  Order o;
  o.terms = terms;
  o.escrow = highest * (terms.n + 1U);
  o.bond = highest * terms.n / 10;
  if (!registry_.debit(terms.buyer, o.escrow + o.bond)) return {};
  const auto id = ++count_;
  o.facts.context = where_;
  o.facts.context.order = id;
  o.facts.n = terms.n;
  o.facts.k = terms.k;
  o.facts.audit_bps = terms.audit_bps;
  open(o, Role::quorum, terms.n, false);
  orders_.emplace(id, std::move(o));
  return id;
}

bool Market::draw(std::uint64_t id, const base::Hash& seed) {
  auto* o = in(id, Phase::draw);
  if (o == nullptr) return false;
  seat(*o, seed);
  return true;
}

bool Market::draw_audit(std::uint64_t id, const base::Hash& seed) {
  auto* o = in(id, Phase::audit_draw);
  if (o == nullptr) return false;
  o->facts.audit_seed = seed;
  decide(*o);
  if (o->phase == Phase::draw) seat(*o, base::keccak256(seed.view()));
  return true;
}

bool Market::publish(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::input);
  if (o == nullptr) return false;
  if (account != o->terms.buyer) {
    const auto i = seat_of(*o, account);
    if (is_quorum_round(*o) || i == o->members.size() || o->facts.claims[i].round + 1U == o->facts.rounds.size()) return false;
  }
  o->publisher = account;
  o->phase = Phase::commit;
  return true;
}

bool Market::commit(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::commit);
  if (o == nullptr) return false;
  const auto i = acting_seat(*o, account);
  if (i == o->members.size() || (o->committed & bit(i)) != 0) return false;
  o->committed |= bit(i);
  if (o->demand_open && o->demand_member == i) answered(*o, o->publisher);
  if (!o->demand_open && (o->committed & o->acting) == o->acting) close_commit(*o);
  return true;
}

bool Market::reveal(std::uint64_t id, std::uint32_t account, const base::Hash& output, const base::Hash& trace,
                    const base::Hash& mark) {
  auto* o = in(id, Phase::reveal);
  if (o == nullptr) return false;
  const auto i = acting_seat(*o, account);
  if (i == o->members.size() || (o->revealed & bit(i)) != 0) return false;
  o->revealed |= bit(i);
  auto& claim = o->facts.claims[i];
  claim.revealed = true;
  claim.claim.output_root = output;
  claim.claim.trace_root = trace;
  claim.claim.mark = mark;
  if ((o->revealed & o->acting) == o->acting) decide(*o);
  return true;
}

bool Market::demand_input(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::commit);
  if (o == nullptr || o->demand_open) return false;
  const auto i = acting_seat(*o, account);
  if (i == o->members.size() || ((o->committed | o->excused) & bit(i)) != 0) return false;
  if (!registry_.pledge(account, config_.demand_bond)) return false;
  o->demand_open = true;
  o->demand_output = false;
  o->demand_member = static_cast<std::uint8_t>(i);
  return true;
}

bool Market::demand_output(std::uint64_t id, std::uint32_t member) {
  auto* o = in(id, Phase::standing);
  if (o == nullptr || o->demand_open) return false;
  const auto i = seat_of(*o, member);
  if (i == o->members.size() || (o->accepted & ~o->silent & bit(i)) == 0 || o->role(i) != Role::quorum) return false;
  if (!registry_.pledge(o->terms.buyer, config_.demand_bond)) return false;
  o->demand_open = o->demand_output = true;
  o->demand_member = static_cast<std::uint8_t>(i);
  return true;
}

bool Market::expire(std::uint64_t id) {
  const auto found = orders_.find(id);
  if (found == orders_.end() || is_final(found->second.phase)) return false;
  auto& o = found->second;
  if (o.demand_open) {
    unanswered(o);
    return true;
  }
  const bool quorum = is_quorum_round(o);
  if (o.phase == Phase::draw) {
    quorum ? give_up(o, Refund::undrawn) : lapse(o);
  } else if (o.phase == Phase::input) {
    quorum ? give_up(o, Refund::no_input) : lapse(o);
  } else if (o.phase == Phase::commit) {
    close_commit(o);
  } else if (o.phase == Phase::reveal) {
    decide(o);
  } else if (o.phase == Phase::audit_draw) {
    o.facts.audit_forced = true;
    decide(o);
  } else if (o.terms.check == trust::OptimisticCheck::kCode) {
    end_claim(o);
  } else {
    const bool settled = o.output_root != trust::bad_input_roots().output;
    finish(o, settled, settled ? Refund::undrawn : Refund::bad_input);
  }
  return true;
}

bool Market::confirm(std::uint64_t id) {
  auto* o = in(id, Phase::standing);
  if (o == nullptr || o->demand_open) return false;
  if (o->terms.check == trust::OptimisticCheck::kCode) {
    if (o->condemned || o->late != o->challenges.size() || !o->demands.empty()) return false;
    end_claim(*o);
    return true;
  }
  if (o->rejected != 0 || o->accepted != o->revealed) return false;
  finish(*o, true, Refund::undrawn);
  return true;
}

Amount Market::appeal_bond(const Order& o) const {
  return jury(trust::QuorumCheck::jury_size(o.terms.n, o.juries)) * price(o.terms.max_tier) * 5 / 4;
}

bool Market::appeal(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::standing);
  if (o == nullptr || o->demand_open || o->juries == trust::kJuries) return false;
  if (o->terms.check == trust::OptimisticCheck::kCode) return false;
  const auto bond = appeal_bond(*o);
  const auto size = jury(trust::QuorumCheck::jury_size(o->terms.n, o->juries));
  Appeal p{account,    static_cast<std::uint8_t>(o->facts.rounds.size()), bond, bit(o->members.size()) - 1, o->accepted,
           o->rejected};
  o->appeals.push_back(p);
  if (registry_.eligible_beside(o->terms.max_tier, excluded(*o)) <= o->terms.n || !registry_.can_pledge(account, bond)) {
    o->appeals.pop_back();
    return false;
  }
  ++o->juries;
  open(*o, Role::jury, size, true);
  (void)registry_.pledge(account, bond);  // can_pledge said so
  return true;
}

std::vector<std::uint32_t> Market::excluded(const Order& o) const {
  std::vector<std::uint32_t> out;
  for (const auto& claim : o.facts.claims) out.push_back(claim.claim.account);
  const auto add = [&](std::uint32_t account) {
    if (std::ranges::find(out, account) == out.end()) out.push_back(account);
  };
  for (const auto& p : o.appeals) add(p.account);
  add(o.terms.buyer);
  return out;
}

void Market::open(Order& o, Role role, std::uint8_t wanted, bool appealed) {
  trust::RoundFacts round;
  round.role = role;
  round.appealed = appealed;
  o.facts.rounds.push_back(round);
  o.phase = Phase::draw;
  o.acting = 0;
  o.publisher = 0;
  o.wanted = wanted;
}

void Market::seat(Order& o, const base::Hash& seed) {
  const auto lock = lock_of(o.terms.n, price(o.terms.max_tier));
  const auto drawn = registry_.seat(o.terms.max_tier, o.wanted, lock, seed, excluded(o));
  const auto first = o.members.size();
  for (const auto& d : drawn) {
    o.members.push_back({d.tier, lock});
    trust::ClaimFacts claim;
    claim.claim.account = d.account;
    claim.round = static_cast<std::uint8_t>(o.facts.rounds.size() - 1);
    o.facts.claims.push_back(claim);
  }
  o.facts.rounds.back().seated = static_cast<std::uint8_t>(drawn.size());
  o.acting = (bit(drawn.size()) - 1) << first;
  o.phase = Phase::input;
  if (is_quorum_round(o)) {
    if (static_cast<std::size_t>(std::popcount(o.committed)) + drawn.size() < o.terms.k) give_up(o, Refund::no_providers);
  } else if (drawn.empty()) {
    lapse(o);
  }
}

void Market::give_up(Order& o, Refund reason) {
  o.excused |= o.committed;
  if (reason != Refund::silence) o.excused |= o.acting;
  finish(o, false, reason);
}

void Market::lapse(Order& o) {
  o.excused |= o.acting;
  o.facts.rounds.back().lapsed = true;
  decide(o);
}

void Market::close_commit(Order& o) {
  const bool quorum = is_quorum_round(o);
  const auto ready = quorum ? o.committed : o.committed & o.acting;
  const auto count = static_cast<unsigned>(std::popcount(ready));
  if (quorum && count < o.terms.k) {
    if (o.redraws == config_.max_redraws) return give_up(o, Refund::silence);
    ++o.redraws;
    return open(o, Role::quorum, static_cast<std::uint8_t>(o.terms.n - count), false);
  }
  if (count == 0) return (o.excused & o.acting) == 0 ? decide(o) : lapse(o);
  o.acting = ready;
  o.excused &= ~ready;
  o.phase = Phase::reveal;
}

void Market::decide(Order& o) {
  static const trust::QuorumCheck kQuorum;
  static const trust::OptimisticCheck kOptimistic;
  const trust::Check& check =
      o.terms.check == trust::OptimisticCheck::kCode ? static_cast<const trust::Check&>(kOptimistic) : kQuorum;
  const auto d = check.decide(o.facts);
  if (d.action == Action::draw_audit) {
    o.phase = Phase::audit_draw;
  } else if (d.action == Action::seat_audit) {
    open(o, Role::audit, 1, false);
  } else if (d.action == Action::seat_jury && o.juries < trust::kJuries) {
    ++o.juries;
    open(o, Role::jury, jury(d.seats), false);
  } else if (d.action == Action::stand || d.action == Action::bad_input) {
    o.phase = Phase::standing;
    o.output_root = d.action == Action::bad_input ? trust::bad_input_roots().output : d.output_root;
    o.trace_root = d.action == Action::bad_input ? base::Hash{} : d.trace_root;
    o.accepted = d.accepted;
    o.rejected = d.rejected;
  } else {
    o.accepted = o.rejected = 0;
    finish(o, false, Refund::undecided);
  }
}

void Market::answered(Order& o, std::uint32_t account) {
  o.demand_open = false;
  registry_.credit(account, config_.demand_bond);
}

void Market::unanswered(Order& o) {
  o.demand_open = false;
  const auto seat = o.demand_member;
  registry_.credit(o.demand_output ? o.terms.buyer : o.facts.claims[seat].claim.account, config_.demand_bond);
  if (o.demand_output) {
    o.silent |= bit(seat);
    o.late = static_cast<std::uint32_t>(o.challenges.size());
    return;
  }
  if (is_quorum_round(o)) return give_up(o, Refund::no_input);
  o.excused |= o.acting;
  o.acting &= ~bit(seat);
  if (o.acting == 0)
    lapse(o);
  else if ((o.committed & o.acting) == o.acting)
    close_commit(o);
}

void Market::finish(Order& o, bool settled, Refund reason, std::uint32_t finder) {
  settle_order(o, config_, settled, reason, finder != 0);
  const auto& end = o.ending;
  registry_.settle(end.members, end.burned);
  for (std::size_t a = 0; a < end.appeals.size(); ++a)
    if (end.appeals[a] != 0) registry_.credit(o.appeals[a].account, end.appeals[a]);
  if (finder != 0) registry_.credit(finder, price(o.terms.max_tier) + end.reward);
  if (end.buyer != 0) registry_.credit(o.terms.buyer, end.buyer);
}

}  // namespace koinon::market::rules
