#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace koinon::market::rules {

/// The weights of offers by price tier and place within it, as contracts/src/SumTree.sol orders them (leaf = tier << 16 |
/// place), for sums over tiers and for finding a running sum. Memory: two words a place in use.
class DrawTree {
 public:
  static constexpr std::size_t kTiers = 128;
  static constexpr std::uint32_t kCapacity = 65'536;  ///< places of a tier

  /// A leaf that a running sum fell on.
  struct Found {
    std::uint32_t account = 0;
    std::uint64_t start = 0;  ///< sum of the leaves below it
    std::uint64_t weight = 0;
  };

  /// True when the tier has no place left.
  [[nodiscard]] bool full(std::uint8_t tier) const;
  /// Gives `account` a place, the one vacated last if there is any. Precondition: not full.
  std::uint16_t occupy(std::uint8_t tier, std::uint32_t account);
  /// Precondition: the weight of the place is 0.
  void vacate(std::uint8_t tier, std::uint16_t place);
  void set(std::uint8_t tier, std::uint16_t place, std::uint64_t weight);

  /// Offers with weight in the tiers up to `max_tier`.
  [[nodiscard]] std::uint64_t count(std::uint8_t max_tier) const;
  /// Sum of the weights in the tiers up to `max_tier`.
  [[nodiscard]] std::uint64_t sum(std::uint8_t max_tier) const;
  /// The leaf where the running sum first exceeds `mark`. Precondition: mark < sum of all.
  [[nodiscard]] Found find(std::uint64_t mark) const;

 private:
  /// One tier: a Fenwick tree over its places, of 2^k nodes.
  struct Tier {
    std::vector<std::uint64_t> nodes, weights;
    std::vector<std::uint32_t> accounts;
    std::vector<std::uint16_t> vacant;
    std::uint64_t total = 0;
    std::uint64_t count = 0;
  };
  static void grow(Tier& tier);

  std::array<Tier, kTiers> tiers_;
};

}  // namespace koinon::market::rules
