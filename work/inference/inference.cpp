#include "work/inference/inference.hpp"

#include <optional>

#include "engine/language/bundle.hpp"
#include "engine/run/prepared.hpp"
#include "work/disputable.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using engine::program::Program;
using engine::program::TensorInfo;
using engine::tensor::IntTensor;

Result<IntTensor> tensor_from(const TensorInfo& info, const base::Bytes& bytes, std::string_view name) {
  const auto size =
      static_cast<std::size_t>(engine::tensor::element_count(info.shape)) * engine::tensor::dtype_size(info.dtype);
  if (bytes.size() != size)
    return fail(Code::rejected, "[inference] '{}' has {} bytes: {} expected for {} {}", name, bytes.size(), size,
                engine::tensor::dtype_name(info.dtype), engine::tensor::shape_text(info.shape));
  return IntTensor{info.dtype, info.shape, bytes};
}

/// Type and shape of a value: a program input, or an output of a step.
TensorInfo value_info(const Program& program, std::size_t value) {
  if (value < program.inputs.size()) return program.inputs[value].info;
  for (const auto& step : program.steps)
    if (value >= step.first_output && value < step.first_output + step.outputs.size())
      return step.outputs[value - step.first_output];
  KOINON_INVARIANT(false);  // a valid program refers to existing values only
  return {};
}

}  // namespace

Result<std::vector<IntTensor>> input_tensors(const Program& program, const std::vector<base::Bytes>& parts) {
  if (parts.size() != program.inputs.size())
    return fail(Code::rejected, "[inference] {} inputs: the program takes {}", parts.size(), program.inputs.size());
  std::vector<IntTensor> out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    KOINON_TRY(auto tensor, tensor_from(program.inputs[i].info, parts[i], program.inputs[i].name));
    out.push_back(std::move(tensor));
  }
  return out;
}

Result<std::vector<IntTensor>> output_tensors(const Program& program, const std::vector<base::Bytes>& parts) {
  if (parts.size() != program.outputs.size())
    return fail(Code::rejected, "[inference] {} outputs: the program gives {}", parts.size(), program.outputs.size());
  std::vector<IntTensor> out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& output = program.outputs[i];
    KOINON_TRY(auto tensor, tensor_from(value_info(program, output.ref.index()), parts[i], output.name));
    out.push_back(std::move(tensor));
  }
  return out;
}

// A program and what runs it.
struct Inference::Ready {
  explicit Ready(Program p) : program(std::move(p)) {}

  const Program program;
  std::optional<engine::run::Prepared> prepared;  // borrows program
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t out = prepared->own_bytes() + prepared->arena_bytes();
    for (const auto* list : {&program.weights, &program.tables})
      for (const auto& constant : *list) out += constant.data.size();
    return out;
  }
};

Result<std::shared_ptr<const Inference::Ready>> Inference::ready(const Job& job) const {
  return kept_.get(job.spec, [&] { return make_ready(job); });
}

Result<std::shared_ptr<const Inference::Ready>> Inference::make_ready(const Job& job) const {
  auto program = engine::program::decode(job.artifact);
  if (!program) return fail(Code::rejected, "[inference] the artifact is no program: {}", program.error().text);
  const auto id = engine::program::program_id(*program);
  if (id != job.spec)
    return fail(Code::rejected, "[inference] the artifact is program {}: {} was ordered", base::to_hex(id),
                base::to_hex(job.spec));
  if (!program->has_weights())
    return fail(Code::rejected, "[inference] the artifact lacks the weights of {}", base::to_hex(id));
  auto out = std::make_shared<Ready>(*std::move(program));
  KOINON_TRY(auto prepared, engine::run::Prepared::make(out->program, {.trace = true}));
  out->prepared.emplace(std::move(prepared));
  return out;
}

Result<Outcome> Inference::run(const Job& job, const Means& means) const {
  if (engine::language::is_bundle(job.artifact)) return texts_.run(job, means);
  KOINON_TRY(const auto ready, this->ready(job));
  KOINON_TRY(const auto inputs, input_tensors(ready->program, job.inputs));
  engine::run::RunOptions options;
  options.pool = means.pool;
  options.memory_limit = memory_limit_;
  options.stop = means.stop;
  options.progress = means.progress;
  auto run = ready->prepared->run(inputs, options);
  if (!run) {
    const bool buyers_fault = run.error().code == Code::out_of_range || run.error().code == Code::invalid_argument;
    return fail(buyers_fault ? Code::rejected : run.error().code, "{}", run.error().text);
  }
  Outcome out;
  out.roots = {run->output_root, run->trace_root, run->witness};
  out.value_roots = std::move(run->step_roots);
  out.meter.seconds = run->seconds;
  out.meter.steps = ready->program.steps.size();
  for (auto& tensor : run->outputs) {
    out.meter.output_bytes += tensor.bytes.size();
    out.outputs.push_back(std::move(tensor.bytes));
  }
  return out;
}

Result<std::shared_ptr<const Program>> Inference::disputable_program(const Job& job) const {
  if (engine::language::is_bundle(job.artifact)) return Kind::disputable_program(job);  // a text is many runs
  KOINON_TRY(const auto ready, this->ready(job));
  return std::shared_ptr<const Program>(ready, &ready->program);
}

Result<std::shared_ptr<const Disputable>> Inference::disputable(const Job& job) const {
  auto out = std::make_shared<Disputable>();
  KOINON_TRY(out->program, disputable_program(job));
  KOINON_TRY(out->inputs, input_tensors(*out->program, job.inputs));
  return out;
}

}  // namespace koinon::work
