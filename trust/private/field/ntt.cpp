#include "trust/private/field/ntt.hpp"

#include <bit>

namespace koinon::trust::fhe {
namespace {

/// x in [0, q) as the double of the same class in [-q/2, q/2].
double centred(std::uint64_t x, const Modulus& q) {
  return x > q.value / 2 ? -static_cast<double>(q.value - x) : static_cast<double>(x);
}

}  // namespace

std::size_t reverse_bits(std::size_t i, int bits) {
  std::size_t out = 0;
  for (int b = 0; b < bits; ++b) out |= ((i >> b) & 1) << (bits - 1 - b);
  return out;
}

Ntt::Ntt(std::size_t n, const Modulus& q)
    : n_(n), q_(q), root_(root_of_unity(2 * n, q.value)), scale_(0), forward_(n), inverse_(n) {
  KOINON_INVARIANT(n >= 32 && std::has_single_bit(n) && q.value < (1ULL << kMaxModulusBits));
  const int bits = std::countr_zero(n);
  const auto back = inverse_mod(root_, q.value);
  scale_ = centred(inverse_mod(n, q.value), q);
  std::uint64_t power = 1, inverse_power = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const auto at = reverse_bits(i, bits);
    forward_[at] = centred(power, q);
    inverse_[at] = centred(inverse_power, q);
    power = mul_mod(power, root_, q.value);
    inverse_power = mul_mod(inverse_power, back, q.value);
  }
}

std::vector<std::uint64_t> ntt_ref(const std::vector<std::uint64_t>& a, std::uint64_t root, std::uint64_t q) {
  const auto n = a.size();
  const int bits = std::countr_zero(n);
  std::vector<std::uint64_t> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto point = pow_mod(root, 2 * reverse_bits(i, bits) + 1, q);
    std::uint64_t value = 0;
    for (std::size_t j = n; j-- > 0;) value = add_mod(mul_mod(value, point, q), a[j], q);
    out[i] = value;
  }
  return out;
}

std::vector<std::uint64_t> multiply_ref(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                                        std::uint64_t q) {
  const auto n = a.size();
  std::vector<std::uint64_t> out(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const auto product = mul_mod(a[i], b[j], q);
      auto& to = out[(i + j) % n];
      to = i + j < n ? add_mod(to, product, q) : add_mod(to, product == 0 ? 0 : q - product, q);
    }
  return out;
}

}  // namespace koinon::trust::fhe
