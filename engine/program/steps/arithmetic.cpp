// add, sub, mul: out = a op b, operands broadcasting as in NumPy. No parameters.
#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 0));
  KOINON_TRY(auto shape, broadcast_shapes(shape_of(step, 0), shape_of(step, 1)));
  return std::vector<Shape>{shape};
}

Result<std::vector<Reach>> reach(Wide low, Wide high) {
  KOINON_TRY(const auto range, range_of(low, high));
  return std::vector{Reach{range}};
}

Result<std::vector<Reach>> add_bounds(const Step&, const Known& known) {
  return reach(static_cast<Wide>(known.ranges[0].low) + known.ranges[1].low,
               static_cast<Wide>(known.ranges[0].high) + known.ranges[1].high);
}
Result<std::vector<Reach>> sub_bounds(const Step&, const Known& known) {
  return reach(static_cast<Wide>(known.ranges[0].low) - known.ranges[1].high,
               static_cast<Wide>(known.ranges[0].high) - known.ranges[1].low);
}
Result<std::vector<Reach>> mul_bounds(const Step&, const Known& known) {
  const auto [low, high] = product(known.ranges[0], known.ranges[1]);
  return reach(low, high);
}

template <kernels::Function F>
void execute(const Execution& run) {
  const kernels::Stretched operands[] = {stretched(run, 0), stretched(run, 1)};
  kernels::elementwise(run.context, F, run.step.outputs[0].shape, operands, run.output());
}

}  // namespace

StepRule add_rule() {
  return {StepKind::add, 2, 2, 1, 1, Typing::any, infer, add_bounds, execute<kernels::Function::add>, output_elements};
}
StepRule sub_rule() {
  return {StepKind::sub, 2, 2, 1, 1, Typing::any, infer, sub_bounds, execute<kernels::Function::sub>, output_elements};
}
StepRule mul_rule() {
  return {StepKind::mul, 2, 2, 1, 1, Typing::any, infer, mul_bounds, execute<kernels::Function::mul>, output_elements};
}

}  // namespace koinon::engine::program::steps
