#include "market/book/book.hpp"

namespace koinon::market {
namespace {

constexpr std::uint8_t kTiers = 128;
constexpr std::uint64_t kUnit = 1'000'000'000'000;  // Registry.UNIT

}  // namespace

Wei tier_price(std::uint8_t tier) {
  KOINON_INVARIANT(tier < kTiers);
  return Wei(kUnit / 4 * (4U + tier % 4U)).times(std::uint64_t{1} << (tier / 4)).value();
}

Result<std::uint8_t> tier_within(const Wei& price) {
  if (price < tier_price(0))
    return base::fail(base::Code::out_of_range, "[price] {} is below the lowest price, {}", price.tokens(),
                      tier_price(0).tokens());
  std::uint8_t tier = kTiers - 1;
  while (tier_price(tier) > price) --tier;
  return tier;
}

Result<std::uint8_t> tier_from(const Wei& price) {
  if (price.is_zero())
    return base::fail(base::Code::out_of_range, "[price] 0: a price above zero expected; the least is {}",
                      tier_price(0).tokens());
  if (price > tier_price(kTiers - 1))
    return base::fail(base::Code::out_of_range, "[price] {} is above the highest price, {}", price.tokens(),
                      tier_price(kTiers - 1).tokens());
  std::uint8_t tier = 0;
  while (tier_price(tier) < price) ++tier;
  return tier;
}

}  // namespace koinon::market
