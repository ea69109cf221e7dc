#include "engine/run/prepared.hpp"

#include <chrono>
#include <mutex>

#include "engine/kernels/buffer.hpp"
#include "engine/program/steps/rule.hpp"
#include "engine/run/check.hpp"
#include "engine/run/join.hpp"
#include "engine/run/ranges.hpp"
#include "engine/run/tracer.hpp"

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
  Options made;  // with an instruction set
  std::vector<NodePtr> nodes;
  Layout layout;
  std::optional<Followers> followers;  // after layout is made
  std::uint64_t peak = 0;              // of live tensors, step by step
  std::uint64_t operations = 0;

  std::mutex mutex;
  std::vector<kernels::Buffer> spare;  // guarded by mutex

  Result<Run> run(const RunFrame& frame, std::size_t inputs, const RunOptions& options) const;
  // `tracer` null for no trace.
  Status run_nodes(const RunFrame& frame, Tracer* tracer, const RunOptions& options) const;

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

// Shows the sink the outputs of steps in order.
class Teller {
 public:
  Teller(const Program& program, const RunOptions& options) : program_(program), options_(options) {}

  // Steps up to `last` are done.
  void follow(const RunFrame& frame, std::size_t last) {
    if (!options_.sink) return;
    for (; next_ <= last && next_ < program_.steps.size(); ++next_) step(frame, program_.steps[next_]);
  }

 private:
  void step(const RunFrame& frame, const program::Step& step) {
    std::vector<IntTensor> copies;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const auto bytes = frame.bytes(step.first_output + o);
      copies.push_back({step.outputs[o].dtype, step.outputs[o].shape, {bytes.begin(), bytes.end()}});
    }
    std::vector<const IntTensor*> views;
    for (const auto& copy : copies) views.push_back(&copy);
    options_.sink(next_, views);
  }

  const Program& program_;
  const RunOptions& options_;
  std::size_t next_ = 0;
};

}  // namespace

Prepared::Prepared(std::unique_ptr<State> state) : state_(std::move(state)) {}
Prepared::Prepared(Prepared&&) noexcept = default;
Prepared& Prepared::operator=(Prepared&&) noexcept = default;
Prepared::~Prepared() = default;

Result<Prepared> Prepared::make(const Program& program, const Options& options) {
  if (!program.has_weights()) return fail(Code::invalid_argument, "[run] the program's weights are hidden");
  auto state = std::make_unique<State>(program);
  state->made = options;
  Making making{program,      options.isa.value_or(kernels::best_isa()), estimate_ranges(program), {}, options.packs.get(),
                options.trace};
  state->made.isa = making.isa;
  state->nodes = options.fuse ? joined(making) : apart(making);
  state->layout = lay_out(program, state->nodes, std::move(making.views), !options.fuse);
  state->followers.emplace(program, state->layout);
  state->peak = peak_of_steps(program);
  state->operations = program::operation_count(program);
  return Prepared(std::move(state));
}

std::size_t Prepared::arena_bytes() const { return state_->layout.bytes; }
std::size_t Prepared::own_bytes() const {
  std::size_t out = 0;
  for (const auto& node : state_->nodes) out += node->own_bytes;
  return out;
}
std::size_t Prepared::nodes() const { return state_->nodes.size(); }

Result<Run> Prepared::run(std::span<const IntTensor> inputs, const RunOptions& options) const {
  const auto start = std::chrono::steady_clock::now();
  auto& state = *state_;
  const bool trace = options.trace && options.roots;
  if (state.made.fuse && (options.sink || (trace && !state.made.trace)))
    return fail(Code::invalid_argument, "[run] steps are joined: no trace can be taken");
  KOINON_CHECK(check_inputs(state.program, inputs));
  if (state.peak > options.memory_limit)
    return fail(Code::exhausted, "[run] tensors need {} bytes at once: at most {}", state.peak, options.memory_limit);
  if (options.roots && !options.input_roots.empty() && options.input_roots.size() != inputs.size())
    return fail(Code::invalid_argument, "[run] {} roots for {} inputs", options.input_roots.size(), inputs.size());
  kernels::Buffer arena = state.take();
  RunFrame frame(state.program, state.layout, inputs, arena.data());
  frame.context = {options.pool, *state.made.isa};
  auto out = state.run(frame, inputs.size(), options);
  state.give_back(std::move(arena));
  KOINON_CHECK(out);
  out->peak_bytes = state.peak;
  out->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

Result<Run> Prepared::State::run(const RunFrame& frame, std::size_t inputs, const RunOptions& options) const {
  const bool trace = options.trace && options.roots;
  std::optional<Tracer> tracer;
  if (options.roots) tracer.emplace(frame, *followers, layout.views.size(), options.pool);
  for (std::size_t i = 0; options.roots && i < inputs; ++i) {
    options.input_roots.empty() ? tracer->add(i) : tracer->know(i, options.input_roots[i]);
    if (trace) tracer->follow(i);
  }
  KOINON_CHECK(run_nodes(frame, trace ? &*tracer : nullptr, options));
  Run out;
  for (const auto& o : program.outputs) {
    const auto& info = *layout.infos[o.ref.index()];
    const auto bytes = frame.bytes(o.ref.index());
    out.outputs.push_back({info.dtype, info.shape, {bytes.begin(), bytes.end()}});
    if (options.roots) tracer->want(o.ref.index());
  }
  if (!options.roots) return out;
  auto roots = tracer->roots();
  for (const auto& o : program.outputs) out.output_roots.push_back(roots[o.ref.index()]);
  out.output_root = base::list_root(base::Domain::outputs, out.output_roots);
  const auto first = roots.begin();
  out.input_root = base::list_root(base::Domain::inputs, {first, first + static_cast<std::ptrdiff_t>(inputs)});
  if (!trace) return out;
  out.step_roots = std::move(roots);
  out.trace_root = trace_root(out.step_roots);
  out.witness = witness(out.step_roots);
  return out;
}

Status Prepared::State::run_nodes(const RunFrame& frame, Tracer* tracer, const RunOptions& options) const {
  Teller teller(program, options);
  std::size_t step = 0;
  std::uint64_t done = 0;
  for (const auto& node : nodes) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[run] cancelled before step {}", node->last_step);
    if (node->last_step > 0) teller.follow(frame, node->last_step - 1);  // views before this node
    KOINON_CHECK(node->run(frame));
    teller.follow(frame, node->last_step);
    for (std::size_t i = 0; tracer != nullptr && i < node->writes.size(); ++i) tracer->made(node->writes[i]);
    if (!options.progress) continue;
    for (; step <= node->last_step; ++step)
      done += program::steps::find_rule(program.steps[step].kind)->cost(program.steps[step]);
    options.progress(done, operations);
  }
  teller.follow(frame, program.steps.size());
  return {};
}

}  // namespace koinon::engine::run
