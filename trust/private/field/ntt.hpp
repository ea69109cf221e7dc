#pragma once
#include <vector>

#include "trust/private/field/kernels.hpp"

namespace koinon::trust::fhe {

/// Twiddles of one prime and degree. Immutable; share it between threads.
class Ntt {
 public:
  /// n: a power of two from 32; q: a prime below 2^50 with q = 1 mod 2n (invariants: Parameters validates before).
  Ntt(std::size_t n, const Modulus& q);

  [[nodiscard]] const Modulus& modulus() const { return q_; }
  [[nodiscard]] std::size_t size() const { return n_; }
  /// The primitive 2n-th root whose odd powers the values are taken at.
  [[nodiscard]] std::uint64_t root() const { return root_; }
  [[nodiscard]] NttView view() const { return {forward_.data(), inverse_.data(), scale_, n_, q_}; }
  /// Coefficients to values in bit-reversed order: out[i] = sum_j a[j] * root^(j * (2*reverse(i) + 1)).
  void forward(double* a, const Kernels& with = kernels()) const { with.forward(a, view()); }
  void inverse(double* a, const Kernels& with = kernels()) const { with.inverse(a, view()); }

 private:
  std::size_t n_;
  Modulus q_;
  std::uint64_t root_;
  double scale_;
  std::vector<double> forward_, inverse_;
};

/// Reverses the lowest `bits` bits of i.
std::size_t reverse_bits(std::size_t i, int bits);

/// The forward transform by its definition, in integers, n^2 steps: the twin that the kernels are tested against.
std::vector<std::uint64_t> ntt_ref(const std::vector<std::uint64_t>& a, std::uint64_t root, std::uint64_t q);
/// a * b modulo X^n + 1 and q by its definition.
std::vector<std::uint64_t> multiply_ref(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                                        std::uint64_t q);

}  // namespace koinon::trust::fhe
