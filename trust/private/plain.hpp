#pragma once
#include <span>
#include <vector>

#include "trust/private/context.hpp"
#include "trust/private/noise.hpp"

namespace koinon::trust::fhe {

/// A plaintext polynomial: N coefficients, centred modulo t.
struct Plain {
  std::vector<std::int32_t> coefficients;
  friend bool operator==(const Plain&, const Plain&) = default;
};

/// A plaintext ready to be multiplied at `level`: NTT values modulo its primes.
struct PreparedPlain {
  Poly values;
  std::size_t level = 0;
  Bits norm;  ///< bound of log2 of its canonical norm
};

/// Packs integers (any residues modulo t, signed), as many as there are slots or fewer; the rest are zero. Slots form two equal
/// rows; sums and products of plaintexts are those of the slots modulo t. Error: invalid_argument for too many.
base::Result<Plain> encode_slots(const Context& context, std::span<const std::int64_t> values);
/// All slots, centred: in [-(t-1)/2, (t-1)/2].
std::vector<std::int64_t> decode_slots(const Context& context, const Plain& plain);
/// Largest |p(z)| over the complex 2N-th primitive roots z, as a bound of its log2: a transform in doubles with twiddles from
/// square roots alone, in fixed order, so every machine finds the same. Zero polynomial: Bits{0}.
Bits canonical_norm(const Plain& plain);
/// NTT values at a level, for multiply_plain. Errors: invalid_argument on a wrong size or a coefficient beyond t/2.
base::Result<PreparedPlain> prepare(const Context& context, const Plain& plain, std::size_t level,
                                    base::ThreadPool* pool = nullptr);

/// Row of NTT values of small signed coefficients (|x| < q) modulo modulus i.
void to_row(const Context& context, std::span<const std::int64_t> coefficients, std::size_t modulus, double* row);

}  // namespace koinon::trust::fhe
