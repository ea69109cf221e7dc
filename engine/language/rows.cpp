#include "engine/language/rows.hpp"

#include <algorithm>

#include "engine/language/build.hpp"

namespace koinon::engine::language {
namespace {

using program::Program;
using program::Ref;
using program::Source;
using program::Step;
using program::StepKind;

bool is_value(Ref ref) { return ref.source() == Source::value; }

/// The step that makes each value; null for inputs.
std::vector<const Step*> makers_of(const Program& p) {
  std::vector<const Step*> out(p.value_count(), nullptr);
  for (const auto& step : p.steps)
    for (std::size_t o = 0; o < step.outputs.size(); ++o) out[step.first_output + o] = &step;
  return out;
}

/// What a value is a reshape of.
Ref behind_reshapes(const std::vector<const Step*>& makers, Ref ref) {
  while (is_value(ref)) {
    const Step* step = makers[ref.index()];
    if (step == nullptr || step->kind != StepKind::reshape) break;
    ref = step->operands[0];
  }
  return ref;
}

/// The scatter into state tensor `number`, or null.
const Step* scatter_of(const Program& p, const std::vector<const Step*>& makers, std::size_t number) {
  const Ref ref = behind_reshapes(makers, p.outputs[kFirstStateOut + number].ref);
  const Step* step = is_value(ref) ? makers[ref.index()] : nullptr;
  if (step == nullptr || step->kind != StepKind::scatter || step->params[1] != 0) return nullptr;
  if (behind_reshapes(makers, step->operands[0]) != Ref::value(kFirstState + number)) return nullptr;
  return is_value(step->operands[1]) && is_value(step->operands[2]) ? step : nullptr;
}

Growth growth_of(const Step& scatter) {
  Growth out;
  const auto& shape = scatter.operand_infos[0].shape;
  const auto axis = static_cast<std::size_t>(scatter.params[0]);
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? out.outer : i == axis ? out.length : out.inner) *= shape[i];
  return out;
}

/// Drops the steps that no output needs, and numbers what is left.
void prune(Program& p) {
  std::vector<bool> needed(p.value_count(), false);
  for (const auto& o : p.outputs) needed[o.ref.index()] = true;
  std::vector<bool> kept(p.steps.size(), false);
  for (std::size_t i = p.steps.size(); i-- > 0;) {
    const auto& step = p.steps[i];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) kept[i] = kept[i] || needed[step.first_output + o];
    if (!kept[i]) continue;
    for (auto ref : step.operands)
      if (is_value(ref)) needed[ref.index()] = true;
  }
  std::vector<std::size_t> numbers(p.value_count());
  for (std::size_t v = 0; v < p.inputs.size(); ++v) numbers[v] = v;
  std::size_t next = p.inputs.size();
  std::vector<Step> steps;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    if (!kept[i]) continue;
    auto step = std::move(p.steps[i]);
    for (auto& ref : step.operands)
      if (is_value(ref)) ref = Ref::value(numbers[ref.index()]);
    for (std::size_t o = 0; o < step.outputs.size(); ++o) numbers[step.first_output + o] = next + o;
    step.first_output = static_cast<std::uint32_t>(next);
    next += step.outputs.size();
    steps.push_back(std::move(step));
  }
  p.steps = std::move(steps);
  for (auto& o : p.outputs) o.ref = Ref::value(numbers[o.ref.index()]);
}

}  // namespace

std::optional<RowProgram> rows_of(const Program& program) {
  const auto makers = makers_of(program);
  RowProgram out;
  std::vector<program::Output> outputs(program.outputs.begin(), program.outputs.begin() + kFirstStateOut);
  const auto add = [&](Ref ref, std::size_t number) {
    const auto same = std::ranges::find(outputs, ref, &program::Output::ref);
    if (same == outputs.end()) outputs.push_back({fmt::format("rows.{}", number), ref, {}});
    return static_cast<std::size_t>(std::ranges::find(outputs, ref, &program::Output::ref) - outputs.begin());
  };
  for (std::size_t i = 0; i + kFirstStateOut < program.outputs.size(); ++i) {
    const Step* scatter = scatter_of(program, makers, i);
    if (scatter == nullptr) return {};
    auto growth = growth_of(*scatter);
    growth.indices = add(scatter->operands[1], i);
    growth.rows = add(scatter->operands[2], i);
    out.growth.push_back(growth);
  }
  out.program = program;
  out.program.outputs = std::move(outputs);
  prune(out.program);
  return out;
}

}  // namespace koinon::engine::language
