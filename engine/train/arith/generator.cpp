#include "engine/train/arith/generator.hpp"

#include <numeric>
#include <utility>

namespace koinon::engine::train {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplyA = 0xD2511F53, kMultiplyB = 0xCD9E8D57;
  constexpr std::uint32_t kWeylA = 0x9E3779B9, kWeylB = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = kMultiplyA * c[0], b = kMultiplyB * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += kWeylA;
    key[1] += kWeylB;
  }
  return c;
}

std::array<std::uint32_t, 4> Generator::block(std::uint64_t block) const {
  // The counter holds the block (below 2^40), the stream (8 bits) and the part; the key is the seed.
  const auto high = static_cast<std::uint32_t>(block >> 32) | static_cast<std::uint32_t>(stream_) << 24;
  return philox(
      {static_cast<std::uint32_t>(block), high, static_cast<std::uint32_t>(part_), static_cast<std::uint32_t>(part_ >> 32)},
      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
}

std::uint32_t Generator::word(std::uint64_t i) const { return block(i / 4)[i % 4]; }

std::vector<std::uint32_t> permutation(const Generator& generator, std::uint32_t n) {
  std::vector<std::uint32_t> out(n);
  std::iota(out.begin(), out.end(), 0U);
  for (std::uint32_t i = n; i > 1; --i) {
    const auto j = static_cast<std::uint32_t>(std::uint64_t{generator.word(n - i)} * i >> 32);
    std::swap(out[i - 1], out[j]);
  }
  return out;
}

}  // namespace koinon::engine::train
