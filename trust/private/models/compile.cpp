#include "trust/private/models/compile.hpp"

#include <set>

#include "engine/program/bounds.hpp"
#include "engine/run/execute.hpp"
#include "trust/private/models/section.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Constant;
using engine::program::Program;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::IntTensor;

bool is_layer(const Step& step) { return step.kind == StepKind::matmul || step.kind == StepKind::conv; }
bool reads(const Step& step, const std::set<std::size_t>& values) {
  for (const auto& ref : step.operands)
    if (ref.source() == Source::value && values.contains(ref.index())) return true;
  return false;
}

/// The number of the one matmul over the input, whose reshaped copies are collected in `copies`.
Result<std::size_t> find_layer(const Program& program, std::set<std::size_t>& copies) {
  if (program.inputs.size() != 1)
    return fail(Code::unsupported, "[private] {} inputs: one expected; concatenate them before the model",
                program.inputs.size());
  copies = {0};
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    const auto name = engine::program::step_name(step.kind);
    if (step.kind == StepKind::reshape && reads(step, copies)) {
      copies.insert(step.first_output);
      continue;
    }
    if (step.kind != StepKind::matmul)
      return fail(Code::unsupported,
                  "[private] step {} ({}) comes before the first matmul: only reshapes of the input may; "
                  "apply it to the input, or fold it into the weights",
                  i, name);
    const auto weight = [&](std::size_t k) { return step.operands[k].source() == Source::weight; };
    if (step.operands[0].source() != Source::value || !copies.contains(step.operands[0].index()) || !weight(1) ||
        (step.operands.size() > 2 && !weight(2)) || step.operand_infos[1].shape.size() != 2)
      return fail(Code::unsupported, "[private] step {} (matmul): the input by a constant matrix expected", i);
    const auto& shape = step.operand_infos[0].shape;
    const auto elements = engine::tensor::element_count(shape);
    if (elements != shape.back())
      return fail(Code::unsupported,
                  "[private] step {} (matmul) of {} rows: one expected; fix the batch at 1 and send rows one by one", i,
                  elements / shape.back());
    return i;
  }
  return fail(Code::unsupported, "[private] no matmul in {} steps: nothing for a provider to compute", program.steps.size());
}

std::vector<std::int64_t> numbers(const Constant& constant) {
  const IntTensor tensor{constant.info.dtype, constant.info.shape, constant.data};
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < tensor.size(); ++i) out.push_back(tensor.at(i));
  return out;
}

LinearLayer layer_of(const Program& program, const Step& step) {
  const auto& shape = step.operand_infos[1].shape;
  LinearLayer out{.outputs = static_cast<std::size_t>(shape[0]),
                  .inputs = static_cast<std::size_t>(shape[1]),
                  .weights = numbers(program.weights[step.operands[1].index()]),
                  .bias = {},
                  .low = program.inputs[0].low,
                  .high = program.inputs[0].high};
  out.bias =
      step.operands.size() > 2 ? numbers(program.weights[step.operands[2].index()]) : std::vector<std::int64_t>(out.outputs);
  return out;
}

}  // namespace

Result<LinearProgram> compile_linear(const Program& program) {
  KOINON_TRY(const auto ranges, engine::program::analyse(program));
  std::set<std::size_t> copies;
  KOINON_TRY(const auto number, find_layer(program, copies));
  const auto& step = program.steps[number];
  Section rest(program, step.first_output, ranges[step.first_output], step.outputs[0], "accumulators");
  for (std::size_t i = number + 1; i < program.steps.size(); ++i) {
    if (is_layer(program.steps[i]))
      return fail(Code::unsupported,
                  "[private] step {} ({}) is a second layer: it needs the steps before it as tables under encryption; what "
                  "helps is a model of one layer, or an owner who allows the buyer to compute between layers",
                  i, engine::program::step_name(program.steps[i].kind));
    KOINON_CHECK(rest.add(i));
  }
  LinearProgram out{.step = number, .layer = layer_of(program, step), .rest = {}};
  KOINON_TRY(out.rest, std::move(rest).finish());
  return out;
}

Result<std::vector<IntTensor>> finish(const Program& rest, std::span<const std::int64_t> accumulators) {
  std::vector<IntTensor> inputs;
  std::size_t at = 0;
  for (const auto& input : rest.inputs) {
    auto tensor = IntTensor::zeros(input.info.dtype, input.info.shape);
    const auto size = static_cast<std::size_t>(tensor.size());
    if (size > accumulators.size() - at) break;
    for (std::size_t i = 0; i < size; ++i, ++at) {
      if (accumulators[at] < input.low || accumulators[at] > input.high)
        return fail(Code::out_of_range, "[private] accumulator {} of {}: within [{}, {}] expected", at, accumulators[at],
                    input.low, input.high);
      tensor.set(static_cast<std::int64_t>(i), accumulators[at]);
    }
    inputs.push_back(std::move(tensor));
  }
  if (inputs.size() != rest.inputs.size() || at != accumulators.size())
    return fail(Code::invalid_argument, "[private] {} accumulators: {} inputs of the rest take another number",
                accumulators.size(), rest.inputs.size());
  engine::run::RunOptions options;
  options.trace = false;
  KOINON_TRY(auto run, engine::run::execute(rest, inputs, options));
  return std::move(run.outputs);
}

Result<std::vector<IntTensor>> finish(const LinearProgram& program, std::span<const std::int64_t> accumulators) {
  return finish(program.rest, accumulators);
}

}  // namespace koinon::trust::fhe
