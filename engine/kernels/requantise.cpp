#include "engine/kernels/requantise.hpp"

#include <algorithm>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define KOINON_AVX2 __attribute__((target("avx2")))
#endif

namespace koinon::engine::kernels {

void requantise_ref(const Requantise& job) {
  const std::int64_t total = tensor::element_count(job.shape);
  for (std::int64_t at = 0; at < total; ++at) {
    std::int64_t m = 0, s = 0, rest = at;
    for (std::size_t axis = job.shape.size(); axis-- > 0;) {
      m += rest % job.shape[axis] * job.multiplier.strides[axis];
      s += rest % job.shape[axis] * job.shift.strides[axis];
      rest /= job.shape[axis];
    }
    job.out.set(at, requantise_one(job.x.at(at), job.multiplier.array.at(m), job.shift.array.at(s), job.low, job.high));
  }
}

#if defined(__x86_64__)
namespace {

constexpr std::int64_t kTask = 1 << 14;

// x*M for four lanes, modulo 2^64: x is any, M in [1, 2^15).
KOINON_AVX2 __m256i multiply(__m256i x, __m256i m) {
  const __m256i high = _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(x, 32), m), 32);
  return _mm256_add_epi64(_mm256_mul_epu32(x, m), high);
}

// Four lanes of requantise_one. AVX2 shifts 64 bits logically only: 2^62 makes the sum positive, and since 2^s divides it,
// taking 2^62 >> s off again is exact.
KOINON_AVX2 __m256i four(__m256i x, __m256i m, __m256i s, __m256i low, __m256i high) {
  const __m256i one = _mm256_set1_epi64x(1), top = _mm256_set1_epi64x(std::int64_t{1} << 62);
  const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(s, one));
  const __m256i sum = _mm256_add_epi64(_mm256_add_epi64(multiply(x, m), half), top);
  __m256i y = _mm256_sub_epi64(_mm256_srlv_epi64(sum, s), _mm256_srlv_epi64(top, s));
  y = _mm256_blendv_epi8(y, low, _mm256_cmpgt_epi64(low, y));
  return _mm256_blendv_epi8(y, high, _mm256_cmpgt_epi64(y, high));
}

template <class T>
KOINON_AVX2 __m256i load_four(const T* p) {
  if constexpr (sizeof(T) == 8)
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  else if constexpr (sizeof(T) == 4)
    return _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  else {
    const std::int64_t v[4] = {p[0], p[1], p[2], p[3]};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(v));
  }
}

// Low halves of eight 64-bit lanes, in order.
KOINON_AVX2 __m256i narrow(__m256i a, __m256i b) {
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm256_blend_epi32(_mm256_permutevar8x32_epi32(a, order), _mm256_permutevar8x32_epi32(b, order), 0xf0);
}

template <class Y>
KOINON_AVX2 void store_eight(__m256i a, __m256i b, Y* to) {
  if constexpr (sizeof(Y) == 8) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 4), b);
  } else {
    const __m256i words = narrow(a, b);
    if constexpr (sizeof(Y) == 4) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words);
    } else {
      // Saturating packs: the clamp keeps every lane inside the type, so nothing saturates.
      const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
      if constexpr (sizeof(Y) == 2)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves);
      else
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(halves, halves));
    }
  }
}

// A run of elements whose M and s lie in lists of 64-bit numbers.
template <class X, class Y>
KOINON_AVX2 void run(const X* x, const std::int64_t* m, const std::int64_t* s, std::int64_t n, std::int64_t low_value,
                     std::int64_t high_value, Y* y) {
  const __m256i low = _mm256_set1_epi64x(low_value), high = _mm256_set1_epi64x(high_value);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i a = four(load_four(x + i), load_four(m + i), load_four(s + i), low, high);
    const __m256i b = four(load_four(x + i + 4), load_four(m + i + 4), load_four(s + i + 4), low, high);
    store_eight(a, b, y + i);
  }
  for (; i < n; ++i) y[i] = static_cast<Y>(requantise_one(x[i], m[i], s[i], low_value, high_value));
}

// The commonest layout: M and s are single or one a channel, so that every row of the last axis uses the same lists.
bool by_row(const Stretched& operand) {
  for (std::size_t axis = 0; axis + 1 < operand.strides.size(); ++axis)
    if (operand.strides[axis] != 0) return false;
  return true;
}

std::vector<std::int64_t> row_of(const Stretched& operand, std::int64_t n, std::int64_t repeat) {
  std::vector<std::int64_t> out;
  const std::int64_t stride = operand.strides.empty() ? 0 : operand.strides.back();
  for (std::int64_t r = 0; r < repeat; ++r)
    for (std::int64_t i = 0; i < n; ++i) out.push_back(operand.array.at(i * stride));
  return out;
}

void rows_avx2(const Context& context, const Requantise& job) {
  const std::int64_t total = tensor::element_count(job.shape);
  const std::int64_t columns = job.shape.empty() ? 1 : job.shape.back(), rows = total / columns;
  // Short rows are run several at a time.
  const std::int64_t repeat = std::clamp<std::int64_t>(512 / columns, 1, rows);
  const auto m = row_of(job.multiplier, columns, repeat), s = row_of(job.shift, columns, repeat);
  const std::int64_t line = columns * repeat, lines = (total + line - 1) / line;
  const std::int64_t group = std::max<std::int64_t>(1, kTask / line);
  context.parallel_for((lines + group - 1) / group, [&](std::int64_t task) {
    tensor::with_dtype(job.x.dtype, [&](auto x) {
      tensor::with_dtype(job.out.dtype, [&](auto y) {
        const auto* from = reinterpret_cast<const decltype(x)*>(job.x.data);
        auto* to = reinterpret_cast<decltype(y)*>(job.out.data);
        for (std::int64_t i = task * group; i < std::min(lines, (task + 1) * group); ++i)
          run(from + i * line, m.data(), s.data(), std::min(line, total - i * line), job.low, job.high, to + i * line);
      });
    });
  });
}

}  // namespace

void requantise(const Context& context, const Requantise& job) {
  // The clamp is taken into the type here, which the proved range makes a change of nothing.
  Requantise inside = job;
  inside.low = std::max(job.low, tensor::dtype_low(job.out.dtype));
  inside.high = std::min(job.high, tensor::dtype_high(job.out.dtype));
  if (has_avx2(context.isa) && by_row(job.multiplier) && by_row(job.shift)) return rows_avx2(context, inside);
  requantise_ref(job);
}
#else
void requantise(const Context&, const Requantise& job) { requantise_ref(job); }
#endif

}  // namespace koinon::engine::kernels
