#pragma once
#include <cstddef>
#include <span>

#include "trust/private/field/modulus.hpp"

namespace koinon::trust::fhe {

/// What one transform needs: twiddles of the forward and the inverse transform, centred (|w| <= q/2), at index m + i for block
/// i of the stage with m blocks (Longa and Naehrig, CANS 2016, section 3).
struct NttView {
  const double* forward;
  const double* inverse;
  double scale;  ///< 1/n mod q, centred
  std::size_t n;
  Modulus q;
};

/// Loops over residues. Every input residue is an integer in [0, q) held in a double, and so is every output: kernels of
/// different instruction sets give the same values. Spans of one call have one length, a multiple of 16. No kernel branches
/// or indexes by a residue.
struct Kernels {
  const char* name;
  /// In place: coefficients in order to values at odd powers of the root in bit-reversed order, and back.
  void (*forward)(double* a, const NttView& ntt);
  void (*inverse)(double* a, const NttView& ntt);
  void (*add)(const double* a, const double* b, double* out, std::size_t n, const Modulus& q);
  void (*sub)(const double* a, const double* b, double* out, std::size_t n, const Modulus& q);
  void (*mul)(const double* a, const double* b, double* out, std::size_t n, const Modulus& q);
  /// out = out + a*b.
  void (*mul_add)(const double* a, const double* b, double* out, std::size_t n, const Modulus& q);
  /// out0 = sum_k a[k]*b[k], out1 = sum_k a[k]*c[k]: the inner products of a key switch.
  void (*dot2)(const double* const* a, const double* const* b, const double* const* c, std::size_t terms, double* out0,
               double* out1, std::size_t n, const Modulus& q);
  /// out = a*s. s in [0, q).
  void (*scale)(const double* a, double s, double* out, std::size_t n, const Modulus& q);
  /// out = (a - b)*s. s in [0, q).
  void (*sub_scale)(const double* a, const double* b, double s, double* out, std::size_t n, const Modulus& q);
  /// out = centred(a mod p) mod q: the integer in (-p/2, p/2) of that class, reduced modulo q.
  void (*lift)(const double* a, const Modulus& p, double* out, std::size_t n, const Modulus& q);
  /// sum = sum + a/p in double arithmetic, one multiplication by p.inverse and one addition an element, never fused.
  void (*quotient)(const double* a, const Modulus& p, double* sum, std::size_t n);
  /// out = sum_i a[i]*w[i] - round(count)*total mod q, for a[i] any integers in [0, 2^50): the last step of a base conversion.
  void (*combine)(const double* const* a, const double* w, std::size_t terms, const double* count, double total, double* out,
                  std::size_t n, const Modulus& q);
};

/// Integer arithmetic of any machine.
const Kernels& portable_kernels();
/// AVX2 and FMA; null when this build or processor has none.
const Kernels* avx2_kernels();
/// The fastest that this processor runs.
const Kernels& kernels();

}  // namespace koinon::trust::fhe
