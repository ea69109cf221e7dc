// Tiles of a product with AVX-512 VNNI: up to 24 registers of sums, which never leave the processor before they are
// requantised. A word of a row is read straight from memory and spread over a register: rows need no packing.
#include "engine/kernels/tile.hpp"

#if defined(__x86_64__)
#include <algorithm>

#include "engine/kernels/avx512.hpp"

namespace koinon::engine::kernels {
namespace {

template <bool Quads>
KOINON_AVX512 KOINON_INLINE __m512i multiply_add(__m512i sum, __m512i a, __m512i b) {
  if constexpr (Quads) return _mm512_dpbusd_epi32(sum, a, b);
  return _mm512_dpwssd_epi32(sum, a, b);
}

// One register's columns of an epilogue.
struct Scaling {
  __m512i factor, odd, half, shift;
};

KOINON_AVX512 KOINON_INLINE Scaling scaling(const Epilogue& e, std::int64_t column) {
  const __m512i factor = _mm512_loadu_si512(e.factor.data() + column);
  return {factor, _mm512_srli_epi64(factor, 32), _mm512_loadu_si512(e.half.data() + column),
          _mm512_loadu_si512(e.shift.data() + column)};
}

KOINON_AVX512 KOINON_INLINE __m512i requantised(__m512i sum, const Scaling& s) {
  const __m512i even = _mm512_mul_epi32(sum, s.factor), odd = _mm512_mul_epi32(_mm512_srli_epi64(sum, 32), s.odd);
  const __m512i upper = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
  return _mm512_srav_epi32(_mm512_add_epi32(upper, s.half), s.shift);
}

KOINON_AVX512 KOINON_INLINE void put(__m512i y, DType type, __mmask16 inside, std::uint8_t* to) {
  if (type == DType::i8) {
    _mm_mask_storeu_epi8(to, inside, _mm512_cvtsepi32_epi8(y));
  } else if (type == DType::i16) {
    _mm256_mask_storeu_epi16(to, inside, _mm512_cvtsepi32_epi16(y));
  } else {
    _mm512_mask_storeu_epi32(to, inside, y);
  }
}

template <int R, int V>
KOINON_AVX512 KOINON_INLINE void finish(const TileJob& t, const __m512i (&c)[R][V]) {
  const auto size = static_cast<std::int64_t>(tensor::dtype_size(t.type));
  KOINON_UNROLL
  for (int v = 0; v < V; ++v) {
    const std::int64_t left = t.columns - 16 * v;
    if (left <= 0) return;
    const auto inside = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
    if (t.epilogue == nullptr) {
      KOINON_UNROLL
      for (int r = 0; r < R; ++r)
        if (r < t.count) _mm512_mask_storeu_epi32(t.out[r] + 64 * v, inside, c[r][v]);
      continue;
    }
    if (t.sums != nullptr) {
      KOINON_UNROLL
      for (int r = 0; r < R; ++r)
        if (r < t.count) _mm512_mask_storeu_epi32(t.sums[r] + 64 * v, inside, c[r][v]);
    }
    const Scaling s = scaling(*t.epilogue, t.column + 16 * v);
    const __m512i low = _mm512_set1_epi32(t.epilogue->low), high = _mm512_set1_epi32(t.epilogue->high);
    KOINON_UNROLL
    for (int r = 0; r < R; ++r)
      if (r < t.count)
        put(_mm512_min_epi32(high, _mm512_max_epi32(low, requantised(c[r][v], s))), t.type, inside, t.out[r] + 16 * v * size);
  }
}

template <bool Quads, int R, int V>
KOINON_AVX512 void tile(const TileJob& t) {
  __m512i c[R][V];
  const std::uint8_t* rows[R];
  KOINON_UNROLL
  for (int r = 0; r < R; ++r) {
    rows[r] = t.rows[r];
    KOINON_UNROLL
    for (int v = 0; v < V; ++v) c[r][v] = _mm512_loadu_si512(static_cast<const std::int32_t*>(t.starts) + 16 * v);
  }
  const std::int32_t* b = t.panel;
  for (std::int64_t s = 0; s < t.segment_count; ++s) {
    std::int64_t at = t.segments[s];
    for (std::int64_t w = 0; w < t.words; ++w, at += 4, b += 16 * V) {
      __m512i columns[V];
      KOINON_UNROLL
      for (int v = 0; v < V; ++v) columns[v] = _mm512_load_si512(b + 16 * v);
      KOINON_UNROLL
      for (int r = 0; r < R; ++r) {
        const __m512i row = spread(rows[r] + at);
        KOINON_UNROLL
        for (int v = 0; v < V; ++v) c[r][v] = multiply_add<Quads>(c[r][v], row, columns[v]);
      }
    }
  }
  finish<R, V>(t, c);
}

template <bool Quads>
TileChoice choose(std::int64_t width, std::int64_t rows) {
  switch (width / 16) {
    case 1:
      return rows > 6   ? TileChoice{tile<Quads, 12, 1>, 12}
             : rows > 1 ? TileChoice{tile<Quads, 6, 1>, 6}
                        : TileChoice{tile<Quads, 1, 1>, 1};
    case 2:
      return rows > 6   ? TileChoice{tile<Quads, 12, 2>, 12}
             : rows > 3 ? TileChoice{tile<Quads, 6, 2>, 6}
             : rows > 1 ? TileChoice{tile<Quads, 3, 2>, 3}
                        : TileChoice{tile<Quads, 1, 2>, 1};
    case 3:
      return rows > 4   ? TileChoice{tile<Quads, 8, 3>, 8}
             : rows > 1 ? TileChoice{tile<Quads, 4, 3>, 4}
                        : TileChoice{tile<Quads, 1, 3>, 1};
    default:
      return rows > 3   ? TileChoice{tile<Quads, 6, 4>, 6}
             : rows > 1 ? TileChoice{tile<Quads, 3, 4>, 3}
                        : TileChoice{tile<Quads, 1, 4>, 1};
  }
}

}  // namespace

TileChoice tile_avx512(bool quads, std::int64_t width, std::int64_t rows) {
  return quads ? choose<true>(width, rows) : choose<false>(width, rows);
}

}  // namespace koinon::engine::kernels
#endif
