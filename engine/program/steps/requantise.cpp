// y = clamp((x*M + 2^(s-1)) >> s, low, high), arithmetic shift. Operands x, M (i16, in [1, 2^15)), s (i8, in [1, 62]); M and s
// are weights that broadcast to x. Parameters: low, high.
#include "engine/kernels/requantise.hpp"

#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 2));
  if (step.params[0] > step.params[1])
    return fail(Code::invalid_argument, "clamp [{}, {}] is empty", step.params[0], step.params[1]);
  if (step.operand_infos[1].dtype != DType::i16 || step.operand_infos[2].dtype != DType::i8)
    return fail(Code::invalid_argument, "multiplier of type {} and shift of type {}: i16 and i8 expected",
                dtype_name(step.operand_infos[1].dtype), dtype_name(step.operand_infos[2].dtype));
  for (std::size_t i : {1U, 2U}) {
    if (step.operands[i].source() != Source::weight) return fail(Code::invalid_argument, "operand {}: a weight expected", i);
    KOINON_TRY(const auto shape, broadcast_shapes(shape_of(step, 0), shape_of(step, i)));
    if (shape != shape_of(step, 0))
      return fail(Code::invalid_argument, "operand {} of shape {} does not broadcast to {}", i,
                  tensor::shape_text(shape_of(step, i)), tensor::shape_text(shape_of(step, 0)));
  }
  KOINON_TRY(const auto joint, broadcast_shapes(shape_of(step, 1), shape_of(step, 2)));
  if (tensor::element_count(joint) >
      std::max(tensor::element_count(shape_of(step, 1)), tensor::element_count(shape_of(step, 2))))
    return fail(Code::unsupported, "multiplier {} and shift {} spread over each other: one must cover the other",
                tensor::shape_text(shape_of(step, 1)), tensor::shape_text(shape_of(step, 2)));
  return std::vector<Shape>{shape_of(step, 0)};
}

// Extends the range by what one pair (M, s) makes of x. Both ends are monotone in x.
Status extend(Range& out, const Range& x, std::int64_t multiplier, std::int64_t shift, const Step& step) {
  if (multiplier < 1) return fail(Code::out_of_range, "multiplier {}: 1 to 32767 expected", multiplier);
  if (shift < 1 || shift > 62) return fail(Code::out_of_range, "shift {}: 1 to 62 expected", shift);
  const Wide half = Wide{1} << (shift - 1);
  KOINON_TRY(const auto sum,
             range_of(static_cast<Wide>(x.low) * multiplier + half, static_cast<Wide>(x.high) * multiplier + half));
  const auto clamp = [&](std::int64_t v) { return std::clamp(v >> shift, step.params[0], step.params[1]); };
  out = Range{std::min(out.low, clamp(sum.low)), std::max(out.high, clamp(sum.high))};
  return {};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known& known) {
  const Constant &m = *known.constants[1], &s = *known.constants[2];
  KOINON_TRY(const auto shape, broadcast_shapes(m.info.shape, s.info.shape));
  const auto m_strides = kernels::broadcast_strides(m.info.shape, shape);
  const auto s_strides = kernels::broadcast_strides(s.info.shape, shape);
  Range out{INT64_MAX, INT64_MIN};
  const std::int64_t count = tensor::element_count(shape);
  for (std::int64_t at = 0; at < count; ++at) {
    std::int64_t m_at = 0, s_at = 0, rest = at;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      m_at += rest % shape[axis] * m_strides[axis];
      s_at += rest % shape[axis] * s_strides[axis];
      rest /= shape[axis];
    }
    auto extended = extend(out, known.ranges[0], constant_at(m, m_at), constant_at(s, s_at), step);
    if (!extended) return fail(std::move(extended).error().within(fmt::format("channel {}", at)));
  }
  return std::vector{Reach{out}};
}

void execute(const Execution& run) {
  kernels::requantise(run.context, {run.step.outputs[0].shape, run.operand(0), stretched(run, 1), stretched(run, 2),
                                    run.step.params[0], run.step.params[1], run.output()});
}

}  // namespace

StepRule requantise_rule() { return {StepKind::requantise, 3, 3, 1, 1, Typing::any, infer, bounds, execute, output_elements}; }

}  // namespace koinon::engine::program::steps
