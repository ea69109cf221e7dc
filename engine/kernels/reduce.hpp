#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

enum class Reduction { sum, max, min };

/// Reduces windows that slide along every axis; what lies outside x is skipped. All lists have the rank of x.
struct Reduce {
  Reduction op = Reduction::sum;
  Shape in, out;
  std::vector<std::int64_t> window, strides, dilations, pads_begin;
  ConstArray x;
  Array y;
};

void reduce(const Context& context, const Reduce& job);
void reduce_ref(const Reduce& job);
/// The common shapes of reduce: pooling with whole lines of channels, and sums of whole lines. False for others.
bool reduce_lines(const Context& context, const Reduce& job);

/// y[i] = table[x[i] - low]. Precondition: 0 <= x[i] - low < entries of the table; y has the table's type.
void lookup(const Context& context, ConstArray x, std::int64_t count, std::int64_t low, ConstArray table, Array y);

}  // namespace koinon::engine::kernels
