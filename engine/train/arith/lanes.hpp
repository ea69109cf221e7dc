#pragma once
#include <cstdint>

#include "engine/kernels/context.hpp"

namespace koinon::engine::train {

/// Sizes of the tile of a product that stays in registers, and the length of a block of a dot product (docs/work/training.md).
inline constexpr std::int64_t kTileRows = 6, kTileColumns = 16, kBlock = 256;
/// Lanes of a sum: lane l adds the elements l, l + 16, ... one after another; lanes then fold in halves (8, 4, 2, 1).
inline constexpr std::int64_t kLanes = 16;

/// How a step of AdamW or SGD is taken, all in float32 and rounded by the caller.
struct SgdStep {
  float rate, momentum, decay;  ///< v = momentum v + (g + decay w), w = w - rate v
};
struct AdamStep {
  float rate, beta1, beta2, epsilon, decay;  ///< decay is decoupled: w = w - rate decay w
  float correct1, correct2;                  ///< 1 / (1 - beta^t)
};

/// The inner loops of training, on plain arrays of float32. Every table computes the same bits: all are one source
/// (lanes_body.hpp), compiled for different instruction sets without contraction or reordering; only `tile` has a second form,
/// with the same chain of fused multiply-adds for each element. `n` counts elements; arrays do not overlap unless said.
struct Lanes {
  // Functions of one element: y[i] = f(x[i]); y may be x. Errors in functions.hpp.
  using Map = void (*)(std::int64_t n, const float* x, float* y);
  Map exp, log, tanh, erf, sigmoid, relu, gelu, silu, sqrt;
  /// dx[i] = dy[i] f'(x[i]).
  using Slope = void (*)(std::int64_t n, const float* x, const float* dy, float* dx);
  Slope tanh_slope, sigmoid_slope, relu_slope, gelu_slope, silu_slope;

  void (*add)(std::int64_t n, const float* a, const float* b, float* y);
  void (*multiply)(std::int64_t n, const float* a, const float* b, float* y);
  void (*scale)(std::int64_t n, float factor, const float* x, float* y);          ///< y may be x
  void (*add_to)(std::int64_t n, const float* x, float* y);                       ///< y = y + x
  void (*scale_add)(std::int64_t n, const float* x, float a, float b, float* y);  ///< y = fma(x, a, b)

  // Sums in sixteen lanes.
  float (*sum)(std::int64_t n, const float* x);
  float (*sum_products)(std::int64_t n, const float* a, const float* b);                ///< by fused multiply-adds
  float (*sum_squares)(std::int64_t n, const float* x, float centre);                   ///< of x - centre
  float (*sum_centred)(std::int64_t n, const float* x, const float* dy, float centre);  ///< of dy (x - centre)
  float (*largest)(std::int64_t n, const float* x);                                     ///< a > b ? a : b; n >= 1
  /// y[c] = the sum of column c over rows, in blocks of 256 rows.
  void (*column_sums)(std::int64_t rows, std::int64_t columns, std::int64_t stride, const float* x, float* y);

  /// softmax of one row; y may be x. Returns log of the sum of exp(x - largest), plus largest.
  float (*softmax)(std::int64_t n, const float* x, float* y);
  /// dx = y (dy - sum of y dy); dx may be dy.
  void (*softmax_slope)(std::int64_t n, const float* y, const float* dy, float* dx);
  /// y = fma((x - mean) * scale, gain, bias), gain and bias an array each.
  void (*normalise)(std::int64_t n, const float* x, float mean, float scale, const float* gain, const float* bias, float* y);
  /// y = fma((x - mean) * scale, gain, bias), one gain and bias.
  void (*normalise_plane)(std::int64_t n, const float* x, float mean, float scale, float gain, float bias, float* y);
  /// dx = (dy - mean_dy - (x - mean) * slope) * factor.
  void (*normalise_slope)(std::int64_t n, const float* x, const float* dy, float mean, float mean_dy, float slope, float factor,
                          float* dx);
  /// y = dy * (x - mean) * scale: what a gain's gradient sums.
  void (*gain_slope)(std::int64_t n, const float* x, const float* dy, float mean, float scale, float* y);

  void (*sgd)(std::int64_t n, const SgdStep& step, const float* gradient, float* velocity, float* weights);
  void (*adam)(std::int64_t n, const AdamStep& step, const float* gradient, float* mean, float* square, float* weights);

  /// to[k * width + i] = lines[i][k] for k < depth, i < count: lines become columns. count <= width, 6 or 16.
  void (*turn)(std::int64_t depth, std::int64_t count, const float* const* lines, std::int64_t width, float* to);
  /// to[k * 16 + i] = picture[at[k] + shift[r] + i] for the run r that holds column i, begin[r] <= i < begin[r + 1]; the last
  /// of `runs` + 1 begins is 16.
  void (*runs)(std::int64_t depth, const std::int64_t* at, const float* picture, std::int64_t runs, const std::int64_t* begin,
               const std::int64_t* shift, float* to);

  /// A tile of a product over `depth` <= kBlock: t[i][j] = the fused sum over k of a[k * kTileRows + i] * b[k * kTileColumns +
  /// j], from +0. c[i * stride + j] = add ? c + t : t.
  void (*tile)(std::int64_t depth, const float* a, const float* b, float* c, std::int64_t stride, bool add);
};

/// The loops for an instruction set (avx512 has avx2's).
const Lanes& lanes(kernels::Isa isa);

}  // namespace koinon::engine::train
