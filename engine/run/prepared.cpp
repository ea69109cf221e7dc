#include "engine/run/prepared.hpp"

#include <chrono>
#include <mutex>

#include "engine/kernels/buffer.hpp"
#include "engine/program/steps/rule.hpp"
#include "engine/run/check.hpp"
#include "engine/run/join.hpp"
#include "engine/run/layout.hpp"
#include "engine/run/ranges.hpp"

namespace koinon::engine::run {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using program::Program;
using program::Ref;
using program::Source;
using tensor::IntTensor;

/// What a program's runs share. Memory that a run gave back is kept for the next.
struct Prepared::State {
  explicit State(const Program& p) : program(p) {}

  const Program& program;
  Options options;
  std::vector<NodePtr> nodes;
  Layout layout;
  std::uint64_t peak = 0;  // of live tensors, step by step
  std::uint64_t operations = 0;

  std::mutex mutex;
  std::vector<kernels::Buffer> spare;  // guarded by mutex

  kernels::Buffer take() {
    const std::lock_guard lock(mutex);
    if (spare.empty()) return kernels::Buffer(layout.bytes);
    auto out = std::move(spare.back());
    spare.pop_back();
    return out;
  }
  void give_back(kernels::Buffer buffer) {
    const std::lock_guard lock(mutex);
    if (spare.size() < 4) spare.push_back(std::move(buffer));
  }
};

namespace {

class RunFrame final : public Frame {
 public:
  RunFrame(const Program& program, const Layout& layout, std::span<const IntTensor> inputs, std::uint8_t* arena)
      : program_(program), layout_(layout), inputs_(inputs), arena_(arena) {
    scratch = arena + layout.scratch;
  }
  [[nodiscard]] const std::uint8_t* read(Ref ref) const override {
    switch (ref.source()) {
      case Source::value: return value(ref.index());
      case Source::weight: return program_.weights[ref.index()].data.data();
      case Source::table: break;
    }
    return program_.tables[ref.index()].data.data();
  }
  [[nodiscard]] std::uint8_t* write(std::size_t value) const override {
    const auto& view = layout_.views[value];
    return arena_ + layout_.offsets[view.value] + view.offset;
  }
  [[nodiscard]] const std::uint8_t* value(std::size_t number) const {
    const auto& view = layout_.views[number];
    return view.value < inputs_.size() ? inputs_[view.value].bytes.data() + view.offset : write(number);
  }
  [[nodiscard]] base::ByteView bytes(std::size_t number, const program::TensorInfo& info) const {
    return {value(number), byte_size(info)};
  }

 private:
  const Program& program_;
  const Layout& layout_;
  std::span<const IntTensor> inputs_;
  std::uint8_t* arena_;
};

base::Hash root_of(base::ByteView bytes) { return base::byte_tree_root(base::Domain::tensor, bytes); }

// Roots of the outputs of steps, which are asked for in order; a view of whole bytes has the root of what it views.
class Tracer {
 public:
  Tracer(const Program& program, const Layout& layout, const RunOptions& options)
      : program_(program), layout_(layout), options_(options) {}

  // Steps up to `last` are done.
  void follow(const RunFrame& frame, std::size_t last) {
    for (; next_ <= last && next_ < program_.steps.size(); ++next_) step(frame, program_.steps[next_]);
  }
  std::vector<base::Hash> roots;  // of inputs, then of steps' outputs

 private:
  void step(const RunFrame& frame, const program::Step& step) {
    if (options_.trace)
      for (std::size_t o = 0; o < step.outputs.size(); ++o) roots.push_back(root(frame, step, o));
    if (!options_.sink) return;
    std::vector<IntTensor> copies;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const auto bytes = frame.bytes(step.first_output + o, step.outputs[o]);
      copies.push_back({step.outputs[o].dtype, step.outputs[o].shape, {bytes.begin(), bytes.end()}});
    }
    std::vector<const IntTensor*> views;
    for (const auto& copy : copies) views.push_back(&copy);
    options_.sink(next_, views);
  }
  base::Hash root(const RunFrame& frame, const program::Step& step, std::size_t o) const {
    const std::size_t value = step.first_output + o;
    const bool whole = layout_.views[value].value != value &&
                       (step.kind == program::StepKind::reshape || step.kind == program::StepKind::transpose);
    if (whole) return roots[step.operands[0].index()];
    return root_of(frame.bytes(value, step.outputs[o]));
  }

