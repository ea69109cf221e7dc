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
  if (x.size() > 4) return fail(Code::unsupported, "{} spatial axes: 1 or 2 expected", x.size() - 2);
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

void execute(const Execution& run) {
  const Shape &x = shape_of(run.step, 0), &w = shape_of(run.step, 1), &y = run.step.outputs[0].shape;
  const auto p = params_of(run.step);
  KOINON_INVARIANT(p.has_value());
  const bool flat = x.size() == 3;  // one spatial axis runs as a picture of height 1
  const std::size_t last = flat ? 0 : 1;
  kernels::Conv job;
  job.batch = x[0];
  job.height = flat ? 1 : x[1];
  job.width = x[last + 1];
  job.channels = x.back();
  job.filters = w[0];
  job.kernel_height = flat ? 1 : w[1];
  job.kernel_width = w[last + 1];
  job.groups = p->groups;
  job.stride_height = flat ? 1 : p->strides[0];
  job.stride_width = p->strides[last];
  job.dilation_height = flat ? 1 : p->dilations[0];
  job.dilation_width = p->dilations[last];
  job.pad_top = flat ? 0 : p->pads_begin[0];
  job.pad_left = p->pads_begin[last];
  job.out_height = flat ? 1 : y[1];
  job.out_width = y[last + 1];
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

StepRule conv_rule() { return {StepKind::conv, 2, 3, 1, 1, Typing::accumulator, infer, bounds, execute, cost}; }

}  // namespace koinon::engine::program::steps
