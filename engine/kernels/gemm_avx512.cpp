// Exact integer matrix product with AVX-512 VNNI.
//
// Both operands are cut into 32-bit words along k. Two kinds of word:
//
//   quads  4 x 8 bits, for i8 by i8 into i32: vpdpbusd multiplies u8 by i8 and adds into i32 without saturating. A is shifted
//          into u8 (a + 128), and 128 times the sum of B's row is taken off at the end
//   pairs  2 x i16, for all else: vpdpwssd
//
// Panels (A in rows, B in columns of the result):
//
//   A  kRows rows:     word w of row r at [w * kRows + r]
//   B  kColumns rows:  word w of row j at [w * kColumns + j]
//
// The inner kernel keeps kRows x kColumns sums in 24 registers. For an i32 result the sums may wrap: the final value fits, so
// it is exact modulo 2^32. For an i64 result k is cut into blocks of kWideDepth, whose sums fit i32 (255 * 2^15 * 256 < 2^31),
// and an i16 by i16 product is made of two: a = 256 * high + low with high in [-128, 127] and low in [0, 255].
#include "engine/kernels/gemm_avx512.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <vector>

#define KOINON_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kRows = 12, kColumns = 32;
constexpr std::int64_t kWords = 512;        // of k in one pass into i32
constexpr std::int64_t kWideDepth = 256;    // elements of k in one pass into i64
constexpr std::int64_t kRowBlock = 96;      // rows of A in one task: 192 KiB packed at most
constexpr std::int64_t kColumnBlock = 256;  // columns in one task when there are few rows

enum class Part { whole, high, low };

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int32_t word_at(const void* p) {
  std::int32_t v = 0;
  std::memcpy(&v, p, 4);
  return v;
}

// Words whose rows start at a multiple of 64 bytes.
class Words {
 public:
  explicit Words(std::int64_t count) : words_(static_cast<std::size_t>(count) + 16) {}
  std::int32_t* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(words_.data());
    return words_.data() + (64 - address % 64) % 64 / 4;
  }

 private:
  std::vector<std::int32_t> words_;
};

// One product, and how its k is cut.
struct Cut {
  const Gemm& job;
  bool quads, wide, split;
  std::int64_t group, depth;  // elements of k in a word, and in one pass

  explicit Cut(const Gemm& g) : job(g) {
    wide = g.out.dtype == DType::i64;
    quads = !wide && g.a_dtype == DType::i8 && g.b.dtype == DType::i8 && g.a_bytes;
    split = wide && g.a_dtype == DType::i16 && g.b.dtype == DType::i16;
    group = quads ? 4 : 2;
    depth = wide ? kWideDepth : kWords * group;
  }
};

// Rows [row, row + rows) of A over [first, first + count), as one panel; missing rows are zero.
KOINON_AVX512 void pack_a(const Cut& cut, std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t count,
                          Part part, std::int32_t* to) {
  alignas(64) std::array<std::uint8_t, kWords * 4 + 64> line;
  const std::int64_t words = ceil_div(count, cut.group);
  if (rows < kRows) std::fill(to, to + words * kRows, 0);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::memset(line.data() + words * 4 - 4, 0, 4);
    if (cut.quads) {
      cut.job.a_bytes(row + r, first, count, reinterpret_cast<std::int8_t*>(line.data()));
      for (std::int64_t i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] ^= 0x80;
    } else {
      auto* wide_line = reinterpret_cast<std::int16_t*>(line.data());
      cut.job.a_row(row + r, first, count, wide_line);
      if (part == Part::high)
        for (std::int64_t i = 0; i < count; ++i) wide_line[i] = static_cast<std::int16_t>(wide_line[i] >> 8);
      if (part == Part::low)
        for (std::int64_t i = 0; i < count; ++i) wide_line[i] = static_cast<std::int16_t>(wide_line[i] & 0xff);
    }
    for (std::int64_t w = 0; w < words; ++w) to[w * kRows + r] = word_at(line.data() + 4 * w);
  }
}

