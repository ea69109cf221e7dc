#pragma once
// The inner loops of training, once for every instruction set: lanes_ref.cpp and lanes_avx2.cpp include this and are compiled
// with different flags. Everything has internal linkage and no template or inline function of a library is used, so that no
// code for a newer processor can reach an older one. Branches are selections, so that compilers make vector code of loops;
// -ffp-contract=off and the absence of fast-math keep every rounding where it is written.
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#include "engine/train/arith/functions_body.hpp"
#include "engine/train/arith/lanes.hpp"

namespace koinon::engine::train {
namespace {

#define KOINON_MAP(name)                                       \
  void map_##name(std::int64_t n, const float* x, float* y) {  \
    for (std::int64_t i = 0; i < n; ++i) y[i] = name##_(x[i]); \
  }
KOINON_MAP(exp)
KOINON_MAP(log)
KOINON_MAP(tanh)
KOINON_MAP(erf)
KOINON_MAP(sigmoid)
KOINON_MAP(relu)
KOINON_MAP(gelu)
KOINON_MAP(silu)
KOINON_MAP(sqrt)
#undef KOINON_MAP

#define KOINON_SLOPE(name)                                                        \
  void slope_##name(std::int64_t n, const float* x, const float* dy, float* dx) { \
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * name##_derivative(x[i]); \
  }
KOINON_SLOPE(tanh)
KOINON_SLOPE(sigmoid)
KOINON_SLOPE(gelu)
KOINON_SLOPE(silu)
#undef KOINON_SLOPE
void slope_relu(std::int64_t n, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0.0F ? dy[i] : 0.0F;
}

void add(std::int64_t n, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}
void multiply(std::int64_t n, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}
void scale(std::int64_t n, float factor, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}
void add_to(std::int64_t n, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = y[i] + x[i];
}
void scale_add(std::int64_t n, const float* x, float a, float b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = fma_(x[i], a, b);
}

inline float fold(float* lane) {
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  return lane[0];
}

#define KOINON_SUM(step)                              \
  float lane[kLanes] = {};                            \
  const std::int64_t whole = n - n % kLanes;          \
  for (std::int64_t at = 0; at < whole; at += kLanes) \
    for (std::int64_t l = 0; l < kLanes; ++l) {       \
      const std::int64_t i = at + l;                  \
      step;                                           \
    }                                                 \
  for (std::int64_t l = 0; l < n - whole; ++l) {      \
    const std::int64_t i = whole + l;                 \
    step;                                             \
  }                                                   \
  return fold(lane)

float sum(std::int64_t n, const float* x) { KOINON_SUM(lane[l] = lane[l] + x[i]); }
float sum_products(std::int64_t n, const float* a, const float* b) { KOINON_SUM(lane[l] = fma_(a[i], b[i], lane[l])); }
float sum_squares(std::int64_t n, const float* x, float centre) {
  KOINON_SUM(lane[l] = fma_(x[i] - centre, x[i] - centre, lane[l]));
}
float sum_centred(std::int64_t n, const float* x, const float* dy, float centre) {
  KOINON_SUM(lane[l] = fma_(dy[i], x[i] - centre, lane[l]));
}
#undef KOINON_SUM

float largest(std::int64_t n, const float* x) {
  float lane[kLanes];
  for (float& l : lane) l = x[0];
  const std::int64_t whole = n - n % kLanes;
  for (std::int64_t at = 0; at < whole; at += kLanes)
    for (std::int64_t l = 0; l < kLanes; ++l) lane[l] = x[at + l] > lane[l] ? x[at + l] : lane[l];
  for (std::int64_t i = whole; i < n; ++i) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
  for (std::int64_t l = 1; l < kLanes; ++l) lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
  return lane[0];
}

void column_sums(std::int64_t rows, std::int64_t columns, std::int64_t stride, const float* x, float* y) {
  for (std::int64_t first = 0; first < columns; first += kLanes) {
    const std::int64_t width = columns - first < kLanes ? columns - first : kLanes;
    float total[kLanes] = {};
    for (std::int64_t block = 0; block < rows; block += kBlock) {
      const std::int64_t end = block + kBlock < rows ? block + kBlock : rows;
      float part[kLanes] = {};
      if (width == kLanes)
        for (std::int64_t r = block; r < end; ++r)
          for (std::int64_t l = 0; l < kLanes; ++l) part[l] = part[l] + x[r * stride + first + l];
      else
        for (std::int64_t r = block; r < end; ++r)
          for (std::int64_t l = 0; l < width; ++l) part[l] = part[l] + x[r * stride + first + l];
      for (std::int64_t l = 0; l < kLanes; ++l) total[l] = block == 0 ? part[l] : total[l] + part[l];
    }
    for (std::int64_t l = 0; l < width; ++l) y[first + l] = total[l];
  }
}

