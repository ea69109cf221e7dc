#pragma once
#include "base/result.hpp"
#include "trust/proof/build.hpp"

namespace koinon::trust::proof {

/// Adds one step to a circuit. Errors: unsupported.
base::Status add_step(Build& build, const engine::program::Step& step);

// One function a family, each in the file of its name. Preconditions: the step is of that family and valid.
base::Status add_matmul(Build& build, const engine::program::Step& step);
base::Status add_conv(Build& build, const engine::program::Step& step);
base::Status add_requantise(Build& build, const engine::program::Step& step);
base::Status add_lookup(Build& build, const engine::program::Step& step);
base::Status add_reduce(Build& build, const engine::program::Step& step);
base::Status add_elementwise(Build& build, const engine::program::Step& step);  ///< add, sub, mul
base::Status add_shift(Build& build, const engine::program::Step& step);
base::Status add_compare(Build& build, const engine::program::Step& step);
base::Status add_select(Build& build, const engine::program::Step& step);
base::Status add_divide(Build& build, const engine::program::Step& step);
base::Status add_isqrt(Build& build, const engine::program::Step& step);
base::Status add_prefix_sum(Build& build, const engine::program::Step& step);
base::Status add_argmax(Build& build, const engine::program::Step& step);
base::Status add_topk(Build& build, const engine::program::Step& step);
base::Status add_gather(Build& build, const engine::program::Step& step);
base::Status add_scatter(Build& build, const engine::program::Step& step);
base::Status add_movement(Build& build,
                          const engine::program::Step& step);  ///< reshape, transpose, slice, concat, pad, broadcast

/// Index into a tensor of shape `from` for each element of shape `to` that it broadcasts to.
std::vector<std::size_t> stretch(const engine::tensor::Shape& from, const engine::tensor::Shape& to);

/// Ties each variable of `out` to sum of coefficient * variable, plus a constant.
struct LinearRow {
  std::array<Term, 2> terms{};
  unsigned count = 0;
  Fp constant;
};
void add_linear(Circuit& circuit, std::vector<Var> out, std::vector<LinearRow> rows);

/// Sliding places of a window over one axis, in row-major order of outputs: which index each of the window's elements reads, or
/// -1.
struct WindowAxis {
  std::int64_t size = 1, window = 1, stride = 1, dilation = 1, begin = 0, out = 1;
  [[nodiscard]] std::int64_t at(std::int64_t place, std::int64_t element) const {
    const std::int64_t index = place * stride - begin + element * dilation;
    return index >= 0 && index < size ? index : -1;
  }
};
/// For each output place, the flat index of each element of its window in row-major order, or -1 outside. `axes` outermost
/// first.
std::vector<std::vector<std::int64_t>> windows(const std::vector<WindowAxis>& axes);

}  // namespace koinon::trust::proof
