#include "trust/proof/ntt.hpp"

#include "base/result.hpp"
#include "trust/proof/vector.hpp"

namespace koinon::trust::proof {

Encoder::Encoder(unsigned rows_log, unsigned rate_log) : rows_log_(rows_log), rate_log_(rate_log) {
  KOINON_INVARIANT(rows_log + rate_log <= 32);
  for (std::size_t half = rows() / 2; half >= 1; half /= 2) {
    const Fp step = power(root_of_unity(rows_log), rows() / (2 * half));
    Fp at(1);
    for (std::size_t j = 0; j < half; ++j, at *= step) twiddles_.push_back(at);
  }
  const Fp omega = root_of_unity(rows_log + rate_log);
  for (std::size_t block = 0; block < std::size_t{1} << rate_log; ++block)
    block_generator_.push_back(power(omega, reverse_bits(block, rate_log)));
}

// The first rate_log stages of a transform of the zero-padded message only scale: block b becomes the transform of
// message_i * g_b^i of size `rows`.
void Encoder::encode_block(std::span<const Fp> message, std::size_t block, std::span<Fp> out) const {
  KOINON_INVARIANT(message.size() == rows() && out.size() == rows());
  Fp scale(1);
  for (std::size_t i = 0; i < rows(); ++i, scale *= block_generator_[block]) out[i] = message[i] * scale;
  const Fp* stage = twiddles_.data();
  for (std::size_t half = rows() / 2; half >= 1; half /= 2) {
    for (std::size_t at = 0; at < rows(); at += 2 * half)
      butterflies(out.subspan(at, half), out.subspan(at + half, half), {stage, half});
    stage += half;
  }
}

void Encoder::encode(std::span<const Fp> message, std::span<Fp> out) const {
  for (std::size_t block = 0; block < std::size_t{1} << rate_log_; ++block)
    encode_block(message, block, out.subspan(block * rows(), rows()));
}

}  // namespace koinon::trust::proof
