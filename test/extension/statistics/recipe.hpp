#pragma once
#include <cstdint>
#include <vector>

#include "base/hash.hpp"

namespace koinon::test::extension {

/// What an order of kind statistics asks for. Its bytes are the order's artifact, their keccak256 the order's spec:
///
///   "KST1" | i16 low | i16 high | u16 bins | u8 count | count x u16 quantile
struct Recipe {
  std::int16_t low = 0;                  ///< the histogram covers [low, high)
  std::int16_t high = 1;                 ///< above low
  std::uint16_t bins = 1;                ///< of equal width, 1 to 4096
  std::vector<std::uint16_t> quantiles;  ///< in 1/10000, each at most 10000; at most 100 of them

  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, naming what is wrong.
  static base::Result<Recipe> decode(base::ByteView bytes);
  friend bool operator==(const Recipe&, const Recipe&) = default;
};

/// Most samples of one order.
inline constexpr std::size_t kMaxSamples = 65'536;

/// Samples from the bytes of an input: little-endian i16, 1 to kMaxSamples of them. Errors: out_of_range.
base::Result<std::vector<std::int16_t>> decode_samples(base::ByteView bytes);

}  // namespace koinon::test::extension
