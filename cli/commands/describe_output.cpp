#include "cli/commands/describe_output.hpp"

#include <algorithm>

#include "cli/terminal/chart.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"

namespace koinon::cli {
namespace {

using engine::program::Program;
using engine::program::Step;
using engine::program::StepKind;

const Step* maker(const Program& program, engine::program::Ref value) {
  const auto step = std::ranges::upper_bound(program.steps, value.index(), {}, &Step::first_output);
  return step == program.steps.begin() || value.index() < program.inputs.size() ? nullptr : &*std::prev(step);
}

/// Whether a table gave the value, or the value before it was laid out anew.
bool is_from_table(const Program& program, engine::program::Ref value) {
  const auto* step = maker(program, value);
  while (step != nullptr && (step->kind == StepKind::reshape || step->kind == StepKind::transpose) &&
         step->operands.at(0).source() == engine::program::Source::value)
    step = maker(program, step->operands[0]);
  return step == nullptr || step->kind == StepKind::lookup;
}

}  // namespace

std::string describe_output(const Program& program, std::size_t number, const engine::tensor::IntTensor& value) {
  const auto& output = program.outputs[number];
  const auto real = engine::io::dequantise(value, output.scale);
  const bool only = program.outputs.size() == 1 && !is_from_table(program, output.ref);
  return fmt::format("{} {}\n", clean(output.name, 60), engine::tensor::shape_text(value.shape)) +
         values_text(real, are_classes(value.shape, real, only));
}

}  // namespace koinon::cli
