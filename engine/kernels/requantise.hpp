#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"
#include "engine/kernels/elementwise.hpp"

namespace koinon::engine::kernels {

/// y = clamp((x*M + 2^(s-1)) >> s, low, high), with |x*M + 2^(s-1)| < 2^62 and 1 <= s <= 62; the shift is arithmetic, so ties
/// go up.
constexpr std::int64_t requantise_one(std::int64_t x, std::int64_t multiplier, std::int64_t shift, std::int64_t low,
                                      std::int64_t high) {
  const std::int64_t y = (x * multiplier + (std::int64_t{1} << (shift - 1))) >> shift;
  return y < low ? low : y > high ? high : y;
}

/// Operands over a result of `shape`: x has that shape, M (i16) and s (i8) broadcast to it.
struct Requantise {
  Shape shape;
  ConstArray x;
  Stretched multiplier, shift;
  std::int64_t low = 0, high = 0;
  Array out;
};

void requantise(const Context& context, const Requantise& job);
void requantise_ref(const Requantise& job);

}  // namespace koinon::engine::kernels
