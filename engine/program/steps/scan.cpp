// Along one axis; parameters: axis, and k for topk.
//   prefix_sum  y[i] = x[0] + ... + x[i]
//   argmax      index of the largest element; the axis keeps size 1; the lowest index at ties
//   topk        the k largest, largest first, the lower index first at ties; then, as a second output, their indices
#include "engine/kernels/scan.hpp"

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

// The shape of operand 0 with the axis, parameter 0, resized.
Result<Shape> resized(const Step& step, std::int64_t size) {
  Shape out = shape_of(step, 0);
  if (step.params[0] < 0 || step.params[0] >= static_cast<std::int64_t>(out.size()))
    return fail(Code::out_of_range, "axis {} of {}", step.params[0], out.size());
  auto& axis = out[static_cast<std::size_t>(step.params[0])];
  if (axis > tensor::dtype_high(DType::i32)) return fail(Code::out_of_range, "axis of {} elements: below 2^31 expected", axis);
  if (size > axis) return fail(Code::out_of_range, "{} of an axis of {} elements", size, axis);
  if (size > 0) axis = size;
  return out;
}

std::int64_t length_of(const Step& step) { return shape_of(step, 0)[static_cast<std::size_t>(step.params[0])]; }
kernels::Lines lines_of(const Step& step) {
  return kernels::Lines::along(shape_of(step, 0), static_cast<std::size_t>(step.params[0]));
}
std::uint64_t input_elements(const Step& step) { return static_cast<std::uint64_t>(tensor::element_count(shape_of(step, 0))); }

Result<std::vector<Shape>> prefix_sum_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  KOINON_TRY(auto shape, resized(step, 0));
  return std::vector<Shape>{shape};
}
Result<std::vector<Reach>> prefix_sum_bounds(const Step& step, const Known& known) {
  const Range& x = known.ranges[0];
  const Wide n = length_of(step);
  KOINON_TRY(const auto range, range_of(x.low < 0 ? n * x.low : x.low, x.high > 0 ? n * x.high : x.high));
  return std::vector{Reach{range}};
}
void prefix_sum_execute(const Execution& run) {
  kernels::prefix_sum(run.context, lines_of(run.step), run.operand(0), run.output());
}

Result<std::vector<Shape>> argmax_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  KOINON_TRY(auto shape, resized(step, 1));
  return std::vector<Shape>{shape};
}
Result<std::vector<Reach>> argmax_bounds(const Step& step, const Known&) {
  return std::vector{Reach{Range{0, length_of(step) - 1}}};
}
void argmax_execute(const Execution& run) { kernels::argmax(run.context, lines_of(run.step), run.operand(0), run.output()); }

Result<std::vector<Shape>> topk_infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 2));
  if (step.params[1] < 1) return fail(Code::out_of_range, "{} largest elements: at least 1 expected", step.params[1]);
  KOINON_TRY(auto shape, resized(step, step.params[1]));
  return std::vector<Shape>{shape, shape};
}
Result<std::vector<Reach>> topk_bounds(const Step& step, const Known& known) {
  return std::vector{Reach{known.ranges[0]}, Reach{Range{0, length_of(step) - 1}}};
}
void topk_execute(const Execution& run) {
  kernels::TopK job{lines_of(run.step), run.step.params[1], run.operand(0), run.output(), {}};
  if (run.outputs.size() == 2) job.indices = run.output(1);
  kernels::topk(run.context, job);
}

}  // namespace

StepRule prefix_sum_rule() {
  return {StepKind::prefix_sum, 1, 1, 1, 1, Typing::any, prefix_sum_infer, prefix_sum_bounds, prefix_sum_execute,
          input_elements};
}
StepRule argmax_rule() {
  return {StepKind::argmax, 1, 1, 1, 1, Typing::i32, argmax_infer, argmax_bounds, argmax_execute, input_elements};
}
StepRule topk_rule() {
  return {StepKind::topk, 1, 1, 1, 2, Typing::first_then_i32, topk_infer, topk_bounds, topk_execute, input_elements};
}

}  // namespace koinon::engine::program::steps
