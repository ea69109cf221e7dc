#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace koinon::engine::quantise {

/// Where a random model's choices come from: bytes that a fuzzer gives, then (or from the start) numbers from a seed.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed) {}
  Choices(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes, bytes + size) {}
  /// In [0, sides).
  std::int64_t roll(std::int64_t sides);
  /// In [low, high], in steps of a thousandth of it.
  double real(double low, double high);

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::uint64_t state_ = 0;  ///< splitmix64
};

/// A valid ONNX model (opset 23) of up to `nodes` random operators over small float tensors, whose values keep to magnitudes
/// that float and fixed point can both hold. The same choices give the same bytes.
std::string random_model(Choices& choices, int nodes);

}  // namespace koinon::engine::quantise
