#include <algorithm>
#include <nlohmann/json.hpp>

#include "market/book/weight.hpp"
#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::AccountView;
using nlohmann::json;

constexpr std::uint8_t kInference = 0;

const market::Offer* inference_offer(const AccountView& account) {
  const auto at = account.offers.find(kInference);
  return at == account.offers.end() || !at->second.active ? nullptr : &at->second;
}

}  // namespace

bool is_provider(const AccountView& account) { return !account.offers.empty(); }

json provider_json(const AccountView& account, const base::Wei& least_stake, const work::KindSet* kinds) {
  json offered = json::array();
  for (const auto& [kind, offer] : account.offers)
    if (offer.active) offered.push_back(kind_word(kind, kinds));
  const auto* offer = inference_offer(account);
  const auto weight = market::draw_weight(account, kInference, least_stake);
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
