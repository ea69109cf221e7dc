#pragma once
#include "base/random.hpp"

namespace koinon::trust::proof {

/// keccak256("koinon.random" | key | be64(counter)) blocks: the same secret bytes for the same secret key, so that a weight
/// commitment can be made again. The key is wiped.
class KeyedRandom final : public base::Random {
 public:
  explicit KeyedRandom(const base::Hash& key) : key_(key) {}
  ~KeyedRandom() override { base::wipe(key_.bytes); }
  KeyedRandom(const KeyedRandom&) = delete;
  KeyedRandom& operator=(const KeyedRandom&) = delete;
  void fill(std::span<std::uint8_t> out) override;

 private:
  base::Hash key_;
  std::uint64_t counter_ = 0;
};

}  // namespace koinon::trust::proof
