// out[n, p..., o] = bias[o] + sum over kernel positions t and channels c of the filter's group of
// x[n, p * stride - pad_begin + t * dilation, c] * w[o, t..., c]; x is 0 outside its bounds. Parameters: ConvParams.
#include "engine/kernels/conv.hpp"

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

constexpr std::int64_t kLimit = std::int64_t{1} << 20;  // of strides, dilations, pads and kernels

Result<ConvParams> params_of(const Step& step) { return ConvParams::unpack(step.params, shape_of(step, 0).size() - 2); }

Result<std::int64_t> out_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                              std::int64_t begin, std::int64_t end) {
  if (stride < 1 || dilation < 1 || begin < 0 || end < 0 || stride > kLimit || dilation > kLimit || begin > kLimit ||
      end > kLimit || kernel > kLimit)
    return fail(Code::out_of_range, "stride {}, dilation {}, pads {} and {}: 1 to 2^20 (pads from 0) expected", stride,
                dilation, begin, end);
  const std::int64_t span = dilation * (kernel - 1) + 1, padded = size + begin + end;
  if (span > padded) return fail(Code::invalid_argument, "kernel spans {} of an axis of {} with its padding", span, padded);
  return (padded - span) / stride + 1;
}

Result<std::vector<Shape>> infer(const Step& step) {
  const Shape &x = shape_of(step, 0), &w = shape_of(step, 1);
  for (std::size_t i = 0; i < 2; ++i)
    if (step.operand_infos[i].dtype != DType::i8 && step.operand_infos[i].dtype != DType::i16)
      return fail(Code::unsupported, "operand {} of type {}: i8 or i16 expected", i, dtype_name(step.operand_infos[i].dtype));
  if (x.size() != w.size() || x.size() < 3)
    return fail(Code::invalid_argument, "shapes {} and {}: [n, spatial..., c] and [o, kernel..., c / groups] expected",
                tensor::shape_text(x), tensor::shape_text(w));
  if (x.size() > 5) return fail(Code::unsupported, "{} spatial axes: 1 to 3 expected", x.size() - 2);
  KOINON_TRY(const auto p, params_of(step));
  if (p.groups < 1 || p.groups > x.back() || x.back() % p.groups != 0 || w.front() % p.groups != 0 ||
      w.back() != x.back() / p.groups)
    return fail(Code::invalid_argument, "{} groups of {} channels and {} filters over {}", p.groups, x.back(), w.front(),
                w.back());
  if (step.operands.size() == 3 && (shape_of(step, 2) != Shape{w.front()} || step.operand_infos[2].dtype == DType::i64))
    return fail(Code::invalid_argument, "bias {} of type {}: [{}] of at most i32 expected",
                tensor::shape_text(shape_of(step, 2)), dtype_name(step.operand_infos[2].dtype), w.front());
  Shape out{x.front()};
  for (std::size_t i = 0; i + 2 < x.size(); ++i) {
    KOINON_TRY(const auto size, out_size(x[i + 1], w[i + 1], p.strides[i], p.dilations[i], p.pads_begin[i], p.pads_end[i]));
    out.push_back(size);
  }
  out.push_back(w.front());
  return std::vector<Shape>{out};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known& known) {
  const Shape& w = shape_of(step, 1);
  const std::int64_t taps = tensor::element_count(w) / w.front();
  // Padding reads 0 whatever the range of x.
  const Range x{std::min<std::int64_t>(known.ranges[0].low, 0), std::max<std::int64_t>(known.ranges[0].high, 0)};
  const Constant* weights = known.constants[1];
  Reach out{Range{INT64_MAX, INT64_MIN}, -1};
  for (std::int64_t o = 0; o < (weights != nullptr ? w.front() : 1); ++o) {
    const std::int64_t channel = weights != nullptr ? o : -1;
    const auto [low, high] = row_reach(weights, o * taps, taps, x, known.ranges[1]);
    const Range bias = bias_range(step, known, channel);
    auto range = range_of(low + bias.low, high + bias.high);
    if (!range) return fail(std::move(range).error().within(fmt::format("channel {}", channel)));
    widen(out, *range, channel);
  }
  return std::vector{out};
}

// Entry of the k-th spatial axis from the innermost outwards; `absent` where the convolution has fewer axes.
std::int64_t inner(const std::vector<std::int64_t>& list, std::size_t k, std::int64_t absent) {
  return k < list.size() ? list[list.size() - 1 - k] : absent;
}

void execute(const Execution& run) {
  kernels::Conv job = conv_geometry(run.step);
  job.x = run.operand(0);
  job.w = run.operand(1);
  if (run.operands.size() == 3) job.bias = run.operand(2);
  job.out = run.output();
  kernels::conv(run.context, job);
}

std::uint64_t cost(const Step& step) {
  const Shape& w = shape_of(step, 1);
  return output_elements(step) * static_cast<std::uint64_t>(tensor::element_count(w) / w.front());
}

}  // namespace

kernels::Conv conv_geometry(const Step& step) {
  const Shape &x = shape_of(step, 0), &w = shape_of(step, 1), &y = step.outputs[0].shape;
  const auto p = params_of(step);
  KOINON_INVARIANT(p.has_value());
  const auto spatial = [](const Shape& s) { return Shape(s.begin() + 1, s.end() - 1); };
  const Shape in = spatial(x), kernel = spatial(w), out = spatial(y);
  kernels::Conv job;
  job.batch = x[0];
  job.channels = x.back();
  job.filters = w[0];
  job.groups = p->groups;
  job.width = inner(in, 0, 1), job.height = inner(in, 1, 1), job.depth = inner(in, 2, 1);
  job.kernel_width = inner(kernel, 0, 1), job.kernel_height = inner(kernel, 1, 1), job.kernel_depth = inner(kernel, 2, 1);
  job.out_width = inner(out, 0, 1), job.out_height = inner(out, 1, 1), job.out_depth = inner(out, 2, 1);
  job.stride_width = inner(p->strides, 0, 1), job.stride_height = inner(p->strides, 1, 1);
  job.stride_depth = inner(p->strides, 2, 1);
  job.dilation_width = inner(p->dilations, 0, 1), job.dilation_height = inner(p->dilations, 1, 1);
  job.dilation_depth = inner(p->dilations, 2, 1);
  job.pad_left = inner(p->pads_begin, 0, 0), job.pad_top = inner(p->pads_begin, 1, 0);
  job.pad_front = inner(p->pads_begin, 2, 0);
  return job;
}

StepRule conv_rule() { return {StepKind::conv, 2, 3, 1, 1, Typing::accumulator, infer, bounds, execute, cost}; }

}  // namespace koinon::engine::program::steps
