#include "trust/private/models/aided.hpp"

#include <algorithm>
#include <set>

#include "engine/program/bounds.hpp"
#include "engine/run/execute.hpp"
#include "trust/private/models/constants.hpp"
#include "trust/private/models/network_program.hpp"
#include "trust/private/models/section.hpp"
#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Program;
using engine::program::Range;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::IntTensor;

bool is_layer(const Step& step) { return step.kind == StepKind::matmul || step.kind == StepKind::conv; }

/// A value by constants: what a provider can do alone.
bool by_weights(const Step& step) {
  return step.operands[0].source() == Source::value &&
         std::all_of(step.operands.begin() + 1, step.operands.end(), [](const auto& o) { return o.source() != Source::value; });
}

class Cutter {
 public:
  Cutter(const Program& program, const std::vector<Range>& ranges) : program_(program), ranges_(ranges) {
    for (std::size_t i = 0; i < program.steps.size(); ++i)
      for (std::size_t k = 0; k < program.steps[i].outputs.size(); ++k) made_by_[program.steps[i].first_output + k] = i;
  }

  /// A section over the input and the sums of `layers`, with the steps that `values` need.
  Result<Section> section(std::span<const std::size_t> layers, const std::set<std::size_t>& values) const {
    Section out(program_, 0, ranges_[0], program_.inputs[0].info, "input");
    std::set<std::size_t> known{0};
    for (const auto step : layers) {
      const auto value = std::size_t{program_.steps[step].first_output};
      out.also(value, ranges_[value], info_of(program_, value), fmt::format("sums of step {}", step));
      known.insert(value);
    }
    std::set<std::size_t> steps;
    std::vector<std::size_t> open(values.begin(), values.end());
    while (!open.empty()) {
      const auto value = open.back();
      open.pop_back();
      if (known.contains(value) || !steps.insert(made_by_.at(value)).second) continue;
      for (const auto& ref : program_.steps[made_by_.at(value)].operands)
        if (ref.source() == Source::value) open.push_back(ref.index());
    }
    for (const auto step : steps) KOINON_CHECK(out.add(step));
    return out;
  }

 private:
  const Program& program_;
  const std::vector<Range>& ranges_;
  std::map<std::size_t, std::size_t> made_by_;
};

/// Takes the offsets out of rows whose sums would leave 28 bits with them.
std::vector<std::int64_t> large_offsets(LinearLayer& layer) {
  constexpr std::int64_t kMost = std::int64_t{1} << 27;
  const auto largest = std::max(std::abs(layer.low), std::abs(layer.high));
  std::vector<std::int64_t> out(layer.outputs);
  for (std::size_t row = 0; row < layer.outputs; ++row) {
    auto reach = std::abs(layer.bias[row]);
    for (std::size_t i = 0; i < layer.inputs && reach < kMost; ++i)
      reach += std::abs(layer.weights[row * layer.inputs + i]) * largest;
    if (reach >= kMost) std::swap(out[row], layer.bias[row]);
  }
  if (std::ranges::all_of(out, [](auto v) { return v == 0; })) out.clear();
  return out;
}

/// What a section is given: the input and all sums so far, within its ranges.
struct Given {
  std::vector<IntTensor> tensors;
  std::optional<base::Error> fault;  ///< the first sum that was not
};

Result<Given> given(const Program& section, const AidedProgram& program, const IntTensor& input,
                    std::span<const std::vector<std::int64_t>> sums) {
  Given out{.tensors = {input}, .fault = {}};
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto& port = section.inputs[i + 1];
    auto tensor = IntTensor::zeros(port.info.dtype, port.info.shape);
    if (sums[i].size() != static_cast<std::size_t>(tensor.size()))
      return fail(Code::invalid_argument, "[private] {} sums of step {}: {} expected", sums[i].size(), program.layers[i].step,
                  tensor.size());
    for (std::size_t k = 0; k < sums[i].size(); ++k) {
      const auto value = std::clamp(sums[i][k], port.low, port.high);
      tensor.set(static_cast<std::int64_t>(k), value);
      if (value != sums[i][k] && !out.fault)
        out.fault = base::Error{Code::out_of_range, fmt::format("[private] sum {} of step {}: within [{}, {}] expected", k,
                                                                program.layers[i].step, port.low, port.high)};
    }
    out.tensors.push_back(std::move(tensor));
  }
  return out;
}

Result<std::vector<IntTensor>> execute(const Program& section, std::span<const IntTensor> inputs) {
  engine::run::RunOptions options;
  options.trace = false;
  KOINON_TRY(auto done, engine::run::execute(section, inputs, options));
  return std::move(done.outputs);
}

