#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace koinon::engine::train {

/// What random numbers are drawn for: streams of one seed never meet. Numbers are in commitments: never renumber.
enum class Stream : std::uint32_t {
  weights = 1,  ///< first values of parameters
  order = 2,    ///< the order of the samples of an epoch
  dropout = 3,
  data = 4,  ///< made-up data of golden traces
};

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit numbers from
/// a counter and a key, so that any number can be had without those before it.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// The numbers of one purpose: element i depends on the seed, the stream, `part` and i alone.
class Generator {
 public:
  Generator(std::uint64_t seed, Stream stream, std::uint64_t part) : seed_(seed), stream_(stream), part_(part) {}

  [[nodiscard]] std::uint32_t word(std::uint64_t i) const;
  /// Four numbers at once: words 4 * block to 4 * block + 3.
  [[nodiscard]] std::array<std::uint32_t, 4> block(std::uint64_t block) const;
  /// Uniform in [0, 1): the upper 24 bits.
  [[nodiscard]] float uniform(std::uint64_t i) const { return static_cast<float>(word(i) >> 8) * 0x1p-24F; }

 private:
  std::uint64_t seed_;
  Stream stream_;
  std::uint64_t part_;  ///< below 2^32: epoch, or step and operator mixed by the caller
};

/// A permutation of [0, n): Fisher and Yates with the words of `generator`, by multiplication of 32 bits (n < 2^31).
std::vector<std::uint32_t> permutation(const Generator& generator, std::uint32_t n);

}  // namespace koinon::engine::train