float softmax(std::int64_t n, const float* x, float* y) {
  const float top = largest(n, x);
  for (std::int64_t i = 0; i < n; ++i) y[i] = exp_(x[i] - top);
  const float total = sum(n, y);
  const float share = 1.0F / total;
  for (std::int64_t i = 0; i < n; ++i) y[i] = y[i] * share;
  return log_(total) + top;
}

void softmax_slope(std::int64_t n, const float* y, const float* dy, float* dx) {
  const float mean = sum_products(n, y, dy);
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - mean);
}

void normalise(std::int64_t n, const float* x, float mean, float scale_, const float* gain, const float* bias, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = fma_((x[i] - mean) * scale_, gain[i], bias[i]);
}
void normalise_plane(std::int64_t n, const float* x, float mean, float scale_, float gain, float bias, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = fma_((x[i] - mean) * scale_, gain, bias);
}
void normalise_slope(std::int64_t n, const float* x, const float* dy, float mean, float mean_dy, float slope, float factor,
                     float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = ((dy[i] - mean_dy) - (x[i] - mean) * slope) * factor;
}
void gain_slope(std::int64_t n, const float* x, const float* dy, float mean, float scale_, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = dy[i] * ((x[i] - mean) * scale_);
}

void sgd(std::int64_t n, const SgdStep& step, const float* gradient, float* velocity, float* weights) {
  const SgdStep s = step;
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = fma_(s.decay, weights[i], gradient[i]);
    velocity[i] = fma_(s.momentum, velocity[i], g);
    weights[i] = fma_(-s.rate, velocity[i], weights[i]);
  }
}

void adam(std::int64_t n, const AdamStep& step, const float* gradient, float* mean, float* square, float* weights) {
  const AdamStep s = step;
  const float rest1 = 1.0F - s.beta1, rest2 = 1.0F - s.beta2, shrink = s.rate * s.decay;
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i];
    mean[i] = fma_(s.beta1, mean[i], rest1 * g);
    square[i] = fma_(s.beta2, square[i], rest2 * g * g);
    const float move = (mean[i] * s.correct1) / (sqrt_(square[i] * s.correct2) + s.epsilon);
    weights[i] = fma_(-s.rate, move, fma_(-shrink, weights[i], weights[i]));
  }
}

#if defined(__AVX2__) && defined(__FMA__)

void tile(std::int64_t depth, const float* a, const float* b, float* c, std::int64_t stride, bool add_) {
  static_assert(kTileRows == 6 && kTileColumns == 16, "twelve sums in registers");
  __m256 s00 = _mm256_setzero_ps(), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
  __m256 s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
  for (std::int64_t k = 0; k < depth; ++k, a += kTileRows, b += kTileColumns) {
    const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
    __m256 r = _mm256_broadcast_ss(a);
    s00 = _mm256_fmadd_ps(r, b0, s00), s01 = _mm256_fmadd_ps(r, b1, s01);
    r = _mm256_broadcast_ss(a + 1);
    s10 = _mm256_fmadd_ps(r, b0, s10), s11 = _mm256_fmadd_ps(r, b1, s11);
    r = _mm256_broadcast_ss(a + 2);
    s20 = _mm256_fmadd_ps(r, b0, s20), s21 = _mm256_fmadd_ps(r, b1, s21);
    r = _mm256_broadcast_ss(a + 3);
    s30 = _mm256_fmadd_ps(r, b0, s30), s31 = _mm256_fmadd_ps(r, b1, s31);
    r = _mm256_broadcast_ss(a + 4);
    s40 = _mm256_fmadd_ps(r, b0, s40), s41 = _mm256_fmadd_ps(r, b1, s41);
    r = _mm256_broadcast_ss(a + 5);
    s50 = _mm256_fmadd_ps(r, b0, s50), s51 = _mm256_fmadd_ps(r, b1, s51);
  }
  const auto put = [&](std::int64_t row, __m256 left, __m256 right) {
    float* to = c + row * stride;
    if (add_) {
      left = _mm256_add_ps(_mm256_loadu_ps(to), left);
      right = _mm256_add_ps(_mm256_loadu_ps(to + 8), right);
    }
    _mm256_storeu_ps(to, left);
    _mm256_storeu_ps(to + 8, right);
  };
  put(0, s00, s01), put(1, s10, s11), put(2, s20, s21);
  put(3, s30, s31), put(4, s40, s41), put(5, s50, s51);
}

/// Eight rows of eight become columns.
inline void turn_block(const float* const* lines, std::int64_t at, float* to, std::int64_t width) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(lines[i] + at);
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int h = 0; h < 2; ++h) {
    r[4 * h] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0x44);
    r[4 * h + 1] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0xee);
    r[4 * h + 2] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0x44);
    r[4 * h + 3] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

