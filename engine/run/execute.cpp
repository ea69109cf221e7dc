#include "engine/run/execute.hpp"

#include <algorithm>
#include <chrono>

#include "engine/program/steps/rule.hpp"

namespace koinon::engine::run {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using program::Program;
using program::Ref;
using program::Source;
using tensor::IntTensor;

std::uint64_t size_of(const program::TensorInfo& info) {
  return static_cast<std::uint64_t>(tensor::element_count(info.shape)) * tensor::dtype_size(info.dtype);
}

// When each value may be freed, and what the whole run needs at most.
struct Plan {
  std::vector<std::vector<std::size_t>> free_after;  // one list a step
  std::uint64_t peak = 0;
};

Plan plan_memory(const Program& program) {
  std::vector<std::uint64_t> size;
  for (const auto& in : program.inputs) size.push_back(size_of(in.info));
  for (const auto& step : program.steps)
    for (const auto& o : step.outputs) size.push_back(size_of(o));
  constexpr std::size_t kNever = SIZE_MAX;
  std::vector<std::size_t> last(size.size(), 0);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) last[step.first_output + o] = i;
    for (auto ref : step.operands)
      if (ref.source() == Source::value) last[ref.index()] = i;
  }
  for (const auto& o : program.outputs) last[o.ref.index()] = kNever;
  Plan plan;
  plan.free_after.resize(program.steps.size());
  std::uint64_t live = 0;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) live += size[i];
  plan.peak = live;
  for (std::size_t v = 0; v < size.size(); ++v)
    if (last[v] != kNever && !program.steps.empty()) plan.free_after[last[v]].push_back(v);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) live += size[step.first_output + o];
    plan.peak = std::max(plan.peak, live);
    for (auto v : plan.free_after[i]) live -= size[v];
  }
  return plan;
}

Status check_input(const program::Input& want, const IntTensor& got) {
  if (got.dtype != want.info.dtype || got.shape != want.info.shape)
    return fail(Code::invalid_argument, "[run] input {} is {} {}: {} {} expected", want.name, dtype_name(got.dtype),
                tensor::shape_text(got.shape), dtype_name(want.info.dtype), tensor::shape_text(want.info.shape));
  if (got.bytes.size() != size_of(want.info))
    return fail(Code::invalid_argument, "[run] input {} has {} bytes: {} expected", want.name, got.bytes.size(),
                size_of(want.info));
  return tensor::with_dtype(got.dtype, [&](auto t) -> Status {
    for (auto v : got.values<decltype(t)>())
      if (v < want.low || v > want.high)
        return fail(Code::out_of_range, "[run] input {} holds {}: {} to {} expected", want.name, static_cast<std::int64_t>(v),
                    want.low, want.high);
    return {};
  });
}

Status check_inputs(const Program& program, std::span<const IntTensor> inputs) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[run] the program's weights are hidden");
  if (inputs.size() != program.inputs.size())
    return fail(Code::invalid_argument, "[run] {} inputs: {} expected", inputs.size(), program.inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) KOINON_CHECK(check_input(program.inputs[i], inputs[i]));
  return {};
}

// One run: the values that are alive and the roots so far.
class Machine {
 public:
  Machine(const Program& program, std::span<const IntTensor> inputs, const RunOptions& options)
      : program_(program), options_(options), inputs_(inputs), values_(program.value_count()) {
    context_.pool = options.pool;
    context_.isa = options.force_ref ? kernels::Isa::ref : kernels::best_isa();
  }

  Status step(std::size_t i) {
    const auto& step = program_.steps[i];
    std::vector<const std::uint8_t*> operands;
    for (auto ref : step.operands) operands.push_back(data(ref));
    std::vector<std::uint8_t*> outputs;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      values_[step.first_output + o] = IntTensor::zeros(step.outputs[o].dtype, step.outputs[o].shape);
      outputs.push_back(values_[step.first_output + o].bytes.data());
    }
    const auto* rule = program::steps::find_rule(step.kind);
    const program::steps::Execution run{step, operands, outputs, context_};
    if (rule->admit != nullptr)
      if (auto admitted = rule->admit(run); !admitted)
        return fail(std::move(admitted).error().within(fmt::format("[run] step {}: [{}]", i, step_name(step.kind))));
    rule->execute(run);
    std::vector<const IntTensor*> views;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      views.push_back(&values_[step.first_output + o]);
      if (options_.trace) roots_.push_back(tensor::tensor_root(*views.back()));
    }
    if (options_.sink) options_.sink(i, views);
    return {};
  }

  void release(std::size_t value) { values_[value] = IntTensor{}; }

  [[nodiscard]] Run finish() {
    Run out;
    for (const auto& o : program_.outputs)
      out.outputs.push_back(o.ref.index() < inputs_.size() ? inputs_[o.ref.index()] : values_[o.ref.index()]);
    auto input_roots = tensor_roots(inputs_);
    out.input_root = base::list_root(base::Domain::inputs, input_roots);
    out.output_root = output_root(out.outputs);
    if (options_.trace) {
      input_roots.insert(input_roots.end(), roots_.begin(), roots_.end());
      out.step_roots = std::move(input_roots);
      out.trace_root = trace_root(out.step_roots);
      out.witness = witness(out.step_roots);
    }
    return out;
  }

 private:
  [[nodiscard]] const std::uint8_t* data(Ref ref) const {
    switch (ref.source()) {
      case Source::value:
        return ref.index() < inputs_.size() ? inputs_[ref.index()].bytes.data() : values_[ref.index()].bytes.data();
      case Source::weight: return program_.weights[ref.index()].data.data();
      case Source::table: break;
    }
    return program_.tables[ref.index()].data.data();
  }

  const Program& program_;
  const RunOptions& options_;
  std::span<const IntTensor> inputs_;
  std::vector<IntTensor> values_;  // the places of the inputs stay empty: those are borrowed
  std::vector<base::Hash> roots_;
  kernels::Context context_;
};

}  // namespace

Result<Run> execute(const Program& program, std::span<const IntTensor> inputs, const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  KOINON_CHECK(check_inputs(program, inputs));
  const Plan plan = plan_memory(program);
  if (plan.peak > options.memory_limit)
    return fail(Code::exhausted, "[run] tensors need {} bytes at once: at most {}", plan.peak, options.memory_limit);
  const std::uint64_t total = options.progress ? program::operation_count(program) : 0;
  std::uint64_t done = 0;
  Machine machine(program, inputs, options);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[run] cancelled before step {}", i);
    KOINON_CHECK(machine.step(i));
    for (auto value : plan.free_after[i]) machine.release(value);
    if (!options.progress) continue;
    done += program::steps::find_rule(program.steps[i].kind)->cost(program.steps[i]);
    options.progress(done, total);
  }
  Run out = machine.finish();
  out.peak_bytes = plan.peak;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace koinon::engine::run
