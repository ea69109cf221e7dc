#pragma once
#include <cstdint>

namespace koinon::market::rules {

/// Wei as the contracts hold them: Solidity's uint128. Sums of one deployment stay far below 2^127, so nothing here wraps.
__extension__ typedef unsigned __int128 Amount;

/// Wei of a price tier (Offers.price): 1e12 * (4 + t % 4) / 4 * 2^(t / 4). Precondition: tier < 128.
constexpr Amount price(std::uint8_t tier) { return Amount{1'000'000'000'000U / 4} * (4 + tier % 4U) << (tier / 4); }

/// Stake that a member of an order risks (MarketBase._lock): 20 prices, or so many that half of one slashed lock pays a jury of
/// 2n + 1.
constexpr Amount lock_of(std::uint8_t n, Amount highest_price) {
  const unsigned prices = 4U * n + 4;
  return highest_price * (prices < 20 ? 20 : prices);
}

}  // namespace koinon::market::rules
