#include <algorithm>

#include "market/rules/market.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::market::rules {
namespace {

bool is_alone(const Order* o) { return o != nullptr && o->terms.check == trust::OptimisticCheck::kCode; }

}  // namespace

bool Market::challenge(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::standing);
  if (!is_alone(o) || o->condemned || !registry_.pledge(account, price(o->terms.max_tier))) return false;
  o->challenges.push_back({account});
  return true;
}

bool Market::prove(std::uint64_t id, std::uint32_t number) {
  auto* o = in(id, Phase::standing);
  if (!is_alone(o) || number < o->late || number >= o->challenges.size() || o->challenges[number].proven) return false;
  if (o->condemned && number > o->winner) return false;
  o->challenges[number].proven = o->proven = true;
  o->winner = number;
  stand_condemned(*o);
  if (number == o->late) end_claim(*o);
  return true;
}

bool Market::reclaim(std::uint64_t id, std::uint32_t number) {
  auto* o = in(id, Phase::refunded);
  if (o == nullptr || number >= o->challenges.size() || o->challenges[number].closed) return false;
  o->challenges[number].closed = true;
  registry_.credit(o->challenges[number].account, price(o->terms.max_tier));
  return true;
}

bool Market::demand_trace(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::standing);
  if (!is_alone(o) || o->condemned) return false;
  if (std::ranges::any_of(o->demands, [&](const TraceDemand& t) { return t.account == account; })) return false;
  if (!registry_.pledge(account, config_.trace_fee * config_.max_trace_demands)) return false;
  o->demands.push_back({account});
  return true;
}

bool Market::condemn(std::uint64_t id, std::uint32_t account) {
  auto* o = in(id, Phase::standing);
  if (!is_alone(o) || o->condemned) return false;
  if (std::ranges::none_of(o->demands, [&](const TraceDemand& t) { return t.account == account && t.open; })) return false;
  stand_condemned(*o);
  finish(*o, false, Refund::withheld);
  return true;
}

bool Market::collect(std::uint64_t id, std::uint32_t account) {
  const auto found = orders_.find(id);
  if (found == orders_.end() || !is_final(found->second.phase)) return false;
  for (auto& t : found->second.demands) {
    if (t.account != account || t.closed) continue;
    t.closed = true;
    registry_.credit(account, config_.trace_fee * config_.max_trace_demands);  // none was answered
    return true;
  }
  return false;
}

void Market::stand_condemned(Order& o) {
  if (o.condemned) return;
  o.condemned = true;
  std::swap(o.rejected, o.accepted);
  if (!o.demand_open) return;
  o.demand_open = false;
  registry_.credit(o.terms.buyer, config_.demand_bond);
}

/// The windows of the claim and of its disputes are over (Disputes.settle).
void Market::end_claim(Order& o) {
  if (o.condemned) {
    auto& winner = o.challenges[o.winner];
    winner.closed = true;
    return finish(o, false, Refund::refuted, winner.account);
  }
  if (std::ranges::any_of(o.demands, [](const TraceDemand& t) { return t.open; })) {
    stand_condemned(o);
    return finish(o, false, Refund::withheld);
  }
  const auto bonds = o.challenges.size() * price(o.terms.max_tier);
  if (bonds != 0) registry_.settle({}, bonds);
  finish(o, true, Refund::undrawn);
}

}  // namespace koinon::market::rules