void turn(std::int64_t depth, std::int64_t count, const float* const* lines, std::int64_t width, float* to) {
  const std::int64_t blocks = width == kTileColumns ? count / 8 * 8 : 0, whole = depth / 8 * 8;
  for (std::int64_t k = 0; k < whole; k += 8)
    for (std::int64_t i = 0; i < blocks; i += 8) turn_block(lines + i, k, to + k * width + i, width);
  for (std::int64_t i = 0; i < count; ++i) {
    const float* line = lines[i];
    for (std::int64_t k = i < blocks ? whole : 0; k < depth; ++k) to[k * width + i] = line[k];
  }
}

void runs(std::int64_t depth, const std::int64_t* at, const float* picture, std::int64_t count, const std::int64_t* begin,
          const std::int64_t* shift, float* to) {
  if (count == 1) {
    for (std::int64_t k = 0; k < depth; ++k, to += kTileColumns) {
      const float* from = picture + at[k] + shift[0];
      _mm256_storeu_ps(to, _mm256_loadu_ps(from));
      _mm256_storeu_ps(to + 8, _mm256_loadu_ps(from + 8));
    }
    return;
  }
  // Loads whose other lanes are masked: those are not read, whatever lies there.
  __m256i low[kTileColumns], high[kTileColumns];
  const __m256i columns = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (std::int64_t r = 0; r < count; ++r) {
    const __m256i from = _mm256_set1_epi32(static_cast<int>(begin[r]) - 1),
                  end = _mm256_set1_epi32(static_cast<int>(begin[r + 1]));
    const __m256i later = _mm256_add_epi32(columns, _mm256_set1_epi32(8));
    low[r] = _mm256_and_si256(_mm256_cmpgt_epi32(columns, from), _mm256_cmpgt_epi32(end, columns));
    high[r] = _mm256_and_si256(_mm256_cmpgt_epi32(later, from), _mm256_cmpgt_epi32(end, later));
  }
  for (std::int64_t k = 0; k < depth; ++k, to += kTileColumns) {
    const float* base = picture + at[k];
    __m256 left = _mm256_maskload_ps(base + shift[0], low[0]), right = _mm256_maskload_ps(base + shift[0] + 8, high[0]);
    for (std::int64_t r = 1; r < count; ++r) {
      left = _mm256_or_ps(left, _mm256_maskload_ps(base + shift[r], low[r]));
      right = _mm256_or_ps(right, _mm256_maskload_ps(base + shift[r] + 8, high[r]));
    }
    _mm256_storeu_ps(to, left);
    _mm256_storeu_ps(to + 8, right);
  }
}

#else

void tile(std::int64_t depth, const float* a, const float* b, float* c, std::int64_t stride, bool add_) {
  float sums[kTileRows][kTileColumns] = {};
  for (std::int64_t k = 0; k < depth; ++k)
    for (std::int64_t i = 0; i < kTileRows; ++i)
      for (std::int64_t j = 0; j < kTileColumns; ++j)
        sums[i][j] = fma_(a[k * kTileRows + i], b[k * kTileColumns + j], sums[i][j]);
  for (std::int64_t i = 0; i < kTileRows; ++i)
    for (std::int64_t j = 0; j < kTileColumns; ++j) {
      float& to = c[i * stride + j];
      to = add_ ? to + sums[i][j] : sums[i][j];
    }
}

void turn(std::int64_t depth, std::int64_t count, const float* const* lines, std::int64_t width, float* to) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < depth; ++k) to[k * width + i] = lines[i][k];
}

void runs(std::int64_t depth, const std::int64_t* at, const float* picture, std::int64_t count, const std::int64_t* begin,
          const std::int64_t* shift, float* to) {
  for (std::int64_t k = 0; k < depth; ++k)
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t i = begin[r]; i < begin[r + 1]; ++i) to[k * kTileColumns + i] = picture[at[k] + shift[r] + i];
}

#endif

constexpr Lanes kTable = {
    map_exp,     map_log,    map_tanh,      map_erf,    map_sigmoid,     map_relu,        map_gelu,    map_silu,
    map_sqrt,    slope_tanh, slope_sigmoid, slope_relu, slope_gelu,      slope_silu,      add,         multiply,
    scale,       add_to,     scale_add,     sum,        sum_products,    sum_squares,     sum_centred, largest,
    column_sums, softmax,    softmax_slope, normalise,  normalise_plane, normalise_slope, gain_slope,  sgd,
    adam,        turn,       runs,          tile};

}  // namespace
}  // namespace koinon::engine::train
