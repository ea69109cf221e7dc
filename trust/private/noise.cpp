#include "trust/private/noise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace koinon::trust::fhe {
namespace {

/// floor(256 * log2 x): the fraction's bits by repeated squaring of a 62-bit mantissa, always rounded down.
std::int32_t log2_units(std::uint64_t x) {
  const int whole = static_cast<int>(std::bit_width(x)) - 1;
  std::uint64_t mantissa = whole <= 62 ? x << (62 - whole) : x >> (whole - 62);  // in [2^62, 2^63)
  std::int32_t units = whole;
  for (int bit = 0; bit < 8; ++bit) {
    mantissa = static_cast<std::uint64_t>(static_cast<Uint128>(mantissa) * mantissa >> 62);
    units = units * 2;
    if (mantissa >> 63 != 0) {
      mantissa >>= 1;
      ++units;
    }
  }
  return units;
}

Bits half(Bits a) { return {(a.units + 1) / 2}; }

/// log2 of D, D^2 = 120: an element whose N coefficients are independent, centred and strictly subgaussian of variance V is
/// beyond D*sqrt(N*V) at one of N/2 roots with probability at most 2^-148 for N <= 65536.
constexpr Bits kTail{885};

}  // namespace

std::string Bits::text() const {
  const auto tenths = (units * 10 + (units >= 0 ? 255 : 0)) / kUnit;
  return fmt::format("{}{}.{}", tenths < 0 ? "-" : "", std::abs(tenths) / 10, std::abs(tenths) % 10);
}

Bits log2_floor(std::uint64_t x) { return {log2_units(x)}; }
Bits log2_ceil(std::uint64_t x) { return {log2_units(x) + (std::has_single_bit(x) ? 0 : 1)}; }

Bits log2_sum(Bits a, Bits b) {
  // ceil(256 * log2(1 + 2^(-d/4))) for d = 0, 1, ... quarters of a bit between the two.
  static constexpr std::array<std::uint16_t, 41> kMore = {256, 226, 198, 173, 150, 130, 112, 97, 83, 71, 61, 52, 44, 37,
                                                          32,  27,  23,  19,  16,  14,  12,  10, 9,  7,  6,  5,  5,  4,
                                                          3,   3,   3,   2,   2,   2,   2,   1,  1,  1,  1,  1,  1};
  const auto apart = static_cast<std::size_t>(std::abs(a.units - b.units) / (Bits::kUnit / 4));
  return std::max(a, b) + Bits{kMore[std::min(apart, kMore.size() - 1)]};
}

NoisePlan::NoisePlan(const Parameters& p) {
  const auto n = log2_ceil(p.degree);
  const auto t = log2_ceil(p.plain);
  const auto twelve = log2_floor(12);
  const Bits variance = log2_ceil(21) - log2_floor(2);   // of an error's coefficient
  const Bits two_thirds = log2_ceil(2) - log2_floor(3);  // of a ternary coefficient
  const auto error = kTail + half(n + variance);         // |e|
  const auto ternary = kTail + half(n + two_thirds);     // |s|, |u|
  const auto fraction = kTail + half(n - twelve);        // a polynomial uniform in (-1/2, 1/2)
  any_plain_ = n + t - Bits{Bits::kUnit};
  fresh_symmetric_ = log2_sum(any_plain_, t + error);
  // m + t(e u + e_0 + e_1 s)
  fresh_public_ = log2_sum(any_plain_, log2_sum(t + error, t + error + ternary + Bits{Bits::kUnit}));
  rounding_ = log2_sum(t + fraction, t + fraction + ternary);

  Bits special{};
  for (auto q : p.special) special = special + log2_floor(q);
  Bits capacity{-Bits::kUnit};
  for (std::size_t level = 1; level <= p.primes.size(); ++level) {
    prime_.push_back(log2_floor(p.primes[level - 1]));
    capacity = capacity + prime_.back();
    capacity_.push_back(capacity);
    auto total = rounding_;
    for (std::size_t at = 0; p.digit != 0 && at < level; at += p.digit) {
      Bits digit{1};  // the centred digit may be 2^-44 larger than half
      for (auto i = at; i < std::min(level, at + p.digit); ++i) digit = digit + log2_ceil(p.primes[i]);
      total = log2_sum(total, digit + fraction + t + error - special);
    }
    key_switch_.push_back(total);
  }
}

Bits NoisePlan::switched(Bits v, std::size_t level) const { return log2_sum(v - prime_[level - 1], rounding_); }

base::Status NoisePlan::fits(const char* operation, Bits v, std::size_t level) const {
  if (v < capacity(level)) return {};
  return base::fail(base::Code::exhausted,
                    "[{}] noise of {} bits at level {}: below {} expected; switch moduli before or plan more levels", operation,
                    v.text(), level, capacity(level).text());
}

}  // namespace koinon::trust::fhe
