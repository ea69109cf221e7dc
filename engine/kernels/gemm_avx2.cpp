// Exact integer matrix product with AVX2.
//
// Both operands are widened to i16 and cut into pairs along k, because vpmaddwd multiplies i16 pairs and adds them in i32
// without saturating (vpmaddubsw, the 8-bit instruction, saturates and is therefore of no use here). Panels:
//
//   A  kRows rows:     pair p of row r at [p * kRows + r]
//   B  kColumns rows:  pair p of row j at [p * kColumns + j]
//
// The inner kernel keeps kRows x kColumns sums in 12 registers. For an i32 result the sums may wrap: the final value fits, so
// it is exact modulo 2^32. For an i64 result k is cut into blocks of kWideDepth, whose sums fit i32 (255 * 2^15 * 256 < 2^31),
// and an i16 by i16 product is made of two: a = 256 * high + low with high in [-128, 127] and low in [0, 255].
#include "engine/kernels/gemm_avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <vector>

#define KOINON_AVX2 __attribute__((target("avx2")))

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kRows = 6, kColumns = 16;
constexpr std::int64_t kDepth = 512, kWideDepth = 256;  // of k in one pass
constexpr std::int64_t kRowBlock = 96;                  // rows of A in one task: 96 KiB packed
constexpr std::int64_t kColumnBlock = 256;              // columns in one task when there are few rows

enum class Part { whole, high, low };

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int32_t pair_at(const std::int16_t* p) {
  std::int32_t v = 0;
  std::memcpy(&v, p, 4);
  return v;
}

void take_part(std::int16_t* row, std::int64_t count, Part part) {
  if (part == Part::high)
    for (std::int64_t i = 0; i < count; ++i) row[i] = static_cast<std::int16_t>(row[i] >> 8);
  if (part == Part::low)
    for (std::int64_t i = 0; i < count; ++i) row[i] = static_cast<std::int16_t>(row[i] & 0xff);
}

// Rows [row, row + rows) of A over [first, first + count), as one panel of pairs; missing rows are zero.
void pack_a(const Gemm& job, std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t count, Part part,
            std::int32_t* to) {
  alignas(32) std::int16_t line[kDepth + 2];
  const std::int64_t pairs = ceil_div(count, 2);
  if (rows < kRows) std::fill(to, to + pairs * kRows, 0);
  for (std::int64_t r = 0; r < rows; ++r) {
    job.a_row(row + r, first, count, line);
    line[count] = 0;
    take_part(line, count, part);
    for (std::int64_t p = 0; p < pairs; ++p) to[p * kRows + r] = pair_at(line + 2 * p);
  }
}

// Rows [column, column + columns) of B, likewise.
void pack_b(const Gemm& job, std::int64_t column, std::int64_t columns, std::int64_t first, std::int64_t count,
            std::int32_t* to) {
  alignas(32) std::int16_t line[kDepth + 2];
  const std::int64_t pairs = ceil_div(count, 2);
  if (columns < kColumns) std::fill(to, to + pairs * kColumns, 0);
  for (std::int64_t j = 0; j < columns; ++j) {
    widen(job.b, (column + j) * job.k + first, count, line);
    line[count] = 0;
    for (std::int64_t p = 0; p < pairs; ++p) to[p * kColumns + j] = pair_at(line + 2 * p);
  }
}

// sums[r * kColumns + j] = sum over pairs of the two panels.
KOINON_AVX2 void tile(const std::int32_t* a, const std::int32_t* b, std::int64_t pairs, std::int32_t* sums) {
  __m256i c[kRows][2];
  for (auto& row : c) row[0] = row[1] = _mm256_setzero_si256();
  for (std::int64_t p = 0; p < pairs; ++p) {
    const __m256i b0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(b + p * kColumns));
    const __m256i b1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(b + p * kColumns + 8));
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 6
#endif
    for (std::int64_t r = 0; r < kRows; ++r) {
      const __m256i v = _mm256_set1_epi32(a[p * kRows + r]);
      c[r][0] = _mm256_add_epi32(c[r][0], _mm256_madd_epi16(v, b0));
      c[r][1] = _mm256_add_epi32(c[r][1], _mm256_madd_epi16(v, b1));
    }
  }
  for (std::int64_t r = 0; r < kRows; ++r) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + r * kColumns), c[r][0]);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + r * kColumns + 8), c[r][1]);
  }
}

