#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace koinon::trust::proof {

/// The Goldilocks prime p = 2^64 - 2^32 + 1. Its multiplicative group has a subgroup of every order 2^k, k <= 32.
inline constexpr std::uint64_t kPrime = 0xffffffff00000001ULL;
inline constexpr std::uint64_t kEpsilon = 0xffffffffULL;  ///< 2^64 mod p

__extension__ typedef unsigned __int128 Wide128;

/// x mod p of a 128-bit x; result < p. Branchless: 2^64 = 2^32 - 1 and 2^96 = -1 modulo p.
constexpr std::uint64_t reduce128(Wide128 x) {
  const auto low = static_cast<std::uint64_t>(x);
  const auto high = static_cast<std::uint64_t>(x >> 64);
  const std::uint64_t top = high >> 32, middle = high & kEpsilon;
  std::uint64_t t = low - top;
  t -= (low < top) ? kEpsilon : 0;  // borrowed 2^64, which is kEpsilon
  const std::uint64_t m = middle * kEpsilon;
  std::uint64_t r = t + m;
  r += (r < m) ? kEpsilon : 0;
  return r >= kPrime ? r - kPrime : r;
}

/// An element of the prime field, canonical: value < p.
struct Fp {
  std::uint64_t v = 0;

  constexpr Fp() = default;
  /// Precondition: value < p.
  constexpr explicit Fp(std::uint64_t value) : v(value) {}
  /// The residue of a signed integer, |value| < p.
  static constexpr Fp from(std::int64_t value) {
    return Fp(value >= 0 ? static_cast<std::uint64_t>(value) : kPrime - static_cast<std::uint64_t>(-(value + 1)) - 1);
  }
  friend constexpr bool operator==(Fp, Fp) = default;
  friend constexpr Fp operator+(Fp a, Fp b) {
    const std::uint64_t s = a.v + b.v;
    return Fp((s < a.v || s >= kPrime) ? s - kPrime : s);
  }
  friend constexpr Fp operator-(Fp a, Fp b) { return Fp(a.v >= b.v ? a.v - b.v : a.v - b.v + kPrime); }
  friend constexpr Fp operator-(Fp a) { return Fp(a.v == 0 ? 0 : kPrime - a.v); }
  friend constexpr Fp operator*(Fp a, Fp b) { return Fp(reduce128(static_cast<Wide128>(a.v) * b.v)); }
  constexpr Fp& operator+=(Fp b) { return *this = *this + b; }
  constexpr Fp& operator-=(Fp b) { return *this = *this - b; }
  constexpr Fp& operator*=(Fp b) { return *this = *this * b; }
};

constexpr Fp power(Fp base, std::uint64_t exponent) {
  Fp out(1);
  for (; exponent != 0; exponent >>= 1, base *= base)
    if ((exponent & 1) != 0) out *= base;
  return out;
}
/// 1 / a, and 0 for 0.
constexpr Fp inverse(Fp a) { return power(a, kPrime - 2); }

/// A generator of the subgroup of order 2^bits. Precondition: bits <= 32. (7 generates the whole group.)
constexpr Fp root_of_unity(unsigned bits) { return power(Fp(7), (kPrime - 1) >> bits); }

/// An element c0 + c1 X + c2 X^2 of F = Fp[X] / (X^3 - X - 1), 192 bits: challenges live here.
struct Ext {
  std::array<Fp, 3> c{};

  constexpr Ext() = default;
  constexpr Ext(Fp a) : c{a, Fp(), Fp()} {}  // NOLINT: the field is a subfield
  constexpr Ext(Fp a, Fp b, Fp d) : c{a, b, d} {}
  friend constexpr bool operator==(const Ext&, const Ext&) = default;
  friend constexpr Ext operator+(const Ext& a, const Ext& b) { return {a.c[0] + b.c[0], a.c[1] + b.c[1], a.c[2] + b.c[2]}; }
  friend constexpr Ext operator-(const Ext& a, const Ext& b) { return {a.c[0] - b.c[0], a.c[1] - b.c[1], a.c[2] - b.c[2]}; }
  friend constexpr Ext operator-(const Ext& a) { return {-a.c[0], -a.c[1], -a.c[2]}; }
  friend constexpr Ext operator*(const Ext& a, Fp b) { return {a.c[0] * b, a.c[1] * b, a.c[2] * b}; }
  friend constexpr Ext operator*(Fp b, const Ext& a) { return a * b; }
  /// Schoolbook with X^3 = X + 1 and X^4 = X^2 + X, by Karatsuba: six multiplications.
  friend constexpr Ext operator*(const Ext& a, const Ext& b) {
    const Fp p0 = a.c[0] * b.c[0], p1 = a.c[1] * b.c[1], p2 = a.c[2] * b.c[2];
    const Fp x1 = (a.c[0] + a.c[1]) * (b.c[0] + b.c[1]) - p0 - p1;
    const Fp x2 = (a.c[0] + a.c[2]) * (b.c[0] + b.c[2]) - p0 - p2 + p1;
    const Fp x3 = (a.c[1] + a.c[2]) * (b.c[1] + b.c[2]) - p1 - p2;
    return {p0 + x3, x1 + x3 + p2, x2 + p2};
  }
  constexpr Ext& operator+=(const Ext& b) { return *this = *this + b; }
  constexpr Ext& operator-=(const Ext& b) { return *this = *this - b; }
  constexpr Ext& operator*=(const Ext& b) { return *this = *this * b; }
  [[nodiscard]] constexpr bool is_zero() const { return *this == Ext(); }
};

/// The basis 1, X, X^2 of F over Fp.
constexpr Ext basis(std::size_t k) {
  Ext out;
  out.c[k] = Fp(1);
  return out;
}

/// 1 / a, and 0 for 0: a times the adjugate of its multiplication matrix gives the norm.
constexpr Ext inverse(const Ext& a) {
  // Columns of multiplication by a: a, aX, aX^2.
  const Ext x = a * basis(1), y = a * basis(2);
  const Fp m0 = x.c[1] * y.c[2] - x.c[2] * y.c[1];
  const Fp m1 = x.c[2] * y.c[0] - x.c[0] * y.c[2];
  const Fp m2 = x.c[0] * y.c[1] - x.c[1] * y.c[0];
  const Fp norm = a.c[0] * m0 + a.c[1] * m1 + a.c[2] * m2;
  // The first row of the inverse matrix solves z with a * z = 1: cofactors of the first row.
  const Ext adjugate{m0, a.c[2] * y.c[1] - a.c[1] * y.c[2], a.c[1] * x.c[2] - a.c[2] * x.c[1]};
  return adjugate * inverse(norm);
}

constexpr Ext power(Ext base, std::uint64_t exponent) {
  Ext out(Fp(1));
  for (; exponent != 0; exponent >>= 1, base *= base)
    if ((exponent & 1) != 0) out *= base;
  return out;
}

/// Replaces every element by its inverse, with one inversion (Montgomery). Precondition: none is zero.
void invert_all(std::span<Ext> values);

}  // namespace koinon::trust::proof