/// Runs a client's section. Error: out_of_range for sums that no honest run gives.
Result<std::vector<IntTensor>> run(const Program& section, const AidedProgram& program, const IntTensor& input,
                                   std::span<const std::vector<std::int64_t>> sums) {
  KOINON_TRY(auto all, given(section, program, input, sums));
  if (all.fault) return fail(*std::move(all.fault));
  return execute(section, all.tensors);
}

Status check_layers_left(const AidedProgram& program, std::size_t sums) {
  if (sums < program.layers.size()) return {};
  return fail(Code::invalid_argument, "[private] sums of {} layers: fewer than {} expected", sums, program.layers.size());
}

}  // namespace

Result<AidedProgram> compile_aided(const Program& given) {
  KOINON_TRY(const auto program, fold_constants(given));
  KOINON_TRY(const auto ranges, engine::program::analyse(program));
  if (program.inputs.size() != 1)
    return fail(Code::unsupported, "[private] {} inputs: one expected; concatenate them before the model",
                program.inputs.size());
  const Cutter cutter(program, ranges);
  AidedProgram out;
  KOINON_TRY(out.description, engine::program::decode(engine::program::encode(given, false)));
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    if (!is_layer(step)) continue;
    if (!by_weights(step)) continue;  // of two values, as in attention: the client's
    const auto from = std::size_t{step.operands[0].index()};
    AidedProgram::Layer layer;
    layer.step = i;
    KOINON_TRY(auto before, cutter.section(layers, {from}));
    KOINON_TRY(layer.before, std::move(before).finish(from));
    KOINON_TRY(layer.weights, affine_of(program, ranges, from, step.first_output, {i}));
    layer.offsets = large_offsets(layer.weights);
    auto plan = plan_shared(layer.weights);
    if (!plan) return fail(plan.error().code, "[private] step {}: {}", i, plan.error().text);
    layer.plan = *std::move(plan);
    out.layers.push_back(std::move(layer));
    layers.push_back(i);
  }
  if (layers.empty())
    return fail(Code::unsupported, "[private] no layer by constant weights in {} steps: nothing for a provider to compute",
                program.steps.size());
  std::set<std::size_t> values;
  for (const auto& output : program.outputs)
    if (output.ref.source() == Source::value) values.insert(output.ref.index());
  KOINON_TRY(auto rest, cutter.section(layers, values));
  KOINON_TRY(out.rest, std::move(rest).finish());
  return out;
}

Result<std::vector<std::int64_t>> aided_input(const AidedProgram& program, const IntTensor& input,
                                              std::span<const std::vector<std::int64_t>> sums) {
  KOINON_CHECK(check_layers_left(program, sums.size()));
  KOINON_TRY(const auto tensors, run(program.layers[sums.size()].before, program, input, sums));
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < tensors[0].size(); ++i) out.push_back(tensors[0].at(i));
  return out;
}

Result<AidedInput> next_aided_input(const AidedProgram& program, const IntTensor& input,
                                    std::span<const std::vector<std::int64_t>> sums) {
  KOINON_CHECK(check_layers_left(program, sums.size()));
  const auto& layer = program.layers[sums.size()];
  if (input.dtype != layer.before.inputs[0].info.dtype || input.shape != layer.before.inputs[0].info.shape)
    return fail(Code::invalid_argument, "[private] an input of another type or shape than the program's");
  KOINON_TRY(auto all, given(layer.before, program, input, sums));
  const auto& plan = layer.plan;
  AidedInput out{.values = std::vector(plan.inputs, std::clamp<std::int64_t>(0, plan.low, plan.high)),
                 .fault = std::move(all.fault)};
  auto tensors = execute(layer.before, all.tensors);
  if (!tensors) {
    if (!out.fault) out.fault = std::move(tensors).error();
    return out;
  }
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const auto value = (*tensors)[0].at(static_cast<std::int64_t>(i));
    out.values[i] = std::clamp(value, plan.low, plan.high);
    if (out.values[i] != value && !out.fault)
      out.fault = base::Error{Code::out_of_range, fmt::format("[private] input {} of layer {}: within [{}, {}] expected", i,
                                                              sums.size(), plan.low, plan.high)};
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_sums(const Context& context, const AidedProgram::Layer& layer, const SecretKey& key,
                                               std::span<const Ciphertext> results) {
  KOINON_TRY(auto out, decrypt_shared(context, layer.plan, key, results));
  for (std::size_t i = 0; i < layer.offsets.size(); ++i) out[i] += layer.offsets[i];
  return out;
}

Result<std::vector<IntTensor>> aided_outputs(const AidedProgram& program, const IntTensor& input,
                                             std::span<const std::vector<std::int64_t>> sums) {
  if (sums.size() != program.layers.size())
    return fail(Code::invalid_argument, "[private] sums of {} layers: {} expected", sums.size(), program.layers.size());
  return run(program.rest, program, input, sums);
}

}  // namespace koinon::trust::fhe
