// Tiles of a product with AVX2: words are pairs of i16, which vpmaddwd multiplies and adds without saturating.
#include "engine/kernels/tile.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#define KOINON_AVX2 __attribute__((target("avx2")))
#define KOINON_INLINE inline __attribute__((always_inline))
// Loops over registers: rolled ones would keep the sums in memory.
#if defined(__clang__)
#define KOINON_UNROLL _Pragma("clang loop unroll(full)")
#else
#define KOINON_UNROLL _Pragma("GCC unroll 6")
#endif

namespace koinon::engine::kernels {
namespace {

KOINON_AVX2 KOINON_INLINE __m256i load(const std::int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

KOINON_AVX2 KOINON_INLINE __m256i spread(const std::uint8_t* p) {
  std::int32_t v = 0;
  std::memcpy(&v, p, 4);
  return _mm256_set1_epi32(v);
}

KOINON_AVX2 KOINON_INLINE __m256i requantised(__m256i sum, const Epilogue& e, std::int64_t column) {
  const __m256i factor = load(e.factor.data() + column);
  const __m256i even = _mm256_mul_epi32(sum, factor);
  const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(sum, 32), _mm256_srli_epi64(factor, 32));
  const __m256i upper = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  const __m256i y = _mm256_srav_epi32(_mm256_add_epi32(upper, load(e.half.data() + column)), load(e.shift.data() + column));
  return _mm256_min_epi32(_mm256_set1_epi32(e.high), _mm256_max_epi32(_mm256_set1_epi32(e.low), y));
}

// Up to eight columns of one row, narrowed to the result's type. Saturating packs: the clamp keeps lanes inside the type.
KOINON_AVX2 KOINON_INLINE void put(__m256i y, DType type, std::int64_t columns, std::uint8_t* to) {
  alignas(32) std::uint8_t lanes[32];
  const auto n = static_cast<std::size_t>(std::min<std::int64_t>(columns, 8)) * tensor::dtype_size(type);
  if (type == DType::i32) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), y);
  } else {
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes), type == DType::i16 ? halves : _mm_packs_epi16(halves, halves));
  }
  std::memcpy(to, lanes, n);
}

template <int R, int V>
KOINON_AVX2 void tile(const TileJob& t) {
  __m256i c[R][V];
  const std::uint8_t* rows[R];
  KOINON_UNROLL
  for (int r = 0; r < R; ++r) {
    rows[r] = t.rows[r];
    KOINON_UNROLL
    for (int v = 0; v < V; ++v) c[r][v] = load(static_cast<const std::int32_t*>(t.starts) + 8 * v);
  }
  const std::int32_t* b = t.panel;
  for (std::int64_t s = 0; s < t.segment_count; ++s) {
    std::int64_t at = t.segments[s];
    for (std::int64_t w = 0; w < t.words; ++w, at += 4, b += 8 * V) {
      __m256i columns[V];
      KOINON_UNROLL
      for (int v = 0; v < V; ++v) columns[v] = load(b + 8 * v);
      KOINON_UNROLL
      for (int r = 0; r < R; ++r) {
        const __m256i row = spread(rows[r] + at);
        KOINON_UNROLL
        for (int v = 0; v < V; ++v) c[r][v] = _mm256_add_epi32(c[r][v], _mm256_madd_epi16(row, columns[v]));
      }
    }
  }
  const auto size = static_cast<std::int64_t>(tensor::dtype_size(t.type));
  KOINON_UNROLL
  for (int r = 0; r < R; ++r) KOINON_UNROLL
  for (int v = 0; v < V; ++v) {
    if (r >= t.count || t.columns <= 8 * v) continue;
    if (t.sums != nullptr) put(c[r][v], DType::i32, t.columns - 8 * v, t.sums[r] + 32 * v);
    const __m256i y = t.epilogue == nullptr ? c[r][v] : requantised(c[r][v], *t.epilogue, t.column + 8 * v);
    put(y, t.type, t.columns - 8 * v, t.out[r] + 8 * v * size);
  }
}

}  // namespace

TileChoice tile_avx2(std::int64_t width, std::int64_t rows) {
  if (width <= 8) return rows > 1 ? TileChoice{tile<6, 1>, 6} : TileChoice{tile<1, 1>, 1};
  return rows > 3 ? TileChoice{tile<6, 2>, 6} : rows > 1 ? TileChoice{tile<3, 2>, 3} : TileChoice{tile<1, 2>, 1};
}

}  // namespace koinon::engine::kernels
#endif
