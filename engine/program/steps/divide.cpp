// q = floor(a / b) and, when there is a second output, r = a - b*q, so 0 <= r < b. b is positive. Operands broadcast as in
// NumPy. No parameters.
#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 0));
  KOINON_TRY(auto shape, broadcast_shapes(shape_of(step, 0), shape_of(step, 1)));
  return std::vector<Shape>{shape, shape};
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

Result<std::vector<Reach>> bounds(const Step&, const Known& known) {
  const Range &a = known.ranges[0], &b = known.ranges[1];
  if (b.low < 1) return fail(Code::out_of_range, "divisor can be {}: positive expected", b.low);
  const Range quotient{std::min(floor_div(a.low, b.low), floor_div(a.low, b.high)),
                       std::max(floor_div(a.high, b.low), floor_div(a.high, b.high))};
  const std::int64_t most = a.low >= 0 ? std::min(b.high - 1, a.high) : b.high - 1;
  return std::vector{Reach{quotient}, Reach{Range{0, most}}};
}

void execute(const Execution& run) {
  const kernels::Stretched operands[] = {stretched(run, 0), stretched(run, 1)};
  const Shape& shape = run.step.outputs[0].shape;
  kernels::elementwise(run.context, kernels::Function::quotient, shape, operands, run.output(0));
  if (run.outputs.size() == 2) kernels::elementwise(run.context, kernels::Function::remainder, shape, operands, run.output(1));
}

}  // namespace

StepRule divide_rule() { return {StepKind::divide, 2, 2, 1, 2, Typing::any, infer, bounds, execute, output_elements}; }

}  // namespace koinon::engine::program::steps
