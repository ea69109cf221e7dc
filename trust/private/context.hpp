#pragma once
#include <memory>
#include <vector>

#include "base/thread_pool.hpp"
#include "trust/private/field/ntt.hpp"
#include "trust/private/params.hpp"
#include "trust/private/poly.hpp"

namespace koinon::trust::fhe {

/// From residues modulo some primes (product D) to residues of the same centred integer modulo others, in double arithmetic
/// (Halevi, Polyakov and Shoup, CT-RSA 2019, section 2). out = post * centred(x/divide mod D), where centred is within
/// D/2 * (1 + 2^-44) (the rounding of x/D may go either way that close to a tie; both are congruent modulo D).
class BaseConverter {
 public:
  /// `divide` is prime to D.
  BaseConverter(std::vector<Modulus> from, std::vector<Modulus> to, std::uint64_t divide, std::uint64_t post);
  /// First half: `in` is overwritten by x_i/divide * (D/q_i)^-1 mod q_i, and `count` by their sum of quotients.
  void prepare(std::span<double* const> in, double* count, std::size_t n) const;
  /// Second half, one target modulus.
  void convert(std::span<double* const> prepared, const double* count, std::size_t target, double* out, std::size_t n) const;

 private:
  std::vector<Modulus> from_, to_;
  std::vector<double> hats_;     ///< (divide * D/q_i)^-1 mod q_i
  std::vector<double> weights_;  ///< [target][i]: post * D/q_i mod target
  std::vector<double> totals_;   ///< post * D mod target
};

/// What every operation of one parameter set needs; immutable, shared between threads by reference.
///
/// Moduli are numbered: 0 .. levels-1 the primes, then the special ones. A ciphertext of level l has rows 0 .. l-1; an extended
/// polynomial of level l has rows 0 .. l-1 and then one a special prime.
class Context {
 public:
  /// Errors: those of validate.
  static base::Result<std::unique_ptr<const Context>> create(const Parameters& parameters);

  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  [[nodiscard]] const base::Hash& hash() const { return hash_; }
  [[nodiscard]] std::size_t degree() const { return parameters_.degree; }
  [[nodiscard]] std::uint64_t plain() const { return parameters_.plain; }
  [[nodiscard]] std::size_t levels() const { return parameters_.primes.size(); }
  [[nodiscard]] std::size_t specials() const { return parameters_.special.size(); }
  [[nodiscard]] std::size_t digits(std::size_t level) const {
    return parameters_.digit == 0 ? 0 : (level + parameters_.digit - 1) / parameters_.digit;
  }

  /// Transform of modulus i, or of t.
  [[nodiscard]] const Ntt& ntt(std::size_t modulus) const { return ntts_[modulus]; }
  [[nodiscard]] const Modulus& modulus(std::size_t i) const { return ntts_[i].modulus(); }
  [[nodiscard]] const Ntt& plain_ntt() const { return ntts_.back(); }
  /// Number of the modulus at row `row` of an extended polynomial of level `level`.
  [[nodiscard]] std::size_t extended(std::size_t level, std::size_t row) const {
    return row < level ? row : levels() + row - level;
  }

  /// Lifts digit `digit` of a level to every modulus.
  [[nodiscard]] const BaseConverter& raise(std::size_t level, std::size_t digit) const;
  /// t * centred(x / t) from the special primes to the primes, and from prime `dropped` to those below it.
  [[nodiscard]] const BaseConverter& lower_special() const { return lower_special_[0]; }
  [[nodiscard]] const BaseConverter& lower_prime(std::size_t dropped) const { return lower_prime_[dropped]; }
  [[nodiscard]] double special_mod(std::size_t i) const { return special_mod_[i]; }          ///< P mod q_i
  [[nodiscard]] double special_inverse(std::size_t i) const { return special_inverse_[i]; }  ///< P^-1 mod q_i
  [[nodiscard]] double prime_inverse(std::size_t dropped, std::size_t i) const {             ///< q_dropped^-1 mod q_i
    return prime_inverse_[dropped * levels() + i];
  }
  /// Row-major position of slot (row, column) among the bit-reversed values of a plaintext.
  [[nodiscard]] std::size_t slot(std::size_t row, std::size_t column) const { return slots_[row * slots() / 2 + column]; }
  /// Slots of a plaintext, in two rows of half as many each: see slots(Parameters).
  [[nodiscard]] std::size_t slots() const { return slots_.size(); }
  /// X -> X^element on NTT values: out[i] = in[permutation[i]]. `element` odd, below 2N.
  [[nodiscard]] std::vector<std::uint32_t> permutation(std::uint32_t element) const;
  /// The element that rotates both rows of slots left by `steps` (negative: right), 3^steps; and the one that swaps the rows.
  [[nodiscard]] std::uint32_t rotation(std::int64_t steps) const;
  [[nodiscard]] std::uint32_t row_swap() const { return 2 * parameters_.degree - 1; }

 private:
  explicit Context(const Parameters& parameters);
  Parameters parameters_;
  base::Hash hash_;
  std::vector<Ntt> ntts_;
  std::vector<BaseConverter> raise_, lower_special_, lower_prime_;
  std::vector<double> special_mod_, special_inverse_, prime_inverse_;
  std::vector<std::uint32_t> slots_;
};

/// body(i) for i in [0, n), on the pool when there is one.
void each(base::ThreadPool* pool, std::size_t n, const std::function<void(std::size_t)>& body);

}  // namespace koinon::trust::fhe
