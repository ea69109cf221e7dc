#include "engine/run/ranges.hpp"

#include <algorithm>

#include "engine/program/format.hpp"
#include "engine/program/steps/rule.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {
namespace {

using program::Range;
using program::Source;
using program::StepKind;

Range of_type(tensor::DType type) {
  constexpr std::int64_t kLimit = (std::int64_t{1} << 62) - 1;
  return {std::max(-kLimit, tensor::dtype_low(type)), std::min(kLimit, tensor::dtype_high(type))};
}

}  // namespace

Range Making::range_of(program::Ref ref) const {
  if (ref.source() == Source::value) return ranges[ref.index()];
  return program::steps::constant_range(*constant_of(program, ref));
}

std::vector<Range> estimate_ranges(const program::Program& program) {
  std::vector<Range> values;
  for (const auto& in : program.inputs) values.push_back({in.low, in.high});
  for (const auto& step : program.steps) {
    std::vector<Range> operands;
    std::vector<const program::Constant*> constants;
    for (auto ref : step.operands) {
      constants.push_back(constant_of(program, ref));
      const bool value = ref.source() == Source::value;
      operands.push_back(value ? values[ref.index()] : Range{});
    }
    const bool sums = step.kind == StepKind::matmul || step.kind == StepKind::conv;
    for (std::size_t i = 0; !sums && i < operands.size(); ++i)
      if (constants[i] != nullptr) operands[i] = program::steps::constant_range(*constants[i]);
    auto reaches = sums ? base::Result<std::vector<program::steps::Reach>>(std::vector<program::steps::Reach>{})
                        : program::steps::find_rule(step.kind)->bounds(step, {operands, constants});
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      Range range = of_type(step.outputs[o].dtype);
      if (reaches && o < reaches->size()) {
        range.low = std::max(range.low, (*reaches)[o].range.low);
        range.high = std::min(range.high, (*reaches)[o].range.high);
      } else if (step.kind == StepKind::requantise) {
        range.low = std::max(range.low, step.params[0]);
        range.high = std::min(range.high, step.params[1]);
      }
      values.push_back(range);
    }
  }
  return values;
}

}  // namespace koinon::engine::run