// Rows [column, column + columns) of B, likewise.
KOINON_AVX512 void pack_b(const Cut& cut, std::int64_t column, std::int64_t columns, std::int64_t first, std::int64_t count,
                          std::int32_t* to) {
  alignas(64) std::array<std::uint8_t, kWords * 4 + 64> line;
  const std::int64_t words = ceil_div(count, cut.group);
  if (columns < kColumns) std::fill(to, to + words * kColumns, 0);
  for (std::int64_t j = 0; j < columns; ++j) {
    std::memset(line.data() + words * 4 - 4, 0, 4);
    const std::int64_t at = (column + j) * cut.job.k + first;
    if (cut.quads) {
      std::memcpy(line.data(), cut.job.b.data + at, static_cast<std::size_t>(count));
    } else {
      widen(cut.job.b, at, count, reinterpret_cast<std::int16_t*>(line.data()));
    }
    for (std::int64_t w = 0; w < words; ++w) to[w * kColumns + j] = word_at(line.data() + 4 * w);
  }
}

// 128 times the sum of a row of B, modulo 2^32: what shifting A by 128 adds.
KOINON_AVX512 std::uint32_t offset_of(const Gemm& job, std::int64_t column) {
  const auto* row = reinterpret_cast<const std::int8_t*>(job.b.data) + column * job.k;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < job.k; ++i) sum += row[i];
  return static_cast<std::uint32_t>(sum) * 128U;
}

template <bool Quads>
KOINON_AVX512 inline __m512i multiply_add(__m512i sum, __m512i a, __m512i b) {
  if constexpr (Quads) return _mm512_dpbusd_epi32(sum, a, b);
  return _mm512_dpwssd_epi32(sum, a, b);
}

