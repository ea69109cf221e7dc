#include "work/training/training.hpp"

#include <chrono>
#include <cstring>

#include "base/log.hpp"
#include "base/merkle.hpp"
#include "engine/train/recipe/export_net.hpp"
#include "engine/train/recipe/run.hpp"
#include "work/parcel.hpp"

namespace koinon::work {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using base::Status;
using engine::train::DataSet;
using engine::train::Recipe;
using engine::train::Run;
using Clock = std::chrono::steady_clock;

constexpr double kKeepSeconds = 5;                               ///< between own checkpoints
constexpr std::uint64_t kSecondOfWork = std::uint64_t{1} << 31;  ///< a slow machine does as much in a second

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// What the buyer sent wrong is `rejected`.
template <class T>
Result<T> of_buyer(Result<T> result) {
  if (result) return result;
  return fail(Code::rejected, "[training] {}", result.error().text);
}

/// A run with all that it borrows.
struct Work {
  Recipe recipe;
  DataSet data;
  std::unique_ptr<Run> run;
  std::uint64_t from = 0, until = 0;
  Hash begin;                ///< state root at `from`
  std::vector<Hash> states;  ///< after each step since
};

Result<Recipe> recipe_of(const Job& job) {
  if (const auto id = base::keccak256(job.artifact); id != job.spec)
    return fail(Code::rejected, "[training] the artifact is recipe {}: {} was ordered", base::to_hex(id),
                base::to_hex(job.spec));
  KOINON_TRY(auto recipe, of_buyer(engine::train::read_recipe(job.artifact, "recipe", {})));
  recipe.most_elements = Training::kMaxElements;
  recipe.most_folded = Training::kMaxFolded;
  const std::size_t least = recipe.onnx.empty() ? 1 : 2;
  if (job.inputs.size() != least && job.inputs.size() != least + 1)
    return fail(Code::rejected, "[training] {} inputs: {} expected, the data{}, and one more to go on from a checkpoint",
                job.inputs.size(), least, least == 2 ? " and the model" : "");
  if (least == 2 && job.inputs[1].empty()) return fail(Code::rejected, "[training] the model is empty");
  return recipe;
}

/// Errors: rejected, with the figures.
Status check_steps(const Work& work) {
  const auto& run = *work.run;
  if (work.until <= work.from || work.until > run.steps())
    return fail(Code::rejected, "[training] steps {} to {} of {}: nothing to do", work.from, work.until, run.steps());
  return {};
}

/// That it is not too much for one order. Errors: as check_steps.
Status check_size(const Work& work) {
  const auto& run = *work.run;
  const auto steps = work.until - work.from;
  if (steps > Training::kMaxSteps)
    return fail(Code::rejected, "[training] {} steps: at most {} in one order", steps, Training::kMaxSteps);
  const auto each = run.work_of_step();
  if (each > Training::kMaxWork / steps)
    return fail(Code::rejected,
                "[training] {} steps of {} million multiply-adds: one order takes at most {} of such steps; until = {} ends "
                "it there, and the next goes on from its checkpoint",
                steps, each / 1'000'000, Training::kMaxWork / each, work.from + Training::kMaxWork / each);
  return {};
}

/// Everything before the first step. Nothing larger than the limits is allocated.
Result<std::unique_ptr<Work>> prepare(const Job& job, const Means& means) {
  auto out = std::make_unique<Work>();
  KOINON_TRY(out->recipe, recipe_of(job));
  KOINON_TRY(out->data, of_buyer(engine::train::decode_data(job.inputs[0])));
  const std::size_t least = out->recipe.onnx.empty() ? 1 : 2;
  const auto model = least == 2 ? ByteView(job.inputs[1]) : ByteView();
  KOINON_TRY(out->run, of_buyer(Run::make(out->recipe, out->data, {means.pool, engine::kernels::best_isa()}, model)));
  auto& run = *out->run;
  if (job.inputs.size() > least)
    if (const auto gone_on = run.restore(job.inputs[least]); !gone_on)
      return fail(Code::rejected, "[training] {}", gone_on.error().text);
  out->from = run.done();
  out->until = out->recipe.until > 0 ? out->recipe.until : run.steps();
  KOINON_CHECK(check_steps(*out));
  out->begin = run.state();
  return out;
}

// What a provider keeps of a run that is under way: u64 states | 32 bytes each | the run's checkpoint | keccak256 of all
// before.

Bytes kept_of(const Work& work) {
  const auto count = base::be64(work.states.size());
  Bytes out(count.begin(), count.end());
  for (const auto& state : work.states) out.insert(out.end(), state.bytes.begin(), state.bytes.end());
  const auto checkpoint = work.run->checkpoint();
  out.insert(out.end(), checkpoint.begin(), checkpoint.end());
  const auto seal = base::keccak256(out);
  out.insert(out.end(), seal.bytes.begin(), seal.bytes.end());
  return out;
}

/// Goes on from what was kept, where it is of this run; otherwise the run begins anew.
void resume(Work& work, Checkpoints* checkpoints) {
  const auto kept = checkpoints == nullptr ? std::nullopt : checkpoints->last();
  if (!kept || kept->size() < 8 + Hash::kSize) return;
  const auto bytes = ByteView(*kept).first(kept->size() - Hash::kSize);
  if (base::keccak256(bytes) != base::fixed<32>(ByteView(*kept).last(Hash::kSize))) return;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < 8; ++i) count = count << 8 | bytes[i];
  if (count == 0 || count > work.until - work.from || (bytes.size() - 8) / Hash::kSize < count) return;
  std::vector<Hash> states;
  for (std::uint64_t i = 0; i < count; ++i)
    states.push_back(base::fixed<32>(bytes.subspan(8 + static_cast<std::size_t>(i) * Hash::kSize, Hash::kSize)));
  const auto back = work.run->checkpoint();
  const auto restored = work.run->restore(bytes.subspan(8 + static_cast<std::size_t>(count) * Hash::kSize));
  if (restored && work.run->done() == work.from + count && work.run->state() == states.back()) {
    work.states = std::move(states);
    base::log_info("training goes on at step {} of {}", work.run->done(), work.run->steps());
  } else if (restored) {
    (void)work.run->restore(back);  // our own bytes from a moment ago
  }
}

