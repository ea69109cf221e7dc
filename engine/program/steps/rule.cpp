#include "engine/program/steps/rule.hpp"

#include <algorithm>

namespace koinon::engine::program::steps {
namespace {

constexpr std::int64_t kReach = std::int64_t{1} << 62;

Status check_counts(const StepRule& rule, const Step& step) {
  const auto name = step_name(step.kind);
  if (step.operands.size() < rule.min_operands || step.operands.size() > rule.max_operands)
    return fail(Code::malformed, "[{}] {} operands: {} to {} expected", name, step.operands.size(), rule.min_operands,
                rule.max_operands);
  if (step.outputs.size() < rule.min_outputs || step.outputs.size() > rule.max_outputs)
    return fail(Code::malformed, "[{}] {} outputs: {} to {} expected", name, step.outputs.size(), rule.min_outputs,
                rule.max_outputs);
  if (step.operand_infos.size() != step.operands.size())
    return fail(Code::malformed, "[{}] {} operand descriptions for {} operands", name, step.operand_infos.size(),
                step.operands.size());
  return {};
}

Status check_type(const StepRule& rule, const Step& step, std::size_t output) {
  const DType type = step.outputs[output].dtype;
  const bool right =
      rule.typing == Typing::any || (rule.typing == Typing::accumulator ? type == DType::i32 || type == DType::i64
                                                                        : type == natural_type(rule, step, output, Range{}));
  if (!right)
    return fail(Code::malformed, "[{}] output of type {}, which this step cannot have", step_name(step.kind), dtype_name(type));
  return {};
}

}  // namespace

DType natural_type(const StepRule& rule, const Step& step, std::size_t output, const Range& range) {
  switch (rule.typing) {
    case Typing::first: return step.operand_infos[0].dtype;
    case Typing::second: return step.operand_infos[1].dtype;
    case Typing::i8: return DType::i8;
    case Typing::i32: return DType::i32;
    case Typing::first_then_i32: return output == 0 ? step.operand_infos[0].dtype : DType::i32;
    default: break;
  }
  for (auto type : {DType::i8, DType::i16, DType::i32}) {
    if (rule.typing == Typing::accumulator && type != DType::i32) continue;
    if (range.low >= tensor::dtype_low(type) && range.high <= tensor::dtype_high(type)) return type;
  }
  return DType::i64;
}

Status check_step(const Step& step) {
  const StepRule* rule = find_rule(step.kind);
  if (rule == nullptr)
    return fail(Code::unsupported, "[{}] step kind {} is not run by this version", step_name(step.kind),
                static_cast<unsigned>(step.kind));
  KOINON_CHECK(check_counts(*rule, step));
  for (std::size_t i = 0; i < step.operand_infos.size(); ++i) {
    KOINON_CHECK(tensor::check_shape(shape_of(step, i)));
    const bool table = step.operands[i].source() == Source::table;
    if (table != (step.kind == StepKind::lookup && i == 1))
      return fail(Code::malformed, "[{}] operand {}: tables are read by lookup alone, as its operand 1", step_name(step.kind),
                  i);
  }
  for (auto p : step.params)
    if (p <= -kReach || p >= kReach)
      return fail(Code::out_of_range, "[{}] parameter {}: below 2^62 expected", step_name(step.kind), p);
  auto shapes = rule->infer(step);
  if (!shapes) return fail(std::move(shapes).error().within(fmt::format("[{}]", step_name(step.kind))));
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    KOINON_CHECK(tensor::check_shape((*shapes)[i]));
    if (step.outputs[i].shape != (*shapes)[i])
      return fail(Code::malformed, "[{}] output {} has shape {}: {} expected", step_name(step.kind), i,
                  tensor::shape_text(step.outputs[i].shape), tensor::shape_text((*shapes)[i]));
    KOINON_CHECK(check_type(*rule, step, i));
  }
  return {};
}

Result<std::vector<Range>> prove_step(const Step& step, const Known& known) {
  const auto name = step_name(step.kind);
  auto reaches = find_rule(step.kind)->bounds(step, known);
  if (!reaches) return fail(std::move(reaches).error().within(fmt::format("[{}]", name)));
  std::vector<Range> out;
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    const auto& [range, channel] = (*reaches)[i];
    const DType type = step.outputs[i].dtype;
    if (range.low < tensor::dtype_low(type) || range.high > tensor::dtype_high(type)) {
      const std::string where = channel < 0 ? std::string() : fmt::format(" (channel {})", channel);
      return fail(Code::out_of_range, "[{}] output {}{} reaches [{}, {}]: more than {} holds", name, i, where, range.low,
                  range.high, dtype_name(type));
    }
    out.push_back(range);
  }
  return out;
}

Result<Range> range_of(Wide low, Wide high) {
  if (low <= -kReach || high >= kReach) {
    const Wide worst = -low > high ? -low : high;
    unsigned bits = 0;
    for (Wide v = worst; v != 0; v >>= 1) ++bits;
    return fail(Code::out_of_range, "a bound of 2^{} or more: below 2^62 expected", bits - 1);
  }
  return Range{static_cast<std::int64_t>(low), static_cast<std::int64_t>(high)};
}

std::pair<Wide, Wide> product(const Range& a, const Range& b) {
  const Wide p[4] = {static_cast<Wide>(a.low) * b.low, static_cast<Wide>(a.low) * b.high, static_cast<Wide>(a.high) * b.low,
                     static_cast<Wide>(a.high) * b.high};
  return {std::min({p[0], p[1], p[2], p[3]}), std::max({p[0], p[1], p[2], p[3]})};
}

Result<Shape> broadcast_shapes(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return fail(Code::invalid_argument, "shapes {} and {} do not broadcast", tensor::shape_text(a), tensor::shape_text(b));
    out[out.size() - 1 - i] = std::max(x, y);
  }
  return out;
}

Range constant_range(const Constant& constant) {
  Range out{INT64_MAX, INT64_MIN};
  tensor::with_dtype(constant.info.dtype, [&](auto t) {
    using T = decltype(t);
    T low = std::numeric_limits<T>::max(), high = std::numeric_limits<T>::min();
    for (std::size_t i = 0; i + sizeof(T) <= constant.data.size(); i += sizeof(T)) {
      std::memcpy(&t, constant.data.data() + i, sizeof(T));
      low = std::min(low, t);
      high = std::max(high, t);
    }
    out = Range{low, high};
  });
  return out;
}

std::uint64_t output_elements(const Step& step) {
  std::uint64_t total = 0;
  for (const auto& o : step.outputs) total += static_cast<std::uint64_t>(tensor::element_count(o.shape));
  return total;
}

kernels::Stretched stretched(const Execution& run, std::size_t i) {
  return {run.operand(i), kernels::broadcast_strides(shape_of(run.step, i), run.step.outputs[0].shape)};
}

Status expect_params(const Step& step, std::size_t count) {
  if (step.params.size() != count) return fail(Code::malformed, "{} parameters: {} expected", step.params.size(), count);
  return {};
}

}  // namespace koinon::engine::program::steps
