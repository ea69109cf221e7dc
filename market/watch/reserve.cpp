#include "market/watch/reserve.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace koinon::market {
namespace {

Wei fees_of(const DisputeTerms& terms, std::uint64_t demands) {
  const auto out = terms.demand_fee.times(demands);
  return out ? *out : Wei{};
}

Wei with_bond(const Wei& fees, std::uint8_t tier) {
  const auto out = fees.plus(tier_price(std::min<std::uint8_t>(tier, 127)));
  return out ? *out : fees;
}

}  // namespace

Wei dispute_reserve(const OrderView& order, std::uint32_t account, const DisputeTerms& terms) {
  if (is_final(order.phase) || order.dispute.condemned) return {};
  const auto demand = order.dispute.demands.find(account);
  const bool paid = demand != order.dispute.demands.end() && demand->second.made != 0;
  const auto fees = fees_of(terms, paid ? 0 : terms.max_demands);  // the first demand takes the fees of all
  const bool challenged = std::ranges::any_of(order.dispute.challenges,
                                              [&](const ChallengeView& one) { return one.account == account && !one.closed; });
  return challenged ? fees : with_bond(fees, order.terms.max_tier);
}

Wei dispute_reserve(std::uint8_t tier, const DisputeTerms& terms) { return with_bond(fees_of(terms, terms.max_demands), tier); }

std::string poverty_text(const Wei& free, const Wei& reserve) {
  const auto missing = reserve.minus(free);
  return fmt::format("{} tokens are free, and to dispute it may take {}: {} more are needed: koinon account deposit {}",
                     free.tokens(), reserve.tokens(), missing ? missing->tokens() : "0", missing ? missing->tokens() : "0");
}

}  // namespace koinon::market
