#include <bit>
#include <cmath>

#include "engine/program/program.hpp"

namespace koinon::engine::program {

using base::Code;
using base::fail;

namespace {

// A double as mantissa * 2^exponent with an odd mantissa below 2^53, read from its bits. Precondition: positive and finite.
std::pair<std::uint64_t, int> parts(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const int field = static_cast<int>(bits >> 52);
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  int exponent = -1074;
  if (field != 0) {
    mantissa |= std::uint64_t{1} << 52;
    exponent += field - 1;
  }
  const int zeros = std::countr_zero(mantissa);
  return {mantissa >> zeros, exponent + zeros};
}

}  // namespace

base::Result<Scale> Scale::from(double value) {
  if (!(value > 0) || value > 1.7976931348623157e308)
    return fail(Code::out_of_range, "[scale] {}: a positive finite number expected", value);
  auto [mantissa, exponent] = parts(value);
  const int drop = static_cast<int>(std::bit_width(mantissa)) - 24;
  if (drop > 0) {
    const std::uint64_t rest = mantissa & ((std::uint64_t{1} << drop) - 1), half = std::uint64_t{1} << (drop - 1);
    mantissa >>= drop;
    exponent += drop;
    if (rest > half || (rest == half && (mantissa & 1) != 0)) ++mantissa;
  }
  const int zeros = std::countr_zero(mantissa);
  mantissa >>= zeros;
  exponent += zeros;
  if (exponent < -512 || exponent > 512) return fail(Code::out_of_range, "[scale] {}: 2^-512 to 2^512 expected", value);
  return Scale{static_cast<std::int32_t>(mantissa), exponent};
}

double Scale::real() const { return std::ldexp(static_cast<double>(mantissa), exponent); }

}  // namespace koinon::engine::program
