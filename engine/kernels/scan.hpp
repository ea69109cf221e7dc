#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// Lines of `length` elements at distance `inner`, for every [outer, inner] of a row-major tensor [outer, length, inner].
struct Lines {
  std::int64_t outer = 1, length = 1, inner = 1;
  /// The lines of a tensor along an axis.
  static Lines along(const Shape& shape, std::size_t axis);
};

/// y[i] = x[0] + ... + x[i] on every line. Sums are below 2^62 in magnitude and fit y's type.
void prefix_sum(const Context& context, const Lines& lines, ConstArray x, Array y);
void prefix_sum_ref(const Lines& lines, ConstArray x, Array y);

/// Index (i32) of the largest element of every line, the lowest index at ties: y is [outer, 1, inner].
void argmax(const Context& context, const Lines& lines, ConstArray x, Array y);
void argmax_ref(const Lines& lines, ConstArray x, Array y);

/// The k largest elements of every line, largest first, the lower index first at ties, and their indices (i32; data may be
/// null). Both results are [outer, k, inner]; values have x's type. Precondition: 1 <= k <= length.
struct TopK {
  Lines lines;
  std::int64_t k = 1;
  ConstArray x;
  Array values, indices;
};

void topk(const Context& context, const TopK& job);
void topk_ref(const TopK& job);

}  // namespace koinon::engine::kernels
