#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "trust/private/params.hpp"

namespace koinon::trust::fhe {

/// A logarithm to base 2 in units of 1/256, kept in integers so that every machine plans the same.
struct Bits {
  std::int32_t units = 0;

  static constexpr std::int32_t kUnit = 256;
  friend constexpr Bits operator+(Bits a, Bits b) { return {a.units + b.units}; }
  friend constexpr Bits operator-(Bits a, Bits b) { return {a.units - b.units}; }
  friend constexpr auto operator<=>(Bits, Bits) = default;
  /// Bits as text, such as "35.8".
  [[nodiscard]] std::string text() const;
};

/// The smallest and the largest Bits that bound log2(x) from above and below. x >= 1.
Bits log2_ceil(std::uint64_t x);
Bits log2_floor(std::uint64_t x);
/// A bound of log2(2^a + 2^b), at most 1/4 above it.
Bits log2_sum(Bits a, Bits b);

/// The static noise plan: bounds that hold for every key but a fraction of 2^-128, computed from the parameters alone.
///
/// Of a ciphertext (c_0, c_1, ...) the plan bounds v = c_0 + c_1 s + ... centred modulo Q, which is the message plus t times an
/// error, in the canonical norm |v| = max over the complex 2N-th roots z of |v(z)|. Sums add, products multiply, automorphisms
/// keep it, and no coefficient exceeds it; decryption is right while it is below Q/2. docs/trust/private.md derives each bound.
class NoisePlan {
 public:
  explicit NoisePlan(const Parameters& parameters);

  /// log2 of a bound of v after: encryption with the secret key or with the public key, any message.
  [[nodiscard]] Bits fresh_symmetric() const { return fresh_symmetric_; }
  [[nodiscard]] Bits fresh_public() const { return fresh_public_; }
  /// Any plaintext of centred coefficients: N*t/2.
  [[nodiscard]] Bits any_plain() const { return any_plain_; }
  /// What rounding adds in one modulus switch or one division by P.
  [[nodiscard]] Bits rounding() const { return rounding_; }
  /// After dropping the last prime of `level`.
  [[nodiscard]] Bits switched(Bits v, std::size_t level) const;
  /// After a key switch at `level`.
  [[nodiscard]] Bits key_switched(Bits v, std::size_t level) const { return log2_sum(v, key_switch_[level - 1]); }
  /// log2(Q/2) of a level, rounded down: v must stay below.
  [[nodiscard]] Bits capacity(std::size_t level) const { return capacity_[level - 1]; }
  /// Fails with `operation` in the text when v does not fit the level. Error: exhausted.
  [[nodiscard]] base::Status fits(const char* operation, Bits v, std::size_t level) const;

 private:
  Bits fresh_symmetric_, fresh_public_, any_plain_, rounding_;
  std::vector<Bits> key_switch_, capacity_, prime_;
};

}  // namespace koinon::trust::fhe
