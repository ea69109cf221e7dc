#pragma once
#include <cstdint>
#include <vector>

#include "base/result.hpp"

namespace koinon::trust::fhe {

/// Unsigned 128-bit integer, for exact reference arithmetic.
__extension__ typedef unsigned __int128 Uint128;  // NOLINT(modernize-use-using): an alias cannot carry __extension__

/// Largest size of a modulus in bits: residues are integers held in doubles, and every kernel's intermediate stays below
/// 2^53, where doubles hold every integer exactly.
inline constexpr int kMaxModulusBits = 50;

/// A prime below 2^50 with what the kernels need of it.
struct Modulus {
  std::uint64_t value = 0;
  double q = 0;        ///< value, exact
  double inverse = 0;  ///< 1/value, rounded to nearest

  Modulus() = default;
  /// `prime` must be an odd prime below 2^50 (callers check).
  explicit Modulus(std::uint64_t prime)
      : value(prime), q(static_cast<double>(prime)), inverse(1.0 / static_cast<double>(prime)) {}
  friend bool operator==(const Modulus&, const Modulus&) = default;
};

/// a * b mod q. a, b < 2^64.
constexpr std::uint64_t mul_mod(std::uint64_t a, std::uint64_t b, std::uint64_t q) {
  return static_cast<std::uint64_t>(static_cast<Uint128>(a) * b % q);
}
/// a + b mod q. a, b < q < 2^63.
constexpr std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, std::uint64_t q) { return a + b >= q ? a + b - q : a + b; }
/// base^exponent mod q.
std::uint64_t pow_mod(std::uint64_t base, std::uint64_t exponent, std::uint64_t q);
/// Inverse of a modulo the prime q; a is not a multiple of q.
std::uint64_t inverse_mod(std::uint64_t a, std::uint64_t q);
/// Primality of any 64-bit number: Miller-Rabin with the first twelve primes as bases, which is a proof below 3.3 * 10^24
/// (Sorenson and Webster, Math. Comp. 86, 2017).
bool is_prime(std::uint64_t n);
/// The `count` largest primes below 2^bits that are 1 modulo `step` and not in `taken`, largest first. Errors: out_of_range
/// when [2^(bits-1), 2^bits) holds fewer.
base::Result<std::vector<std::uint64_t>> primes_below(int bits, std::uint64_t step, std::size_t count,
                                                      const std::vector<std::uint64_t>& taken);
/// A primitive root of unity of order `order` (a power of two that divides q - 1) modulo the prime q: x^((q-1)/order) for the
/// smallest quadratic non-residue x, so that it is the same on every machine.
std::uint64_t root_of_unity(std::uint64_t order, std::uint64_t q);

}  // namespace koinon::trust::fhe
