#include "market/book/weight.hpp"

#include <algorithm>

namespace koinon::market {
namespace {

// Offers.sol
constexpr std::uint64_t kStakeParts = 64;
constexpr std::uint64_t kStakePerPrice = 20;
constexpr std::uint64_t kMostStakeWeight = (1U << 20) - 1;
constexpr std::uint64_t kBaseRecord = 4;
constexpr std::uint32_t kMostStreak = 12;

/// How often `part` goes into `amount`, at most `most`.
std::uint64_t times_within(const Wei& amount, const Wei& part, std::uint64_t most) {
  std::uint64_t low = 0, high = most;
  while (low < high) {
    const auto middle = low + (high - low + 1) / 2;
    const auto product = part.times(middle);
    if (product && *product <= amount)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace

std::uint64_t draw_weight(const AccountView& account, std::uint8_t kind, const Wei& least_stake) {
  const auto at = account.offers.find(kind);
  if (at == account.offers.end() || !at->second.active) return 0;
  const auto unlocked = account.stake.minus(account.locked);
  const auto free = unlocked ? unlocked->minus(account.unbonding) : unlocked;
  const auto least = tier_price(at->second.tier).times(kStakePerPrice);
  if (!free || !least || *free < *least) return 0;
  const auto part = least_stake < Wei(kStakeParts) ? Wei(1) : least_stake.scaled(1, kStakeParts).value();
  return times_within(*free, part, kMostStakeWeight) * (kBaseRecord + std::min(account.streak, kMostStreak));
}

}  // namespace koinon::market
