#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::AccountView;
using nlohmann::json;

// Registry.sol
constexpr std::uint64_t kStakePerPrice = 20;
constexpr std::uint64_t kMaxStakeWeight = 65'535;
constexpr std::uint64_t kBaseRecord = 4;
constexpr std::uint32_t kMaxStreak = 12;

/// How often `step` goes into `amount`, at most `most`.
std::uint64_t times_within(const base::Wei& amount, const base::Wei& step, std::uint64_t most) {
  std::uint64_t low = 0, high = most;
  while (low < high) {
    const auto middle = low + (high - low + 1) / 2;
    const auto product = step.times(middle);
    if (product && *product <= amount)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

const market::Offer* inference_offer(const AccountView& account) {
  const auto at = account.offers.find(0);
  return at == account.offers.end() || !at->second.active ? nullptr : &at->second;
}

}  // namespace

bool is_provider(const AccountView& account) { return !account.offers.empty(); }

std::uint64_t provider_weight(const AccountView& account) {
  const auto* offer = inference_offer(account);
  if (offer == nullptr) return 0;
  const auto free = rest(rest(account.stake, account.locked), account.unbonding);
  const auto unit = market::tier_price(std::min<std::uint8_t>(offer->tier, 127)).times(kStakePerPrice);
  if (!unit) return 0;
  return times_within(free, *unit, kMaxStakeWeight) * (kBaseRecord + std::min(account.streak, kMaxStreak));
}

json provider_json(const AccountView& account, const work::KindSet* kinds) {
  json offered = json::array();
  for (const auto& [kind, offer] : account.offers)
    if (offer.active) offered.push_back(kind_word(kind, kinds));
  const auto* offer = inference_offer(account);
  const auto weight = provider_weight(account);
  return {
      {"account", account.id},
      {"operator", base::to_hex(account.operator_address)},
      {"endpoint", account.endpoint},
      {"kinds", std::move(offered)},
      {"price", offer != nullptr ? json(market::tier_price(std::min<std::uint8_t>(offer->tier, 127)).text()) : json(nullptr)},
      {"stake", account.stake.text()},
      {"locked", account.locked.text()},
      {"accepted", account.accepted},
      {"rejected", account.rejected},
      {"silent", account.silent},
      {"streak", account.streak},
      {"points", account.points.text()},
      {"earned", account.earned.text()},
      {"slashed", account.slashed.text()},
      {"weight", weight},
      {"active", weight != 0}};
}

}  // namespace koinon::node::api
