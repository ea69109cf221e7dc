#pragma once
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "trust/private/field/modulus.hpp"

namespace koinon::trust::fhe {

/// Public parameters of the scheme: RNS-BGV over Z[X]/(X^degree + 1). Both sides of an order have the same, by hash.
struct Parameters {
  std::uint32_t degree = 0;            ///< N: 4096, 8192, 16384, 32768 or 65536
  std::uint64_t plain = 0;             ///< t: a prime that is 1 modulo 2N (N slots of Z_t) or modulo N (N/2 slots)
  std::vector<std::uint64_t> primes;   ///< q_0, q_1, ...: a ciphertext of level l lives modulo q_0 * ... * q_(l-1)
  std::vector<std::uint64_t> special;  ///< P, for key switching only; may be empty
  std::uint32_t digit = 1;  ///< primes a digit of hybrid key switching; 0 without special primes: no products, no rotations

  friend bool operator==(const Parameters&, const Parameters&) = default;
};

/// What choose() makes primes for.
struct Wish {
  std::uint32_t degree = 8192;
  std::uint64_t plain = 65537;
  int base_bits = 45;        ///< size of q_0, which remains at the end
  int level_bits = 40;       ///< size of each further prime
  std::size_t levels = 2;    ///< how many primes in all
  int special_bits = 45;     ///< size of each special prime
  std::size_t specials = 1;  ///< how many
  std::uint32_t digit = 1;
};

/// Largest log2(Q*P) that is 128 bits secure for a ternary secret: the table of the HomomorphicEncryption.org standard
/// (Albrecht et al., 2018, table 1, classical), as SEAL and OpenFHE enforce it. Zero for a degree outside the table.
int security_bits(std::uint32_t degree);
/// Integers modulo t that one plaintext packs: N when t is 1 modulo 2N. When t is 1 modulo N alone, plaintexts are polynomials
/// in Y = X^2, whose ring Z_t[Y]/(Y^(N/2) + 1) splits whole: t = 65537 serves N = 65536 so.
std::size_t slots(const Parameters& parameters);
/// ceil(log2) of the product of all primes and special primes.
int modulus_bits(const Parameters& parameters);

/// Refuses whatever the library must not run with: degree outside the table; t not a prime that is 1 modulo N below 2^30; a
/// prime outside 30 to 50 bits, repeated, composite, or not 1 modulo 2N and t (then switching moduli multiplies messages by 1);
/// special primes that do not cover a digit; log2(QP) above the security table. Errors: unsupported, naming what was expected.
base::Status validate(const Parameters& parameters);
/// Parameters with the largest primes of the wished sizes, validated. Errors: those of validate; out_of_range when there are
/// too few primes.
base::Result<Parameters> choose(const Wish& wish);

/// Canonical bytes: u16 version, u32 degree, u64 plain, u32 digit, u8 count and primes (u64 each), u8 count and special primes.
base::Bytes encode(const Parameters& parameters);
/// Decodes and validates. Errors: malformed, unsupported.
base::Result<Parameters> decode_parameters(base::ByteView bytes);
/// keccak256 of the canonical bytes under a domain of its own.
base::Hash hash(const Parameters& parameters);

}  // namespace koinon::trust::fhe
