// isqrt: floor(sqrt(x)), x not negative. No parameters.
// shift: x * 2^bits, or floor(x / 2^-bits) when bits < 0. Parameters: bits.
#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> isqrt_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 0));
  return std::vector<Shape>{shape_of(step, 0)};
}

Result<std::vector<Reach>> isqrt_bounds(const Step&, const Known& known) {
  const Range& x = known.ranges[0];
  if (x.low < 0) return fail(Code::out_of_range, "operand can be {}: 0 or more expected", x.low);
  return std::vector{Reach{Range{kernels::integer_sqrt(x.low), kernels::integer_sqrt(x.high)}}};
}

void isqrt_execute(const Execution& run) {
  const kernels::Stretched operands[] = {stretched(run, 0)};
  kernels::elementwise(run.context, kernels::Function::isqrt, run.step.outputs[0].shape, operands, run.output());
}

Result<std::vector<Shape>> shift_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  if (step.params[0] < -62 || step.params[0] > 62)
    return fail(Code::out_of_range, "shift by {}: -62 to 62 expected", step.params[0]);
  return std::vector<Shape>{shape_of(step, 0)};
}

Result<std::vector<Reach>> shift_bounds(const Step& step, const Known& known) {
  const Range& x = known.ranges[0];
  const std::int64_t bits = step.params[0];
  if (bits < 0) return std::vector{Reach{Range{x.low >> -bits, x.high >> -bits}}};
  KOINON_TRY(const auto range, range_of(x.low * (Wide{1} << bits), x.high * (Wide{1} << bits)));
  return std::vector{Reach{range}};
}

void shift_execute(const Execution& run) {
  const std::int64_t bits = run.step.params[0];
  const auto distance = static_cast<std::int8_t>(bits < 0 ? -bits : bits);
  const kernels::ConstArray amount{DType::i8, reinterpret_cast<const std::uint8_t*>(&distance)};
  const Shape& shape = run.step.outputs[0].shape;
  const kernels::Stretched operands[] = {stretched(run, 0), {amount, std::vector<std::int64_t>(shape.size(), 0)}};
  kernels::elementwise(run.context, bits < 0 ? kernels::Function::shift_right : kernels::Function::shift_left, shape, operands,
                       run.output());
}

}  // namespace

StepRule isqrt_rule() {
  return {StepKind::isqrt, 1, 1, 1, 1, Typing::any, isqrt_infer, isqrt_bounds, isqrt_execute, output_elements};
}
StepRule shift_rule() {
  return {StepKind::shift, 1, 1, 1, 1, Typing::any, shift_infer, shift_bounds, shift_execute, output_elements};
}

}  // namespace koinon::engine::program::steps