// sums[r * kColumns + j] = sum over words of the two panels, for R rows and 16 * V columns.
template <bool Quads, int R, int V>
KOINON_AVX512 void tile(const std::int32_t* a, const std::int32_t* b, std::int64_t words, std::int32_t* sums) {
  __m512i c[R][V];
  for (auto& row : c)
    for (auto& v : row) v = _mm512_setzero_si512();
  for (std::int64_t w = 0; w < words; ++w) {
    __m512i columns[V];
    for (int v = 0; v < V; ++v) columns[v] = _mm512_load_si512(b + w * kColumns + 16 * v);
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 12
#endif
    for (int r = 0; r < R; ++r) {
      const __m512i row = _mm512_set1_epi32(a[w * kRows + r]);
      for (int v = 0; v < V; ++v) c[r][v] = multiply_add<Quads>(c[r][v], row, columns[v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) _mm512_store_si512(sums + r * kColumns + 16 * v, c[r][v]);
}

using Tile = void (*)(const std::int32_t*, const std::int32_t*, std::int64_t, std::int32_t*);

template <bool Quads>
Tile tile_of(std::int64_t rows, std::int64_t columns) {
  if (columns <= 16) return rows > 8 ? tile<Quads, 12, 1> : rows > 4 ? tile<Quads, 8, 1> : tile<Quads, 4, 1>;
  return rows > 8 ? tile<Quads, 12, 2> : rows > 4 ? tile<Quads, 8, 2> : tile<Quads, 4, 2>;
}

// A part of the result, and of k.
struct Area {
  std::int64_t row, rows, column, columns, first, count;
};

// What the sums of every column start with: the bias, less what shifting A adds.
std::vector<std::int64_t> starts(const Context& context, const Cut& cut) {
  const Gemm& job = cut.job;
  std::vector<std::int64_t> out(static_cast<std::size_t>(job.n), 0);
  context.parallel_for(ceil_div(job.n, kColumns), [&](std::int64_t panel) {
    for (std::int64_t j = panel * kColumns; j < std::min(job.n, (panel + 1) * kColumns); ++j) {
      auto& start = out[static_cast<std::size_t>(j)];
      if (job.bias.data != nullptr) start = job.bias.at(j);
      if (cut.quads) start = static_cast<std::int32_t>(static_cast<std::uint32_t>(start) - offset_of(job, j));
    }
  });
  return out;
}

// A tile's sums << shift into out, modulo the type: behind `start`, or onto what is there when it is null.
template <class T>
KOINON_AVX512 void store(const Gemm& job, const Area& at, const std::int32_t* sums, unsigned shift, const std::int64_t* start) {
  using U = std::make_unsigned_t<T>;
  for (std::int64_t r = 0; r < at.rows; ++r) {
    T* out = reinterpret_cast<T*>(job.out.data) + (at.row + r) * job.out_stride + at.column;
    const std::int32_t* from = sums + r * kColumns;
    if (start != nullptr) {
      for (std::int64_t j = 0; j < at.columns; ++j)
        out[j] = static_cast<T>(static_cast<U>(start[j]) + (static_cast<U>(static_cast<T>(from[j])) << shift));
    } else {
      for (std::int64_t j = 0; j < at.columns; ++j)
        out[j] = static_cast<T>(static_cast<U>(out[j]) + (static_cast<U>(static_cast<T>(from[j])) << shift));
    }
  }
}

// One block of rows against one block of columns, for one slice of k.
void block(const Cut& cut, const Area& area, Part part, const std::int32_t* b, std::int32_t* a, const std::int64_t* start) {
  alignas(64) std::array<std::int32_t, kRows * kColumns> sums;
  const std::int64_t words = ceil_div(area.count, cut.group);
  for (std::int64_t r = 0; r < area.rows; r += kRows)
    pack_a(cut, area.row + r, std::min(kRows, area.rows - r), area.first, area.count, part, a + r * words);
  for (std::int64_t j = 0; j < area.columns; j += kColumns) {
    const std::int32_t* panel = b + (area.column + j) / kColumns * kColumns * words;
    for (std::int64_t r = 0; r < area.rows; r += kRows) {
      const Area at{area.row + r,    std::min(kRows, area.rows - r),
                    area.column + j, std::min(kColumns, area.columns - j),
                    area.first,      area.count};
      const Tile run = cut.quads ? tile_of<true>(at.rows, at.columns) : tile_of<false>(at.rows, at.columns);
      run(a + r * words, panel, words, sums.data());
      const std::int64_t* begin = start == nullptr ? nullptr : start + at.column;
      if (cut.wide) {
        store<std::int64_t>(cut.job, at, sums.data(), part == Part::high ? 8 : 0, begin);
      } else {
        store<std::int32_t>(cut.job, at, sums.data(), 0, begin);
      }
    }
  }
}

// Sum of the lanes modulo 2^32. (g++-12 warns inside _mm512_reduce_add_epi32.)
KOINON_AVX512 std::int32_t sum_lanes(__m512i v) {
  alignas(64) std::array<std::uint32_t, 16> lanes;
  _mm512_store_si512(lanes.data(), v);
  std::uint32_t sum = 0;
  for (auto lane : lanes) sum += lane;
  return static_cast<std::int32_t>(sum);
}

constexpr std::int64_t kTogether = 4;  // rows of B in one pass over A

// Sums of a row of A, shifted into u8, with N rows of B, the shift taken off: modulo 2^32.
template <int N>
KOINON_AVX512 void dots(const std::uint8_t* a, const std::int8_t* b, std::int64_t k, std::int32_t* sums) {
  __m512i products[N], shifts[N];
  for (int r = 0; r < N; ++r) products[r] = shifts[r] = _mm512_setzero_si512();
  const __m512i shift = _mm512_set1_epi8(static_cast<char>(0x80));
  for (std::int64_t i = 0; i < k; i += 64) {
    const __mmask64 inside = k - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (k - i)) - 1;
    const __m512i left = _mm512_maskz_loadu_epi8(inside, a + i);
    for (int r = 0; r < N; ++r) {
      const __m512i right = _mm512_maskz_loadu_epi8(inside, b + r * k + i);
      products[r] = _mm512_dpbusd_epi32(products[r], left, right);
      shifts[r] = _mm512_dpbusd_epi32(shifts[r], shift, right);
    }
  }
  for (int r = 0; r < N; ++r) sums[r] = sum_lanes(_mm512_sub_epi32(products[r], shifts[r]));
}

}  // namespace

void few_rows_avx512(const Context& context, const Gemm& job) {
  const auto* b = reinterpret_cast<const std::int8_t*>(job.b.data);
  for (std::int64_t row = 0; row < job.m; ++row) {
    std::vector<std::uint8_t> a(static_cast<std::size_t>(job.k));
    job.a_bytes(row, 0, job.k, reinterpret_cast<std::int8_t*>(a.data()));
    for (auto& v : a) v ^= 0x80;
    const std::int64_t group = ceil_div(std::max<std::int64_t>(1, (1 << 17) / job.k), kTogether) * kTogether;
    context.parallel_for(ceil_div(job.n, group), [&](std::int64_t task) {
      const std::int64_t last = std::min(job.n, (task + 1) * group);
      std::array<std::int32_t, kTogether> sums;
      for (std::int64_t j = task * group; j < last; j += kTogether) {
        const std::int64_t count = std::min(kTogether, last - j);
        if (count == kTogether) {
          dots<kTogether>(a.data(), b + j * job.k, job.k, sums.data());
        } else {
          for (std::int64_t r = 0; r < count; ++r) dots<1>(a.data(), b + (j + r) * job.k, job.k, sums.data() + r);
        }
        for (std::int64_t r = 0; r < count; ++r) {
          const std::int64_t bias = job.bias.data != nullptr ? job.bias.at(j + r) : 0;
          job.out.set(row * job.out_stride + j + r, bias + sums[static_cast<std::size_t>(r)]);
        }
      }
    });
  }
}

void gemm_avx512(const Context& context, const Gemm& job) {
  const Cut cut(job);
  const std::int64_t panels = ceil_div(job.n, kColumns), row_blocks = ceil_div(job.m, kRowBlock);
  const std::int64_t width = row_blocks >= 8 ? panels * kColumns : kColumnBlock;
  const std::int64_t column_blocks = ceil_div(job.n, width);
  Words b_words(panels * kColumns * ceil_div(std::min(cut.depth, job.k), cut.group));
  std::int32_t* b = b_words.data();
  const auto start = starts(context, cut);
  for (std::int64_t first = 0; first < job.k; first += cut.depth) {
    const std::int64_t count = std::min(cut.depth, job.k - first), words = ceil_div(count, cut.group);
    context.parallel_for(panels, [&](std::int64_t j) {
      pack_b(cut, j * kColumns, std::min(kColumns, job.n - j * kColumns), first, count, b + j * kColumns * words);
    });
    context.parallel_for(row_blocks * column_blocks, [&](std::int64_t task) {
      const std::int64_t row = task / column_blocks * kRowBlock, column = task % column_blocks * width;
      const Area area{row, std::min(kRowBlock, job.m - row), column, std::min(width, job.n - column), first, count};
      Words a(ceil_div(area.rows, kRows) * kRows * words);
      block(cut, area, cut.split ? Part::high : Part::whole, b, a.data(), first == 0 ? start.data() : nullptr);
      if (cut.split) block(cut, area, Part::low, b, a.data(), nullptr);
    });
  }
}

}  // namespace koinon::engine::kernels

#else

namespace koinon::engine::kernels {
void gemm_avx512(const Context&, const Gemm& job) { gemm_ref(job); }
void few_rows_avx512(const Context&, const Gemm& job) { gemm_ref(job); }
}  // namespace koinon::engine::kernels

#endif
