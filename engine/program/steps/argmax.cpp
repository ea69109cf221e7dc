// Index of the largest element along an axis, which keeps size 1; the lowest index at ties. Parameters: axis.
#include "engine/kernels/reduce.hpp"
#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  Shape out = shape_of(step, 0);
  if (step.params[0] < 0 || step.params[0] >= static_cast<std::int64_t>(out.size()))
    return fail(Code::out_of_range, "axis {} of {}", step.params[0], out.size());
  auto& size = out[static_cast<std::size_t>(step.params[0])];
  if (size > tensor::dtype_high(DType::i32)) return fail(Code::out_of_range, "axis of {} elements: below 2^31 expected", size);
  size = 1;
  return std::vector<Shape>{out};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known&) {
  return std::vector{Reach{Range{0, shape_of(step, 0)[static_cast<std::size_t>(step.params[0])] - 1}}};
}

void execute(const Execution& run) {
  const Shape& x = shape_of(run.step, 0);
  const auto axis = static_cast<std::size_t>(run.step.params[0]);
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= x[i];
  for (std::size_t i = axis + 1; i < x.size(); ++i) inner *= x[i];
  kernels::argmax(run.context, run.operand(0), outer, x[axis], inner, run.output());
}

std::uint64_t cost(const Step& step) { return static_cast<std::uint64_t>(tensor::element_count(shape_of(step, 0))); }

}  // namespace

StepRule argmax_rule() { return {StepKind::argmax, 1, 1, 1, 1, Typing::i32, infer, bounds, execute, cost}; }

}  // namespace koinon::engine::program::steps
