#pragma once
#include <cstdint>

#include "base/bytes.hpp"

namespace koinon::base {

/// A source of random bytes. An interface, so that tests can repeat a run.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  Hash hash() {
    Hash out;
    fill(out.bytes);
    return out;
  }
  std::uint64_t u64() {
    std::array<std::uint8_t, 8> b{};
    fill(b);
    std::uint64_t out = 0;
    std::memcpy(&out, b.data(), 8);
    return out;
  }
};

/// The operating system's generator (getrandom). Thread-safe.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// keccak256(seed, counter) blocks: the same bytes for the same seed. Not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : seed_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

}  // namespace koinon::base
