// compare: 1 where a op b holds, else 0. Parameters: CompareOp.
// select: a where the condition is not 0, else b. No parameters. Operands broadcast as in NumPy.
#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> compare_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  if (step.params[0] < 1 || step.params[0] > 3) return fail(Code::malformed, "comparison {}: 1 to 3 expected", step.params[0]);
  KOINON_TRY(auto shape, broadcast_shapes(shape_of(step, 0), shape_of(step, 1)));
  return std::vector<Shape>{shape};
}

Result<std::vector<Reach>> compare_bounds(const Step&, const Known&) { return std::vector{Reach{Range{0, 1}}}; }

void compare_execute(const Execution& run) {
  const auto op = static_cast<CompareOp>(run.step.params[0]);
  const auto function = op == CompareOp::equal  ? kernels::Function::equal
                        : op == CompareOp::less ? kernels::Function::less
                                                : kernels::Function::less_equal;
  const kernels::Stretched operands[] = {stretched(run, 0), stretched(run, 1)};
  kernels::elementwise(run.context, function, run.step.outputs[0].shape, operands, run.output());
}

Result<std::vector<Shape>> select_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 0));
  if (step.operand_infos[1].dtype != step.operand_infos[2].dtype)
    return fail(Code::invalid_argument, "choices of type {} and {}: one type expected", dtype_name(step.operand_infos[1].dtype),
                dtype_name(step.operand_infos[2].dtype));
  KOINON_TRY(auto choices, broadcast_shapes(shape_of(step, 1), shape_of(step, 2)));
  KOINON_TRY(auto shape, broadcast_shapes(shape_of(step, 0), choices));
  return std::vector<Shape>{shape};
}

Result<std::vector<Reach>> select_bounds(const Step&, const Known& known) {
  return std::vector{
      Reach{Range{std::min(known.ranges[1].low, known.ranges[2].low), std::max(known.ranges[1].high, known.ranges[2].high)}}};
}

void select_execute(const Execution& run) {
  const kernels::Stretched operands[] = {stretched(run, 0), stretched(run, 1), stretched(run, 2)};
  kernels::elementwise(run.context, kernels::Function::select, run.step.outputs[0].shape, operands, run.output());
}

}  // namespace

StepRule compare_rule() {
  return {StepKind::compare, 2, 2, 1, 1, Typing::i8, compare_infer, compare_bounds, compare_execute, output_elements};
}
StepRule select_rule() {
  return {StepKind::select, 3, 3, 1, 1, Typing::second, select_infer, select_bounds, select_execute, output_elements};
}

}  // namespace koinon::engine::program::steps
