// Tiles of a product whose sums need 64 bits, with AVX-512 VNNI: i16 by the high and the low parts of i16 (filters.hpp), each
// into sums of 32 bits, which are put together before they could overflow: 480 products of at most 2^15 * 2^7 stay below 2^31.
#include "engine/kernels/tile.hpp"

#if defined(__x86_64__)
#include <algorithm>

#include "engine/kernels/avx512.hpp"

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kMostWords = 240;  // pairs between two carries

// Sums of 64 bits of R rows of 16 * V columns: two registers for each 16.
template <int R, int V>
struct Totals {
  alignas(64) std::int64_t at[R][V][16];
};

// Adds 256 * high + low to the totals and clears both.
template <int R, int V>
KOINON_AVX512 KOINON_INLINE void carry(__m512i (&high)[R][V], __m512i (&low)[R][V], Totals<R, V>& totals) {
  KOINON_UNROLL
  for (int r = 0; r < R; ++r) {
    KOINON_UNROLL
    for (int v = 0; v < V; ++v) {
      KOINON_UNROLL
      for (int half = 0; half < 2; ++half) {
        const __m256i h = half == 0 ? _mm512_castsi512_si256(high[r][v]) : _mm512_extracti64x4_epi64(high[r][v], 1);
        const __m256i l = half == 0 ? _mm512_castsi512_si256(low[r][v]) : _mm512_extracti64x4_epi64(low[r][v], 1);
        const __m512i sum = _mm512_add_epi64(_mm512_slli_epi64(_mm512_cvtepi32_epi64(h), 8), _mm512_cvtepi32_epi64(l));
        auto* to = totals.at[r][v] + 8 * half;
        _mm512_store_si512(to, _mm512_add_epi64(_mm512_load_si512(to), sum));
      }
      high[r][v] = low[r][v] = _mm512_setzero_si512();
    }
  }
}

KOINON_AVX512 KOINON_INLINE void put(__m512i y, DType type, __mmask8 inside, std::uint8_t* to) {
  switch (type) {
    case DType::i8: return _mm_mask_storeu_epi8(to, inside, _mm512_cvtepi64_epi8(y));
    case DType::i16: return _mm_mask_storeu_epi16(to, inside, _mm512_cvtepi64_epi16(y));
    case DType::i32: return _mm256_mask_storeu_epi32(to, inside, _mm512_cvtepi64_epi32(y));
    case DType::i64: return _mm512_mask_storeu_epi64(to, inside, y);
  }
}

// Eight columns of a row from `column` of the tile on.
KOINON_AVX512 KOINON_INLINE void finish(const TileJob& t, std::int64_t r, std::int64_t column, __m512i sum) {
  const std::int64_t left = t.columns - column;
  const auto inside = static_cast<__mmask8>(left >= 8 ? 0xff : (1 << left) - 1);
  const auto size = static_cast<std::int64_t>(tensor::dtype_size(t.type));
  if (t.sums != nullptr) _mm512_mask_storeu_epi64(t.sums[r] + 8 * column, inside, sum);
  if (t.wide_epilogue != nullptr) {
    const auto& e = *t.wide_epilogue;
    const auto at = t.column + column;
    const __m512i product = _mm512_mullo_epi64(sum, _mm512_loadu_si512(e.factor.data() + at));
    sum = _mm512_srav_epi64(_mm512_add_epi64(product, _mm512_loadu_si512(e.half.data() + at)),
                            _mm512_loadu_si512(e.shift.data() + at));
    sum = _mm512_min_epi64(_mm512_set1_epi64(e.high), _mm512_max_epi64(_mm512_set1_epi64(e.low), sum));
  }
  put(sum, t.type, inside, t.out[r] + column * size);
}

template <int R, int V>
KOINON_AVX512 void tile(const TileJob& t) {
  __m512i high[R][V], low[R][V];
  Totals<R, V> totals;
  const std::uint8_t* rows[R];
  KOINON_UNROLL
  for (int r = 0; r < R; ++r) {
    rows[r] = t.rows[r];
    std::memcpy(totals.at[r], t.starts, sizeof totals.at[r]);
    KOINON_UNROLL
    for (int v = 0; v < V; ++v) high[r][v] = low[r][v] = _mm512_setzero_si512();
  }
  const std::int32_t* b = t.panel;
  std::int64_t room = kMostWords;
  for (std::int64_t s = 0; s < t.segment_count; ++s) {
    std::int64_t at = t.segments[s];
    for (std::int64_t left = t.words; left > 0;) {
      const std::int64_t n = std::min(left, room);
      for (std::int64_t w = 0; w < n; ++w, at += 4, b += 32 * V) {
        __m512i columns[2][V];
        KOINON_UNROLL
        for (int v = 0; v < V; ++v) {
          columns[0][v] = _mm512_load_si512(b + 16 * v);
          columns[1][v] = _mm512_load_si512(b + 16 * (V + v));
        }
        KOINON_UNROLL
        for (int r = 0; r < R; ++r) {
          const __m512i row = spread(rows[r] + at);
          KOINON_UNROLL
          for (int v = 0; v < V; ++v) {
            high[r][v] = _mm512_dpwssd_epi32(high[r][v], row, columns[0][v]);
            low[r][v] = _mm512_dpwssd_epi32(low[r][v], row, columns[1][v]);
          }
        }
      }
      left -= n;
      room -= n;
      if (room > 0) continue;
      carry(high, low, totals);
      room = kMostWords;
    }
  }
  carry(high, low, totals);
  for (std::int64_t r = 0; r < t.count; ++r)
    for (std::int64_t column = 0; column < t.columns; column += 8)
      finish(t, r, column, _mm512_load_si512(totals.at[r][column / 16] + column % 16));
}

}  // namespace

TileChoice tile_wide(std::int64_t width, std::int64_t rows) {
  if (width == 16)
    return rows > 4 ? TileChoice{tile<8, 1>, 8} : rows > 1 ? TileChoice{tile<4, 1>, 4} : TileChoice{tile<1, 1>, 1};
  return rows > 3 ? TileChoice{tile<6, 2>, 6} : rows > 1 ? TileChoice{tile<3, 2>, 3} : TileChoice{tile<1, 2>, 1};
}

}  // namespace koinon::engine::kernels
#endif
