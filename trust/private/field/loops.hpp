#pragma once
// The pointwise loops of Kernels, written once over a lane type. Each instruction set includes this in its own source file and
// instantiates it with a lane type of its own (in an unnamed namespace), so nothing compiled for one runs on another.
#include <cstddef>

#include "trust/private/field/kernels.hpp"

namespace koinon::trust::fhe {

/// Lane: `kWidth` doubles with load, store, broadcast, +, -, `round` (to nearest even) and
///   canonical(x, q)  x mod q in [0, q), |x| < 2^53;
///   product(a, b, q) a value congruent to a*b, |result| <= q, for integers |a| <= 2^50 and |b| <= q;
///   centre(x, p)     x in [0, p) to x - p where x > p/2;
///   times(a, b)      the rounded product.
template <class Lane>
struct Loops {
  static void add(const double* a, const double* b, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      (ring.once_less(Lane::load(a + i) + Lane::load(b + i))).store(out + i);  // below 2q
  }
  static void sub(const double* a, const double* b, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      (ring.once_more(Lane::load(a + i) - Lane::load(b + i))).store(out + i);  // above -q
  }
  static void mul(const double* a, const double* b, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      ring.once_more(ring.product(Lane::load(a + i), Lane::load(b + i))).store(out + i);
  }
  static void mul_add(const double* a, const double* b, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      ring.canonical(Lane::load(out + i) + ring.product(Lane::load(a + i), Lane::load(b + i))).store(out + i);
  }
  static void dot2(const double* const* a, const double* const* b, const double* const* c, std::size_t terms, double* out0,
                   double* out1, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    for (std::size_t i = 0; i < n; i += Lane::kWidth) {
      auto sum0 = Lane::broadcast(0), sum1 = Lane::broadcast(0);
      for (std::size_t k = 0; k < terms; ++k) {
        const auto x = Lane::load(a[k] + i);
        sum0 = sum0 + ring.product(x, Lane::load(b[k] + i));
        sum1 = sum1 + ring.product(x, Lane::load(c[k] + i));
        if ((k & 3) == 3) sum0 = ring.reduce(sum0), sum1 = ring.reduce(sum1);  // at most 1 + 4 products of at most q each
      }
      ring.canonical(sum0).store(out0 + i);
      ring.canonical(sum1).store(out1 + i);
    }
  }
  static void scale(const double* a, double s, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    const auto factor = Lane::broadcast(s);
    for (std::size_t i = 0; i < n; i += Lane::kWidth) ring.once_more(ring.product(Lane::load(a + i), factor)).store(out + i);
  }
  static void sub_scale(const double* a, const double* b, double s, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    const auto factor = Lane::broadcast(s);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      ring.once_more(ring.product(Lane::load(a + i) - Lane::load(b + i), factor)).store(out + i);
  }
  static void lift(const double* a, const Modulus& p, double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q), source(p);
    for (std::size_t i = 0; i < n; i += Lane::kWidth) ring.canonical(source.centre(Lane::load(a + i))).store(out + i);
  }
  static void quotient(const double* a, const Modulus& p, double* sum, std::size_t n) {
    const auto inverse = Lane::broadcast(p.inverse);
    for (std::size_t i = 0; i < n; i += Lane::kWidth)
      (Lane::load(sum + i) + Lane::times(Lane::load(a + i), inverse)).store(sum + i);
  }
  static void combine(const double* const* a, const double* w, std::size_t terms, const double* count, double total,
                      double* out, std::size_t n, const Modulus& q) {
    const typename Lane::Ring ring(q);
    const auto all = Lane::broadcast(total);
    for (std::size_t i = 0; i < n; i += Lane::kWidth) {
      auto sum = Lane::broadcast(0) - ring.product(Lane::round(Lane::load(count + i)), all);
      for (std::size_t k = 0; k < terms; ++k) {
        sum = sum + ring.product(Lane::load(a[k] + i), Lane::broadcast(w[k]));
        if ((k & 3) == 3) sum = ring.canonical(sum);  // at most 1 + 4 products of at most q each: below 2^53
      }
      ring.canonical(sum).store(out + i);
    }
  }
  static constexpr Kernels table(const char* name, void (*forward)(double*, const NttView&),
                                 void (*inverse)(double*, const NttView&)) {
    return {name, forward, inverse, add, sub, mul, mul_add, dot2, scale, sub_scale, lift, quotient, combine};
  }
};

}  // namespace koinon::trust::fhe
