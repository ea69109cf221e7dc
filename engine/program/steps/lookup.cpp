// y = table[x - low]. Operands x and a table [entries]. Parameters: low.
#include <algorithm>

#include "engine/kernels/reduce.hpp"
#include "engine/program/steps/rules.hpp"

namespace koinon::engine::program::steps {
namespace {

Result<std::vector<Shape>> infer(const Step& step) {
  KOINON_CHECK(expect_params(step, 1));
  if (step.operands[1].source() != Source::table) return fail(Code::invalid_argument, "operand 1: a table expected");
  const Shape& table = shape_of(step, 1);
  if (table.size() != 1 || table[0] > 65536)
    return fail(Code::invalid_argument, "table of shape {}: one axis of at most 65536 entries expected",
                tensor::shape_text(table));
  return std::vector<Shape>{shape_of(step, 0)};
}

Result<std::vector<Reach>> bounds(const Step& step, const Known& known) {
  const Range& x = known.ranges[0];
  const std::int64_t low = step.params[0], entries = shape_of(step, 1)[0];
  if (x.low < low || x.high >= low + entries)
    return fail(Code::out_of_range, "index range [{}, {}] leaves the table's [{}, {}]", x.low, x.high, low, low + entries - 1);
  Range out{INT64_MAX, INT64_MIN};
  for (std::int64_t i = x.low - low; i <= x.high - low; ++i) {
    const std::int64_t entry = constant_at(*known.constants[1], i);
    out = Range{std::min(out.low, entry), std::max(out.high, entry)};
  }
  KOINON_TRY(const auto range, range_of(out.low, out.high));
  return std::vector{Reach{range}};
}

void execute(const Execution& run) {
  kernels::lookup(run.context, run.operand(0), tensor::element_count(shape_of(run.step, 0)), run.step.params[0], run.operand(1),
                  run.output());
}

}  // namespace

StepRule lookup_rule() { return {StepKind::lookup, 2, 2, 1, 1, Typing::second, infer, bounds, execute, output_elements}; }

}  // namespace koinon::engine::program::steps