/// Trains to the order's end.
Status train(Work& work, const Means& means, engine::train::Tap* tap) {
  auto& run = *work.run;
  auto kept = Clock::now();
  while (run.done() < work.until) {
    if (means.stop.stop_requested()) return fail(Code::cancelled, "[training] stopped after step {}", run.done());
    KOINON_TRY([[maybe_unused]] const float loss, of_buyer(run.step(tap)));
    work.states.push_back(run.state());
    if (means.progress) means.progress(run.done() - work.from, work.until - work.from);
    // None at the end: the gradients that the claim binds are in no checkpoint.
    if (means.checkpoints == nullptr || run.done() == work.until) continue;
    const auto every = work.recipe.checkpoint_every;
    if (since(kept) < kKeepSeconds && (every == 0 || run.done() % every != 0)) continue;
    if (const auto ok = means.checkpoints->keep(kept_of(work)); !ok)
      base::log_warn("[training] no checkpoint at step {}: {}", run.done(), ok.error().text);
    kept = Clock::now();
  }
  return {};
}

Bytes bytes_of(const std::vector<float>& values, std::size_t from) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(values.data() + from);
  return {at, at + (values.size() - from) * sizeof(float)};
}

Outcome outcome_of(const Work& work) {
  const auto& run = *work.run;
  Outcome out;
  Bytes states;
  for (const auto& state : work.states) states.insert(states.end(), state.bytes.begin(), state.bytes.end());
  out.outputs = {engine::train::export_net(run.net(), "trained"), bytes_of(run.losses(), static_cast<std::size_t>(work.from)),
                 std::move(states)};
  if (work.until < run.steps()) out.outputs.push_back(run.checkpoint());
  std::vector<Hash> trace = {work.data.root(), run.commitment(), work.begin};
  trace.insert(trace.end(), work.states.begin(), work.states.end());
  trace.push_back(run.gradients_root());
  Bytes secret;
  for (const auto& root : trace) secret.insert(secret.end(), root.bytes.begin(), root.bytes.end());
  out.roots = {outputs_root(out.outputs), base::list_root(base::Domain::trace, trace),
               base::keccak256({base::as_bytes("koinon.witness"), secret})};
  out.meter.steps = work.until - work.from;
  for (const auto& part : out.outputs) out.meter.output_bytes += part.size();
  return out;
}

}  // namespace

Result<Outcome> Training::run(const Job& job, const Means& means) const {
  const auto begin = Clock::now();
  KOINON_TRY(const auto work, prepare(job, means));
  KOINON_CHECK(check_size(*work));
  resume(*work, means.checkpoints);
  KOINON_CHECK(train(*work, means, tap_.get()));
  auto out = outcome_of(*work);
  out.meter.seconds = since(begin);
  return out;
}

Result<TrainingPlan> Training::plan(const Job& job, const Means& means) const {
  KOINON_TRY(const auto work, prepare(job, means));
  auto& run = *work->run;
  TrainingPlan out;
  out.parameters = static_cast<std::uint64_t>(run.net().graph.parameter_count());
  out.samples = work->data.count;
  out.steps = run.steps();
  out.from = work->from;
  out.until = work->until;
  out.step_work = run.work_of_step();
  if (out.step_work > kSecondOfWork) return out;
  constexpr std::uint64_t kMeasured = 4;  // after a first one, which lays out memory
  const auto count = std::min(kMeasured, work->until - work->from - 1);
  KOINON_TRY([[maybe_unused]] const float first, of_buyer(run.step()));
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < count && !means.stop.stop_requested(); ++i) {
    KOINON_TRY([[maybe_unused]] const float loss, of_buyer(run.step()));
    (void)run.state();
  }
  out.step_seconds = count == 0 ? 0 : since(begin) / static_cast<double>(count);
  return out;
}

Result<TrainingResult> TrainingResult::read(const std::vector<Bytes>& outputs) {
  if (outputs.size() < 3 || outputs.size() > 4 || outputs[1].size() % sizeof(float) != 0 ||
      outputs[2].size() != outputs[1].size() / sizeof(float) * Hash::kSize)
    return fail(Code::malformed, "[training] {} outputs: a model, losses and as many state roots expected", outputs.size());
  TrainingResult out;
  out.onnx = outputs[0];
  out.losses.resize(outputs[1].size() / sizeof(float));
  if (!out.losses.empty()) std::memcpy(out.losses.data(), outputs[1].data(), outputs[1].size());
  for (std::size_t at = 0; at < outputs[2].size(); at += Hash::kSize)
    out.states.push_back(base::fixed<32>(ByteView(outputs[2]).subspan(at, Hash::kSize)));
  if (outputs.size() == 4) out.checkpoint = outputs[3];
  return out;
}

}  // namespace koinon::work
