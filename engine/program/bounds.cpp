#include "engine/program/bounds.hpp"

#include "engine/program/format.hpp"
#include "engine/program/steps/rule.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using base::fail;

// Constant elements that one analysis reads: a small file must not make us read a large weight for each of 65536 steps.
constexpr std::uint64_t kReadBudget = std::uint64_t{1} << 35;

base::Result<std::vector<Range>> constant_ranges(const std::vector<Constant>& constants) {
  std::vector<Range> out;
  for (const auto& c : constants) {
    const Range r = steps::constant_range(c);
    KOINON_TRY(const auto range, steps::range_of(r.low, r.high));
    out.push_back(range);
  }
  return out;
}

}  // namespace

const Constant* constant_of(const Program& program, Ref ref) {
  if (ref.source() == Source::weight) return &program.weights[ref.index()];
  if (ref.source() == Source::table) return &program.tables[ref.index()];
  return nullptr;
}

base::Result<std::vector<Range>> analyse(const Program& program) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[bounds] the program's weights are hidden");
  KOINON_TRY(const auto weights, constant_ranges(program.weights));
  KOINON_TRY(const auto tables, constant_ranges(program.tables));
  std::vector<Range> values;
  for (const auto& in : program.inputs) values.push_back(Range{in.low, in.high});
  std::uint64_t read = 0;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    std::vector<Range> ranges;
    std::vector<const Constant*> constants;
    for (auto ref : step.operands) {
      const auto& list = ref.source() == Source::value ? values : ref.source() == Source::weight ? weights : tables;
      ranges.push_back(list[ref.index()]);
      constants.push_back(constant_of(program, ref));
      if (constants.back() != nullptr) read += static_cast<std::uint64_t>(tensor::element_count(constants.back()->info.shape));
    }
    if (read > kReadBudget) return fail(Code::exhausted, "[bounds] step {}: more than 2^35 constants read", i);
    auto proved = steps::prove_step(step, {ranges, constants});
    if (!proved) return fail(std::move(proved).error().within(fmt::format("step {}", i)));
    values.insert(values.end(), proved->begin(), proved->end());
  }
  return values;
}

}  // namespace koinon::engine::program
