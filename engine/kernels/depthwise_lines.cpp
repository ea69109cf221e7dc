// Lines of a depthwise convolution: taps are interleaved in registers, multiplied and added, and requantised there.
#include "engine/kernels/depthwise.hpp"

#if defined(__x86_64__)
// g++-12 takes its own header's undefined registers for a mistake of ours (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <array>
#include <cstring>

#define KOINON_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define KOINON_AVX2 __attribute__((target("avx2")))
#define KOINON_INLINE inline __attribute__((always_inline))

namespace koinon::engine::kernels {
namespace {

struct Quarters {
  __m512i q[4];
};

KOINON_AVX512 KOINON_INLINE Quarters interleave(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_unpacklo_epi8(a, b), ab2 = _mm512_unpackhi_epi8(a, b);
  const __m512i cd = _mm512_unpacklo_epi8(c, d), cd2 = _mm512_unpackhi_epi8(c, d);
  return {{_mm512_unpacklo_epi16(ab, cd), _mm512_unpackhi_epi16(ab, cd), _mm512_unpacklo_epi16(ab2, cd2),
           _mm512_unpackhi_epi16(ab2, cd2)}};
}

KOINON_AVX512 KOINON_INLINE __m512i requantised(__m512i sum, const ChannelLine& t, int part) {
  const __m512i factor = _mm512_load_si512(t.factor + 16 * part);
  const __m512i even = _mm512_mul_epi32(sum, factor);
  const __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(sum, 32), _mm512_srli_epi64(factor, 32));
  const __m512i upper = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
  return _mm512_srav_epi32(_mm512_add_epi32(upper, _mm512_load_si512(t.half + 16 * part)),
                           _mm512_load_si512(t.shift + 16 * part));
}

// Unpacking leaves quarter `part` of results 16 k to 16 k + 15 in lanes 4 k to 4 k + 3 of c[part]: here they are put in order.
KOINON_AVX512 KOINON_INLINE void order(const __m512i (&c)[4], __m512i (&to)[4]) {
  const __m512i a = _mm512_shuffle_i32x4(c[0], c[1], 0x44), b = _mm512_shuffle_i32x4(c[2], c[3], 0x44);
  const __m512i d = _mm512_shuffle_i32x4(c[0], c[1], 0xee), e = _mm512_shuffle_i32x4(c[2], c[3], 0xee);
  to[0] = _mm512_shuffle_i32x4(a, b, 0x88), to[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
  to[2] = _mm512_shuffle_i32x4(d, e, 0x88), to[3] = _mm512_shuffle_i32x4(d, e, 0xdd);
}

KOINON_AVX512 KOINON_INLINE __mmask16 lanes_of(std::int64_t count, int part) {
  const std::int64_t left = count - 16 * part;
  return static_cast<__mmask16>(left >= 16 ? 0xffff : left <= 0 ? 0 : (1 << left) - 1);
}

KOINON_AVX512 KOINON_INLINE void put_words(const __m512i (&c)[4], std::int64_t count, std::int32_t* to) {
  __m512i y[4];
  order(c, y);
  for (int part = 0; part < 4; ++part) _mm512_mask_storeu_epi32(to + 16 * part, lanes_of(count, part), y[part]);
}

KOINON_AVX512 KOINON_INLINE void put(__m512i (&c)[4], const ChannelLine& t, std::int64_t count, std::uint8_t* to) {
  if (t.factor != nullptr)
    for (int part = 0; part < 4; ++part) c[part] = requantised(c[part], t, part);
  if (t.type == DType::i8) {
    // Saturating packs, then the clamp, which is monotone.
    const __m512i y = _mm512_packs_epi16(_mm512_packs_epi32(c[0], c[1]), _mm512_packs_epi32(c[2], c[3]));
    const __m512i low = _mm512_set1_epi8(static_cast<char>(t.low)), high = _mm512_set1_epi8(static_cast<char>(t.high));
    const __mmask64 inside = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
    return _mm512_mask_storeu_epi8(to, inside, _mm512_min_epi8(high, _mm512_max_epi8(low, y)));
  }
  if (t.factor != nullptr)
    for (auto& y : c) y = _mm512_min_epi32(_mm512_set1_epi32(t.high), _mm512_max_epi32(_mm512_set1_epi32(t.low), y));
  if (t.type == DType::i32) return put_words(c, count, reinterpret_cast<std::int32_t*>(to));
  __m512i y[4];
  order(c, y);
  for (int part = 0; part < 4; ++part)
    _mm256_mask_storeu_epi16(to + 32 * part, lanes_of(count, part), _mm512_cvtsepi32_epi16(y[part]));
}

KOINON_AVX512 void block_avx512(const ChannelLine& t, const std::uint8_t* x, std::int64_t count, std::uint8_t* to,
                                std::int32_t* sums) {
  __m512i c[4];
  for (int part = 0; part < 4; ++part) c[part] = _mm512_load_si512(t.starts + 16 * part);
  const __m512i zero = _mm512_setzero_si512();
  const std::int32_t* weights = t.weights;
  for (std::int64_t tap = 0; tap < t.tap_count; tap += 4, weights += 64) {
    const std::int64_t left = t.tap_count - tap;
    const __m512i a = _mm512_loadu_si512(x + t.taps[tap]);
    const __m512i b = left > 1 ? _mm512_loadu_si512(x + t.taps[tap + 1]) : zero;
    const __m512i d = left > 2 ? _mm512_loadu_si512(x + t.taps[tap + 2]) : zero;
    const __m512i e = left > 3 ? _mm512_loadu_si512(x + t.taps[tap + 3]) : zero;
    const Quarters words = interleave(a, b, d, e);
    for (int part = 0; part < 4; ++part)
      c[part] = _mm512_dpbusd_epi32(c[part], words.q[part], _mm512_load_si512(weights + 16 * part));
  }
  if (sums != nullptr) put_words(c, count, sums);
  put(c, t, count, to);
}

KOINON_AVX2 KOINON_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

KOINON_AVX2 KOINON_INLINE __m256i requantised(__m256i sum, const ChannelLine& t, int part) {
  const __m256i factor = load(t.factor + 8 * part);
  const __m256i even = _mm256_mul_epi32(sum, factor);
  const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(sum, 32), _mm256_srli_epi64(factor, 32));
  const __m256i upper = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  const __m256i y = _mm256_srav_epi32(_mm256_add_epi32(upper, load(t.half + 8 * part)), load(t.shift + 8 * part));
  return _mm256_min_epi32(_mm256_set1_epi32(t.high), _mm256_max_epi32(_mm256_set1_epi32(t.low), y));
}

// Up to 16 sums or requantised values, which unpacking left by halves of eight, in order.
KOINON_AVX2 KOINON_INLINE void put_ordered(const __m256i (&c)[2], std::int64_t count, DType type, std::uint8_t* to) {
  alignas(32) std::array<std::int32_t, 16> lanes;
  auto* at = reinterpret_cast<__m256i*>(lanes.data());
  _mm256_store_si256(at, _mm256_permute2x128_si256(c[0], c[1], 0x20));
  _mm256_store_si256(at + 1, _mm256_permute2x128_si256(c[0], c[1], 0x31));
  if (type == DType::i32) {
    std::memcpy(to, lanes.data(), static_cast<std::size_t>(count) * 4);
  } else {
    const Array out{type, to};
    for (std::int64_t i = 0; i < count; ++i) out.set(i, lanes[static_cast<std::size_t>(i)]);
  }
}

KOINON_AVX2 void block_avx2(const ChannelLine& t, const std::uint8_t* x, std::int64_t count, std::uint8_t* to,
                            std::int32_t* sums) {
  __m256i c[2] = {load(t.starts), load(t.starts + 8)};
  const std::int32_t* weights = t.weights;
  for (std::int64_t tap = 0; tap < t.tap_count; tap += 2, weights += 16) {
    const __m256i a = load(x + t.taps[tap]);
    const __m256i b = tap + 1 < t.tap_count ? load(x + t.taps[tap + 1]) : _mm256_setzero_si256();
    c[0] = _mm256_add_epi32(c[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), load(weights)));
    c[1] = _mm256_add_epi32(c[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), load(weights + 8)));
  }
  if (sums != nullptr) put_ordered(c, count, DType::i32, reinterpret_cast<std::uint8_t*>(sums));
  if (t.factor != nullptr) c[0] = requantised(c[0], t, 0), c[1] = requantised(c[1], t, 1);
  if (count == 16 && t.type != DType::i32) {
    const __m256i y = _mm256_packs_epi32(c[0], c[1]);
    if (t.type == DType::i16) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), y);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  }
  put_ordered(c, count, t.type, to);
}

}  // namespace

void channel_line_avx512(const ChannelLine& line) {
  for (std::int64_t i = 0; i < line.blocks; ++i)
    block_avx512(line, line.x + i * line.step, i + 1 == line.blocks ? line.last : line.count, line.out + i * line.out_step,
                 line.sums == nullptr ? nullptr : line.sums + i * line.sums_step);
}

void channel_line_avx2(const ChannelLine& line) {
  for (std::int64_t i = 0; i < line.blocks; ++i)
    block_avx2(line, line.x + i * line.step, i + 1 == line.blocks ? line.last : line.count, line.out + i * line.out_step,
               line.sums == nullptr ? nullptr : line.sums + i * line.sums_step);
}

}  // namespace koinon::engine::kernels

#else

namespace koinon::engine::kernels {
void channel_line_avx512(const ChannelLine&) {}
void channel_line_avx2(const ChannelLine&) {}
}  // namespace koinon::engine::kernels

#endif