  const Program& program_;
  const Layout& layout_;
  const RunOptions& options_;
  std::size_t next_ = 0;
};

Result<std::vector<base::Hash>> roots_of_inputs(std::span<const IntTensor> inputs, const RunOptions& options) {
  if (options.input_roots.empty()) return tensor_roots(inputs);
  if (options.input_roots.size() != inputs.size())
    return fail(Code::invalid_argument, "[run] {} roots for {} inputs", options.input_roots.size(), inputs.size());
  return std::vector<base::Hash>(options.input_roots.begin(), options.input_roots.end());
}

}  // namespace

Prepared::Prepared(std::unique_ptr<State> state) : state_(std::move(state)) {}
Prepared::Prepared(Prepared&&) noexcept = default;
Prepared& Prepared::operator=(Prepared&&) noexcept = default;
Prepared::~Prepared() = default;

Result<Prepared> Prepared::make(const Program& program, const Options& options) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[run] the program's weights are hidden");
  auto state = std::make_unique<State>(program);
  state->options = options;
  Making making{program, options.isa.value_or(kernels::best_isa()), estimate_ranges(program), {}};
  state->options.isa = making.isa;
  state->nodes = options.fuse ? joined(making) : apart(making);
  state->layout = lay_out(program, state->nodes, std::move(making.views), !options.fuse);
  state->peak = peak_of_steps(program);
  state->operations = program::operation_count(program);
  return Prepared(std::move(state));
}

std::size_t Prepared::arena_bytes() const { return state_->layout.bytes; }
std::size_t Prepared::nodes() const { return state_->nodes.size(); }

Result<Run> Prepared::run(std::span<const IntTensor> inputs, const RunOptions& options) const {
  const auto start = std::chrono::steady_clock::now();
  auto& state = *state_;
  const Program& program = state.program;
  const bool trace = options.trace && options.roots;
  if (state.options.fuse && (trace || options.sink))
    return fail(Code::invalid_argument, "[run] steps are joined: no trace can be taken");
  KOINON_CHECK(check_inputs(program, inputs));
  if (state.peak > options.memory_limit)
    return fail(Code::exhausted, "[run] tensors need {} bytes at once: at most {}", state.peak, options.memory_limit);
  kernels::Buffer arena = state.take();
  RunFrame frame(program, state.layout, inputs, arena.data());
  frame.context = {options.pool, *state.options.isa};
  Tracer tracer(program, state.layout, options);
  if (options.roots) {
    KOINON_TRY(tracer.roots, roots_of_inputs(inputs, options));
  }
  Run out;
  if (options.roots) out.input_root = base::list_root(base::Domain::inputs, tracer.roots);
  const bool follow = trace || options.sink;
  std::size_t step = 0;
  std::uint64_t done = 0;
  Status failed;
  for (const auto& node : state.nodes) {
    if (options.stop.stop_requested()) {
      failed = fail(Code::cancelled, "[run] cancelled before step {}", node->last_step);
      break;
    }
    if (follow && node->last_step > 0) tracer.follow(frame, node->last_step - 1);  // views before this node
    failed = node->run(frame);
    if (!failed) break;
    if (follow) tracer.follow(frame, node->last_step);
    if (!options.progress) continue;
    for (; step <= node->last_step; ++step)
      done += program::steps::find_rule(program.steps[step].kind)->cost(program.steps[step]);
    options.progress(done, state.operations);
  }
  if (failed) {
    if (follow) tracer.follow(frame, program.steps.size());
    for (const auto& o : program.outputs) {
      const auto& info = *state.layout.infos[o.ref.index()];
      const auto bytes = frame.bytes(o.ref.index(), info);
      out.outputs.push_back({info.dtype, info.shape, {bytes.begin(), bytes.end()}});
    }
  }
  state.give_back(std::move(arena));
  KOINON_CHECK(failed);
  if (options.roots) {
    out.output_roots = tensor_roots(out.outputs);
    out.output_root = base::list_root(base::Domain::outputs, out.output_roots);
  }
  if (trace) {
    out.step_roots = std::move(tracer.roots);
    out.trace_root = trace_root(out.step_roots);
    out.witness = witness(out.step_roots);
  }
  out.peak_bytes = state.peak;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace koinon::engine::run
