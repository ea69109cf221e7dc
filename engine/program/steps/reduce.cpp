// y = sum, largest or smallest element of a window that slides along every axis of x. Parameters: ReduceParams.
#include "engine/kernels/reduce.hpp"

#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

constexpr std::int64_t kLimit = std::int64_t{1} << 31;

Result<ReduceParams> params_of(const Step& step) { return ReduceParams::unpack(step.params, shape_of(step, 0).size()); }

// Taps of a window at `position` that lie inside an axis: the smallest and largest count over all positions.
struct Taps {
  std::int64_t least = INT64_MAX, most = 0;
};

Taps count_taps(std::int64_t size, std::int64_t out, std::int64_t window, std::int64_t stride, std::int64_t dilation,
                std::int64_t begin) {
  if (begin == 0 && (out - 1) * stride + (window - 1) * dilation < size) return Taps{window, window};
  Taps taps;
  for (std::int64_t position = 0; position < out; ++position) {
    const std::int64_t at = position * stride - begin;
    const std::int64_t first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    const std::int64_t last = at >= size ? -1 : std::min(window - 1, (size - 1 - at) / dilation);
    const std::int64_t count = std::max<std::int64_t>(0, last - first + 1);
    taps = Taps{std::min(taps.least, count), std::max(taps.most, count)};
  }
  return taps;
}

Result<std::int64_t> out_size(std::int64_t size, const ReduceParams& p, std::size_t i) {
  for (auto v : {p.window[i], p.strides[i], p.dilations[i]})
    if (v < 1 || v > kLimit) return fail(Code::out_of_range, "window, stride or dilation {}: 1 to 2^31 expected", v);
  for (auto v : {p.pads_begin[i], p.pads_end[i]})
    if (v < 0 || v > kLimit) return fail(Code::out_of_range, "padding {}: 0 to 2^31 expected", v);
  const Wide span = static_cast<Wide>(p.dilations[i]) * (p.window[i] - 1) + 1;
  const std::int64_t padded = size + p.pads_begin[i] + p.pads_end[i];
  if (span > padded) return fail(Code::invalid_argument, "window on axis {} is longer than the {} elements there", i, padded);
  return (padded - static_cast<std::int64_t>(span)) / p.strides[i] + 1;
}

Result<std::vector<Shape>> infer(const Step& step) {
  const Shape& x = shape_of(step, 0);
  KOINON_TRY(const auto p, params_of(step));
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    KOINON_TRY(const auto size, out_size(x[i], p, i));
    out.push_back(size);
  }
  KOINON_CHECK(tensor::check_shape(out));
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (p.pads_begin[i] == 0 && p.pads_end[i] == 0) continue;
    if (out[i] > (1 << 16)) return fail(Code::unsupported, "axis {}: {} windows on a padded axis, at most 2^16", i, out[i]);
    if (count_taps(x[i], out[i], p.window[i], p.strides[i], p.dilations[i], p.pads_begin[i]).least == 0)
      return fail(Code::invalid_argument, "a window on axis {} lies in the padding alone", i);
  }
  return std::vector<Shape>{out};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known& known) {
  const Shape& x = shape_of(step, 0);
  KOINON_TRY(const auto p, params_of(step));
  if (p.op != ReduceOp::sum) return std::vector{Reach{known.ranges[0]}};
  Wide least = 1, most = 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (p.window[i] == 1) continue;
    KOINON_TRY(const auto out, out_size(x[i], p, i));
    const Taps taps = count_taps(x[i], out, p.window[i], p.strides[i], p.dilations[i], p.pads_begin[i]);
    least *= taps.least;
    most *= taps.most;
  }
  const Range& r = known.ranges[0];
  KOINON_TRY(const auto range, range_of(r.low < 0 ? r.low * most : r.low * least, r.high < 0 ? r.high * least : r.high * most));
  return std::vector{Reach{range}};
}

void execute(const Execution& run) {
  const auto p = params_of(run.step);
  KOINON_INVARIANT(p.has_value());
  const auto op = p->op == ReduceOp::sum   ? kernels::Reduction::sum
                  : p->op == ReduceOp::max ? kernels::Reduction::max
                                           : kernels::Reduction::min;
  kernels::reduce(run.context, {op, shape_of(run.step, 0), run.step.outputs[0].shape, p->window, p->strides, p->dilations,
                                p->pads_begin, run.operand(0), run.output()});
}

std::uint64_t cost(const Step& step) {
  auto total = static_cast<double>(output_elements(step));
  const auto p = params_of(step);
  for (std::size_t i = 0; p && i < p->window.size(); ++i)
    total *= static_cast<double>(std::min(p->window[i], shape_of(step, 0)[i]));
  return total < 1e18 ? static_cast<std::uint64_t>(total) : std::uint64_t{1} << 60;
}

}  // namespace

StepRule reduce_rule() { return {StepKind::reduce, 1, 1, 1, 1, Typing::any, infer, bounds, execute, cost}; }

}  // namespace koinon::engine::program::steps
