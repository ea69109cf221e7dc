#include "engine/language/chain.hpp"

#include "base/tree_batch.hpp"
#include "engine/run/roots.hpp"

namespace koinon::engine::language {

using base::Hash;
using base::Result;
using base::Status;
using tensor::DType;
using tensor::IntTensor;

std::vector<IntTensor> first_state(const Model& model) {
  std::vector<IntTensor> out;
  for (std::size_t i = kFirstState; i < model.programs.decode.inputs.size(); ++i) {
    const auto& info = model.programs.decode.inputs[i].info;
    out.push_back(IntTensor::zeros(info.dtype, info.shape));
  }
  return out;
}

std::vector<IntTensor> small_inputs(std::span<const std::int64_t> tokens, std::int64_t position,
                                    const SamplingNumbers& sampling, const Hash& seed) {
  IntTensor taken = IntTensor::zeros(DType::i32, {static_cast<std::int64_t>(tokens.size())});
  for (std::size_t i = 0; i < tokens.size(); ++i) taken.set(static_cast<std::int64_t>(i), tokens[i]);
  const auto last = position + static_cast<std::int64_t>(tokens.size()) - 1;
  std::vector<IntTensor> out;
  out.push_back(std::move(taken));
  for (auto value : {position, sampling.coldness, sampling.top_k, sampling.top_p, draw(seed, last)}) {
    IntTensor one = IntTensor::zeros(DType::i32, {1});
    one.set(0, value);
    out.push_back(std::move(one));
  }
  return out;
}

Hash input_root_of(std::span<const IntTensor> small, std::span<const Hash> states) {
  auto roots = run::tensor_roots(small);
  roots.insert(roots.end(), states.begin(), states.end());
  return base::list_root(base::Domain::inputs, roots);
}

Link link_of(std::int64_t position, std::int64_t taken, const run::Run& done) {
  const auto roots = done.output_roots.empty() ? std::vector<Hash>(done.outputs.size()) : done.output_roots;
  Link link;
  link.position = position;
  link.taken = taken;
  link.token = done.outputs[kToken].at(0);
  link.logits = roots[kLogits];
  link.states.assign(roots.begin() + kFirstStateOut, roots.end());
  link.input_root = done.input_root;
  link.output_root = done.output_root;
  return link;
}

Result<const Runner::Ready*> Runner::ready(std::int64_t taken) {
  const std::lock_guard lock(mutex_);
  auto& out = taken == 1 ? decode_ : prefill_;
  if (!out.prepared) {
    const auto& program = model_.program_for(taken);
    if (auto rows = rows_of(program)) out.rows = std::make_unique<RowProgram>(*std::move(rows));
    run::Prepared::Options options;
    options.packs = packs_;
    KOINON_TRY(out.prepared, run::Prepared::make(out.rows ? out.rows->program : program, options));
  }
  return &out;
}

Result<const run::Prepared*> Runner::whole(std::int64_t taken, bool trace) {
  const std::lock_guard lock(mutex_);
  auto& out = whole_[(taken == 1 ? 0U : 1U) + (trace ? 2U : 0U)];
  if (!out) {
    run::Prepared::Options options;
    options.trace = trace;
    options.packs = packs_;
    KOINON_TRY(out, run::Prepared::make(model_.program_for(taken), options));
  }
  return &*out;
}

Result<run::Run> Runner::run(std::int64_t taken, std::span<const IntTensor> inputs, const run::RunOptions& options) {
  if (options.force_ref) return run::execute(model_.program_for(taken), inputs, options);
  KOINON_TRY(const auto* prepared, whole(taken, options.trace));
  return prepared->run(inputs, options);
}

Status Runner::warm() {
  KOINON_TRY([[maybe_unused]] const auto* decode, ready(1));
  if (model_.programs.chunk > 1) {
    KOINON_TRY([[maybe_unused]] const auto* prefill, ready(model_.programs.chunk));
  }
  return {};
}

std::size_t Runner::own_bytes() {
  const std::lock_guard lock(mutex_);
  std::size_t out = 0;
  for (const auto* one : {&decode_, &prefill_}) {
    if (one->prepared) out += one->prepared->own_bytes() + one->prepared->arena_bytes();
    if (one->rows)
      for (const auto* list : {&one->rows->program.weights, &one->rows->program.tables})
        for (const auto& constant : *list) out += constant.data.size();
  }
  for (const auto& one : whole_)
    if (one) out += one->own_bytes() + one->arena_bytes();
  return out;
}

Chain::Chain(const Model& model, run::RunOptions options, std::shared_ptr<Runner> runner)
    : runner_(runner ? std::move(runner) : std::make_shared<Runner>(model)),
      options_(std::move(options)),
      state_(first_state(model)),
      trees_(state_) {
  if (options_.roots) roots_ = trees_.roots(state_);
}

Result<Chain::Step> Chain::advance(std::span<const std::int64_t> tokens, std::int64_t position, const SamplingNumbers& sampling,
                                   const Hash& seed) {
  auto small = small_inputs(tokens, position, sampling, seed);
  Link link;
  link.position = position;
  link.taken = static_cast<std::int64_t>(tokens.size());
  if (options_.trace || options_.force_ref) return advance_whole(link.taken, std::move(small), std::move(link));
  KOINON_TRY(const auto* ready, runner_->ready(link.taken));
  if (!ready->rows) return advance_whole(link.taken, std::move(small), std::move(link));
  return advance_rows(*ready, std::move(small), std::move(link));
}

/// A run leaves its inputs as they were, whether it fails or not.
void Chain::take_back(std::vector<IntTensor>& inputs) {
  for (std::size_t i = 0; i < state_.size(); ++i) state_[i] = std::move(inputs[kFirstState + i]);
}

Result<Chain::Step> Chain::advance_whole(std::int64_t taken, std::vector<IntTensor> inputs, Link link) {
  auto options = options_;
  std::vector<Hash> roots;
  if (options.roots) {
    roots = run::tensor_roots(inputs);
    roots.insert(roots.end(), roots_.begin(), roots_.end());
    options.input_roots = roots;
  }
  for (auto& tensor : state_) inputs.push_back(std::move(tensor));
  auto done = runner_->run(taken, inputs, options);
  take_back(inputs);
  if (!done) return base::fail(std::move(done).error());
  Step out{link_of(link.position, taken, *done), std::move(done->outputs[kLogits]), done->trace_root};
  for (std::size_t i = 0; i < state_.size(); ++i) state_[i] = std::move(done->outputs[kFirstStateOut + i]);
  if (options.roots) roots_ = out.link.states;
  return out;
}

// The roots of what a run takes and gives beside the state, hashed together. Sampling numbers stay the same from run to run.
void Chain::bind(std::span<const IntTensor> small, std::span<const IntTensor> outputs, Link& link) {
  base::TreeBatch batch(base::Domain::tensor);
  const std::array varying{kTokens, kPosition, kDraw};
  for (auto i : varying) batch.add(small[i].bytes);
  for (const auto& output : outputs) batch.add(output.bytes);
  const std::array<std::int64_t, 3> sampling{small[kColdness].at(0), small[kTopK].at(0), small[kTopP].at(0)};
  if (sampling != sampling_) {
    for (auto i : {kColdness, kTopK, kTopP}) sampling_roots_[i - kColdness] = tensor::tensor_root(small[i]);
    sampling_ = sampling;
  }
  const auto roots = batch.roots();
  std::vector<Hash> in{roots[0], roots[1], sampling_roots_[0], sampling_roots_[1], sampling_roots_[2], roots[2]};
  in.insert(in.end(), roots_.begin(), roots_.end());
  link.input_root = base::list_root(base::Domain::inputs, in);
  roots_ = trees_.roots(state_);
  link.logits = roots[varying.size() + kLogits];
  std::vector<Hash> out(roots.begin() + varying.size(), roots.end());
  out.insert(out.end(), roots_.begin(), roots_.end());
  link.output_root = base::list_root(base::Domain::outputs, out);
  link.states = roots_;
}

Result<Chain::Step> Chain::advance_rows(const Runner::Ready& ready, std::vector<IntTensor> inputs, Link link) {
  auto options = options_;
  options.roots = false;  // of a program that nobody knows
  for (auto& tensor : state_) inputs.push_back(std::move(tensor));
  auto done = ready.prepared->run(inputs, options);
  take_back(inputs);
  if (!done) return base::fail(std::move(done).error());
  for (std::size_t i = 0; i < state_.size(); ++i)
    ready.rows->growth[i].apply(done->outputs, state_[i], [&](std::uint64_t first, std::uint64_t count) {
      if (options_.roots) trees_.touch(i, first, count);
    });
  link.token = done->outputs[kToken].at(0);
  link.states.resize(state_.size());
  if (options_.roots) bind(std::span(inputs).first(kFirstState), std::span(done->outputs).first(kFirstStateOut), link);
  return Step{std::move(link), std::move(done->outputs[kLogits]), {}};
}

}  // namespace koinon::engine::language
