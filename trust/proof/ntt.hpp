#pragma once
#include <vector>

#include "trust/proof/field.hpp"

namespace koinon::trust::proof {

/// Reed-Solomon encoding over Fp. A codeword of 2^(rows + rate) places stands in bit-reversed order: place i holds the value at
/// omega^reverse(i), so that the pair z, -z is at 2i, 2i + 1, and folding it gives place i of the folded word.
class Encoder {
 public:
  /// Precondition: rows_log + rate_log <= 32.
  Encoder(unsigned rows_log, unsigned rate_log);

  [[nodiscard]] std::size_t rows() const { return std::size_t{1} << rows_log_; }
  [[nodiscard]] std::size_t places() const { return rows() << rate_log_; }
  /// Places [block * rows, (block + 1) * rows) of the codeword of `message` (rows coefficients, lowest degree first).
  void encode_block(std::span<const Fp> message, std::size_t block, std::span<Fp> out) const;
  /// The whole codeword.
  void encode(std::span<const Fp> message, std::span<Fp> out) const;

 private:
  unsigned rows_log_, rate_log_;
  std::vector<Fp> twiddles_;         ///< stage by stage, half sizes rows/2, rows/4, ..., 1
  std::vector<Fp> block_generator_;  ///< omega^reverse(block) of the large domain
};

/// The number whose `bits` bits stand the other way round.
constexpr std::size_t reverse_bits(std::size_t value, unsigned bits) {
  std::size_t out = 0;
  for (unsigned i = 0; i < bits; ++i) out |= ((value >> i) & 1) << (bits - 1 - i);
  return out;
}

/// Place `place` of a domain of 2^bits in bit-reversed order.
inline Fp domain_point(std::size_t place, unsigned bits) { return power(root_of_unity(bits), reverse_bits(place, bits)); }

/// One stage of butterflies over a row: (u, v) -> (u + v, (u - v) * w). Uses AVX2 where the processor has it.
void butterflies(std::span<Fp> low, std::span<Fp> high, std::span<const Fp> twiddles);
/// The same in scalar code.
void butterflies_ref(std::span<Fp> low, std::span<Fp> high, std::span<const Fp> twiddles);

}  // namespace koinon::trust::proof
