// Compiled for AVX2 and FMA; called only where the processor has both. Everything but the entry point is local to this file,
// so that no function compiled here can be linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>

#include "trust/private/field/kernels.hpp"
#include "trust/private/field/loops.hpp"
#include "trust/private/field/transform.hpp"

namespace koinon::trust::fhe {
const Kernels& avx2_kernels_unchecked();
namespace {

/// Four residues.
struct Quad {
  static constexpr std::size_t kWidth = 4;
  static constexpr std::size_t kTail = 16;
  __m256d x;

  static Quad load(const double* p) { return {_mm256_loadu_pd(p)}; }
  void store(double* p) const { _mm256_storeu_pd(p, x); }
  static Quad broadcast(double value) { return {_mm256_set1_pd(value)}; }
  static Quad round(Quad a) { return {_mm256_round_pd(a.x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  static Quad times(Quad a, Quad b) { return {_mm256_mul_pd(a.x, b.x)}; }
  friend Quad operator+(Quad a, Quad b) { return {_mm256_add_pd(a.x, b.x)}; }
  friend Quad operator-(Quad a, Quad b) { return {_mm256_sub_pd(a.x, b.x)}; }

  struct Ring {
    __m256d q, inverse;
    explicit Ring(const Modulus& m) : q(_mm256_set1_pd(m.q)), inverse(_mm256_set1_pd(m.inverse)) {}
    Quad product(Quad a, Quad b) const {
      const auto high = _mm256_mul_pd(a.x, b.x);
      const auto low = _mm256_fmsub_pd(a.x, b.x, high);
      const auto quotient = round({_mm256_mul_pd(high, inverse)}).x;
      return {_mm256_add_pd(_mm256_fnmadd_pd(quotient, q, high), low)};
    }
    Quad reduce(Quad a) const { return {_mm256_fnmadd_pd(round({_mm256_mul_pd(a.x, inverse)}).x, q, a.x)}; }
    Quad once_more(Quad a) const {
      return {_mm256_add_pd(a.x, _mm256_and_pd(_mm256_cmp_pd(a.x, _mm256_setzero_pd(), _CMP_LT_OQ), q))};
    }
    Quad once_less(Quad a) const { return {_mm256_sub_pd(a.x, _mm256_and_pd(_mm256_cmp_pd(a.x, q, _CMP_GE_OQ), q))}; }
    Quad canonical(Quad a) const { return once_more(reduce(a)); }
    Quad centre(Quad a) const {
      const auto half = _mm256_mul_pd(q, _mm256_set1_pd(0.5));
      return {_mm256_sub_pd(a.x, _mm256_and_pd(_mm256_cmp_pd(a.x, half, _CMP_GT_OQ), q))};
    }
  };

  static void transpose(Quad& a, Quad& b, Quad& c, Quad& d) {
    const auto ab0 = _mm256_unpacklo_pd(a.x, b.x);  // a0 b0 a2 b2
    const auto ab1 = _mm256_unpackhi_pd(a.x, b.x);  // a1 b1 a3 b3
    const auto cd0 = _mm256_unpacklo_pd(c.x, d.x);
    const auto cd1 = _mm256_unpackhi_pd(c.x, d.x);
    a.x = _mm256_permute2f128_pd(ab0, cd0, 0x20);
    b.x = _mm256_permute2f128_pd(ab1, cd1, 0x20);
    c.x = _mm256_permute2f128_pd(ab0, cd0, 0x31);
    d.x = _mm256_permute2f128_pd(ab1, cd1, 0x31);
  }
  static void forward_step(Quad& a, Quad& b, Quad w, const Ring& ring) {
    const auto y = ring.product(b, w);
    b = a - y;
    a = a + y;
  }
  static void inverse_step(Quad& a, Quad& b, Quad w, const Ring& ring) {
    const auto difference = a - b;
    a = a + b;
    b = ring.product(difference, w);
  }
  /// Twiddles of the last two stages of block `at`, in the lane order (0, 2, 1, 3) of the four groups of four.
  struct Ends {
    __m256d pairs, even, odd;
    Ends(const double* w, std::size_t at) : pairs(_mm256_permute4x64_pd(_mm256_loadu_pd(w + (at << 2)), 0xD8)) {
      const auto low = _mm256_loadu_pd(w + (at << 3));
      const auto high = _mm256_loadu_pd(w + (at << 3) + 4);
      even = _mm256_unpacklo_pd(low, high);  // 0 4 2 6
      odd = _mm256_unpackhi_pd(low, high);   // 1 5 3 7
    }
  };

  /// The last four stages on 16 elements; at = m + block.
  static void forward_tail(double* a, const NttView& ntt, std::size_t at, const Ring& ring) {
    const double* w = ntt.forward;
    Quad v0 = ring.reduce(load(a)), v1 = ring.reduce(load(a + 4)), v2 = load(a + 8), v3 = load(a + 12);
    const auto first = broadcast(w[at]);
    forward_step(v0, v2, first, ring);
    forward_step(v1, v3, first, ring);
    forward_step(v0, v1, broadcast(w[at << 1]), ring);
    forward_step(v2, v3, broadcast(w[(at << 1) + 1]), ring);
    transpose(v0, v2, v1, v3);  // now element 0, 1, 2, 3 of each group in v0, v2, v1, v3
    const Ends ends(w, at);
    forward_step(v0, v1, {ends.pairs}, ring);
    forward_step(v2, v3, {ends.pairs}, ring);
    forward_step(v0, v2, {ends.even}, ring);
    forward_step(v1, v3, {ends.odd}, ring);
    v0 = ring.canonical(v0), v1 = ring.canonical(v1), v2 = ring.canonical(v2), v3 = ring.canonical(v3);
    transpose(v0, v2, v1, v3);
    v0.store(a), v1.store(a + 4), v2.store(a + 8), v3.store(a + 12);
  }
  /// The first four stages of the inverse. Leaves |x| <= 1.25q.
  static void inverse_tail(double* a, const NttView& ntt, std::size_t at, const Ring& ring) {
    const double* w = ntt.inverse;
    Quad v0 = load(a), v1 = load(a + 4), v2 = load(a + 8), v3 = load(a + 12);
    transpose(v0, v2, v1, v3);
    const Ends ends(w, at);
    inverse_step(v0, v2, {ends.even}, ring);
    inverse_step(v1, v3, {ends.odd}, ring);
    inverse_step(v0, v1, {ends.pairs}, ring);
    inverse_step(v2, v3, {ends.pairs}, ring);
    v0 = ring.reduce(v0);  // a sum of four; the others are within 1.88q
    transpose(v0, v2, v1, v3);
    inverse_step(v0, v1, broadcast(w[at << 1]), ring);
    inverse_step(v2, v3, broadcast(w[(at << 1) + 1]), ring);
    v0 = ring.reduce(v0), v2 = ring.reduce(v2), v1 = ring.reduce(v1), v3 = ring.reduce(v3);
    const auto first = broadcast(w[at]);
    inverse_step(v0, v2, first, ring);
    inverse_step(v1, v3, first, ring);
    v0.store(a), v1.store(a + 4), v2.store(a + 8), v3.store(a + 12);
  }
};

}  // namespace

const Kernels& avx2_kernels_unchecked() {
  static constexpr Kernels kTable = Loops<Quad>::table("avx2", Transform<Quad>::forward, Transform<Quad>::inverse);
  return kTable;
}

}  // namespace koinon::trust::fhe
#endif