// out += sums << shift over a tile, modulo the type.
template <class T>
void accumulate(const Gemm& job, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns,
                const std::int32_t* sums, unsigned shift) {
  using U = std::make_unsigned_t<T>;
  for (std::int64_t r = 0; r < rows; ++r) {
    T* out = reinterpret_cast<T*>(job.out.data) + (row + r) * job.out_stride + column;
    for (std::int64_t j = 0; j < columns; ++j)
      out[j] = static_cast<T>(static_cast<U>(out[j]) + (static_cast<U>(static_cast<T>(sums[r * kColumns + j])) << shift));
  }
}

void start_with_bias(const Gemm& job, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  for (std::int64_t r = row; r < row + rows; ++r)
    for (std::int64_t j = column; j < column + columns; ++j)
      job.out.set(r * job.out_stride + j, job.bias.data != nullptr ? job.bias.at(j) : 0);
}

struct Panels {
  explicit Panels(std::int64_t words) : words_(static_cast<std::size_t>(words) + 8) {}
  std::int32_t* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(words_.data());
    return words_.data() + (32 - address % 32) % 32 / 4;
  }

 private:
  std::vector<std::int32_t> words_;  // loads of B panels are aligned to 32 bytes
};

// One block of rows against one block of columns, for one slice of k.
void block(const Gemm& job, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns, std::int64_t first,
           std::int64_t count, Part part, const std::int32_t* b, std::int32_t* a) {
  alignas(32) std::int32_t sums[kRows * kColumns];
  const std::int64_t pairs = ceil_div(count, 2);
  for (std::int64_t r = 0; r < rows; r += kRows)
    pack_a(job, row + r, std::min(kRows, rows - r), first, count, part, a + r * pairs);
  for (std::int64_t j = 0; j < columns; j += kColumns) {
    const std::int32_t* panel = b + (column + j) / kColumns * kColumns * pairs;
    for (std::int64_t r = 0; r < rows; r += kRows) {
      tile(a + r * pairs, panel, pairs, sums);
      const std::int64_t tall = std::min(kRows, rows - r), wide = std::min(kColumns, columns - j);
      if (job.out.dtype == DType::i32) {
        accumulate<std::int32_t>(job, row + r, tall, column + j, wide, sums, 0);
      } else {
        accumulate<std::int64_t>(job, row + r, tall, column + j, wide, sums, part == Part::high ? 8 : 0);
      }
    }
  }
}

void blocked(const Context& context, const Gemm& job) {
  const bool wide = job.out.dtype == DType::i64;
  const bool split = wide && job.a_dtype == DType::i16 && job.b.dtype == DType::i16;
  const std::int64_t depth = wide ? kWideDepth : kDepth;
  const std::int64_t panels = ceil_div(job.n, kColumns), row_blocks = ceil_div(job.m, kRowBlock);
  const std::int64_t width = row_blocks >= 8 ? panels * kColumns : kColumnBlock;
  const std::int64_t column_blocks = ceil_div(job.n, width);
  const std::int64_t max_pairs = ceil_div(std::min(depth, job.k), 2);
  Panels b_panels(panels * kColumns * max_pairs);
  std::int32_t* b = b_panels.data();
  for (std::int64_t first = 0; first < job.k; first += depth) {
    const std::int64_t count = std::min(depth, job.k - first), pairs = ceil_div(count, 2);
    context.parallel_for(panels, [&](std::int64_t j) {
      pack_b(job, j * kColumns, std::min(kColumns, job.n - j * kColumns), first, count, b + j * kColumns * pairs);
    });
    context.parallel_for(row_blocks * column_blocks, [&](std::int64_t task) {
      const std::int64_t row = task / column_blocks * kRowBlock, column = task % column_blocks * width;
      const std::int64_t rows = std::min(kRowBlock, job.m - row), columns = std::min(width, job.n - column);
      Panels a_panels(ceil_div(rows, kRows) * kRows * pairs);
      if (first == 0) start_with_bias(job, row, rows, column, columns);
      if (split) {
        block(job, row, rows, column, columns, first, count, Part::high, b, a_panels.data());
        block(job, row, rows, column, columns, first, count, Part::low, b, a_panels.data());
      } else {
        block(job, row, rows, column, columns, first, count, Part::whole, b, a_panels.data());
      }
    });
  }
}

