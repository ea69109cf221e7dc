// Four field elements at a time. AVX2 has no 64-bit product: it is put together of four 32-bit ones, and compares are signed,
// so both sides are shifted by 2^63 first.
#include "trust/proof/vector.hpp"

#include "base/result.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace koinon::trust::proof {

bool has_avx2() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
#else
  return false;
#endif
}

void multiply_ref(std::span<const Fp> a, std::span<const Fp> b, std::span<Fp> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] * b[i];
}

void butterflies_ref(std::span<Fp> low, std::span<Fp> high, std::span<const Fp> twiddles) {
  for (std::size_t i = 0; i < low.size(); ++i) {
    const Fp u = low[i], v = high[i];
    low[i] = u + v;
    high[i] = (u - v) * twiddles[i];
  }
}

#if defined(__x86_64__)
#define KOINON_AVX2 __attribute__((target("avx2")))
namespace {

KOINON_AVX2 inline __m256i all(std::uint64_t v) { return _mm256_set1_epi64x(static_cast<long long>(v)); }
/// All ones where a < b, unsigned.
KOINON_AVX2 inline __m256i less(__m256i a, __m256i b) {
  const __m256i sign = all(std::uint64_t{1} << 63);
  return _mm256_cmpgt_epi64(_mm256_xor_si256(b, sign), _mm256_xor_si256(a, sign));
}
/// r < 2^64 to r mod p.
KOINON_AVX2 inline __m256i canonical(__m256i r) {
  const __m256i below = less(r, all(kPrime));
  return _mm256_sub_epi64(r, _mm256_andnot_si256(below, all(kPrime)));
}
/// a, b < p; result < p.
KOINON_AVX2 inline __m256i add(__m256i a, __m256i b) {
  const __m256i s = _mm256_add_epi64(a, b);
  const __m256i over = less(s, a);
  const __m256i past = _mm256_xor_si256(less(s, all(kPrime)), all(~std::uint64_t{0}));
  return _mm256_sub_epi64(s, _mm256_and_si256(_mm256_or_si256(over, past), all(kPrime)));
}
KOINON_AVX2 inline __m256i subtract(__m256i a, __m256i b) {
  return _mm256_add_epi64(_mm256_sub_epi64(a, b), _mm256_and_si256(less(a, b), all(kPrime)));
}
KOINON_AVX2 inline __m256i product(__m256i a, __m256i b) {
  const __m256i mask = all(kEpsilon);
  const __m256i a1 = _mm256_srli_epi64(a, 32), b1 = _mm256_srli_epi64(b, 32);
  const __m256i ll = _mm256_mul_epu32(a, b), lh = _mm256_mul_epu32(a, b1);
  const __m256i hl = _mm256_mul_epu32(a1, b), hh = _mm256_mul_epu32(a1, b1);
  const __m256i t = _mm256_add_epi64(hl, _mm256_srli_epi64(ll, 32));
  const __m256i u = _mm256_add_epi64(lh, _mm256_and_si256(t, mask));
  const __m256i high = _mm256_add_epi64(_mm256_add_epi64(hh, _mm256_srli_epi64(t, 32)), _mm256_srli_epi64(u, 32));
  const __m256i low = _mm256_or_si256(_mm256_slli_epi64(u, 32), _mm256_and_si256(ll, mask));
  // low + 2^64 middle + 2^96 top = low - top + middle * kEpsilon.
  const __m256i top = _mm256_srli_epi64(high, 32);
  const __m256i borrowed = _mm256_and_si256(less(low, top), mask);
  const __m256i r = _mm256_sub_epi64(_mm256_sub_epi64(low, top), borrowed);
  const __m256i m = _mm256_mul_epu32(high, mask);
  const __m256i s = _mm256_add_epi64(r, m);
  return canonical(_mm256_add_epi64(s, _mm256_and_si256(less(s, m), mask)));
}
KOINON_AVX2 inline __m256i load(const Fp* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
KOINON_AVX2 inline void store(Fp* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

KOINON_AVX2 void multiply_avx2(const Fp* a, const Fp* b, Fp* out, std::size_t fours) {
  for (std::size_t i = 0; i < 4 * fours; i += 4) store(out + i, product(load(a + i), load(b + i)));
}
KOINON_AVX2 void butterflies_avx2(Fp* low, Fp* high, const Fp* w, std::size_t fours) {
  for (std::size_t i = 0; i < 4 * fours; i += 4) {
    const __m256i u = load(low + i), v = load(high + i);
    store(low + i, add(u, v));
    store(high + i, product(subtract(u, v), load(w + i)));
  }
}

}  // namespace
#endif

void multiply(std::span<const Fp> a, std::span<const Fp> b, std::span<Fp> out) {
  KOINON_INVARIANT(a.size() == out.size() && b.size() == out.size());
  std::size_t done = 0;
#if defined(__x86_64__)
  if (has_avx2()) {
    multiply_avx2(a.data(), b.data(), out.data(), out.size() / 4);
    done = out.size() / 4 * 4;
  }
#endif
  multiply_ref(a.subspan(done), b.subspan(done), out.subspan(done));
}

void butterflies(std::span<Fp> low, std::span<Fp> high, std::span<const Fp> twiddles) {
  std::size_t done = 0;
#if defined(__x86_64__)
  if (has_avx2()) {
    done = low.size() / 4 * 4;
    butterflies_avx2(low.data(), high.data(), twiddles.data(), low.size() / 4);
  }
#endif
  butterflies_ref(low.subspan(done), high.subspan(done), twiddles.subspan(done));
}

}  // namespace koinon::trust::proof