KOINON_AVX2 std::int32_t sum_lanes(__m256i v) {
  alignas(32) std::uint32_t lane[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lane), v);
  std::uint32_t sum = 0;
  for (auto x : lane) sum += x;
  return static_cast<std::int32_t>(sum);
}

KOINON_AVX2 __m256i load_sixteen(const std::int8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
KOINON_AVX2 __m256i load_sixteen(const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// Sum of `count` products modulo 2^32.
template <class B>
KOINON_AVX2 std::int32_t dot(const std::int16_t* a, const B* b, std::int64_t count) {
  __m256i sum0 = _mm256_setzero_si256(), sum1 = _mm256_setzero_si256();
  std::int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(load_sixteen(a + i), load_sixteen(b + i)));
    sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(load_sixteen(a + i + 16), load_sixteen(b + i + 16)));
  }
  auto total = static_cast<std::uint32_t>(sum_lanes(_mm256_add_epi32(sum0, sum1)));
  for (; i < count; ++i) total += static_cast<std::uint32_t>(a[i] * b[i]);
  return static_cast<std::int32_t>(total);
}

template <class B>
std::int64_t long_dot(const std::int16_t* a, const std::int16_t* high, const std::int16_t* low, const B* b, std::int64_t k) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < k; i += kWideDepth) {
    const std::int64_t n = std::min(kWideDepth, k - i);
    sum += high == nullptr ? dot(a + i, b + i, n) : dot(high + i, b + i, n) * std::int64_t{256} + dot(low + i, b + i, n);
  }
  return sum;
}

// Few rows: packing B would cost more than the product, so its rows are read where they lie.
template <class B>
void few_rows(const Context& context, const Gemm& job) {
  const bool wide = job.out.dtype == DType::i64;
  const bool split = wide && job.a_dtype == DType::i16 && sizeof(B) == 2;
  const auto k = static_cast<std::size_t>(job.k);
  for (std::int64_t row = 0; row < job.m; ++row) {
    std::vector<std::int16_t> a(k), high, low;
    job.a_row(row, 0, job.k, a.data());
    if (split) {
      high = low = a;
      take_part(high.data(), job.k, Part::high);
      take_part(low.data(), job.k, Part::low);
    }
    const std::int64_t group = std::max<std::int64_t>(1, (1 << 16) / job.k);
    context.parallel_for(ceil_div(job.n, group), [&](std::int64_t task) {
      for (std::int64_t j = task * group; j < std::min(job.n, (task + 1) * group); ++j) {
        const B* b = reinterpret_cast<const B*>(job.b.data) + j * job.k;
        const std::int64_t bias = job.bias.data != nullptr ? job.bias.at(j) : 0;
        const std::int64_t sum =
            wide ? long_dot(a.data(), split ? high.data() : nullptr, low.data(), b, job.k) : dot(a.data(), b, job.k);
        job.out.set(row * job.out_stride + j, bias + sum);
      }
    });
  }
}

}  // namespace

void gemm_avx2(const Context& context, const Gemm& job) {
  if (job.m > 3) return blocked(context, job);
  if (job.b.dtype == DType::i8) return few_rows<std::int8_t>(context, job);
  few_rows<std::int16_t>(context, job);
}

}  // namespace koinon::engine::kernels

#else

namespace koinon::engine::kernels {
void gemm_avx2(const Context&, const Gemm& job) { gemm_ref(job); }
}  // namespace koinon::engine::kernels

#endif
