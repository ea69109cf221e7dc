#include "work/training/training.hpp"

#include <algorithm>
#include <chrono>

#include "base/merkle.hpp"
#include "engine/train/recipe/export_net.hpp"
#include "engine/train/recipe/run.hpp"
#include "work/parcel.hpp"

namespace koinon::work {
namespace {

using base::Bytes;
using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using engine::train::DataSet;
using engine::train::Recipe;
using engine::train::Run;

/// What the buyer sent wrong is `rejected`.
template <class T>
Result<T> of_buyer(Result<T> result) {
  if (result) return result;
  return fail(Code::rejected, "[training] {}", result.error().text);
}

Result<Recipe> recipe_of(const Job& job) {
  if (const auto id = base::keccak256(job.artifact); id != job.spec)
    return fail(Code::rejected, "[training] the artifact is recipe {}: {} was ordered", base::to_hex(id),
                base::to_hex(job.spec));
  KOINON_TRY(auto recipe, of_buyer(engine::train::read_recipe(job.artifact, "recipe", {})));
  const std::size_t wanted = recipe.onnx.empty() ? 1 : 2;
  if (job.inputs.size() != wanted)
    return fail(Code::rejected, "[training] {} inputs: {} expected, the data{}", job.inputs.size(), wanted,
                wanted == 2 ? " and the model" : "");
  if (wanted == 2 && job.inputs[1].empty()) return fail(Code::rejected, "[training] the model is empty");
  return recipe;
}

Bytes floats(const std::vector<float>& values) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(values.data());
  return {from, from + values.size() * sizeof(float)};
}

/// Trains to the end; the state root after each step.
Result<std::vector<Hash>> train(Run& run, const Means& means) {
  std::vector<Hash> roots;
  while (run.done() < run.steps()) {
    if (means.stop.stop_requested()) return fail(Code::cancelled, "[training] stopped after step {}", run.done());
    KOINON_TRY([[maybe_unused]] const float loss, of_buyer(run.step()));
    roots.push_back(run.state());
    if (means.progress) means.progress(run.done(), run.steps());
  }
  return roots;
}

}  // namespace

Result<Outcome> Training::run(const Job& job, const Means& means) const {
  const auto begin = std::chrono::steady_clock::now();
  KOINON_TRY(const auto recipe, recipe_of(job));
  KOINON_TRY(const auto data, of_buyer(engine::train::decode_data(job.inputs[0])));
  const auto model = job.inputs.size() > 1 ? base::ByteView(job.inputs[1]) : base::ByteView();
  KOINON_TRY(const auto run, of_buyer(Run::make(recipe, data, {means.pool, engine::kernels::best_isa()}, model)));
  if (run->steps() > kMaxSteps) return fail(Code::rejected, "[training] {} steps: at most {}", run->steps(), kMaxSteps);
  KOINON_TRY(const auto states, train(*run, means));

  Outcome out;
  Bytes roots;
  for (const auto& state : states) roots.insert(roots.end(), state.bytes.begin(), state.bytes.end());
  out.outputs = {engine::train::export_net(run->net(), "trained"), floats(run->losses()), roots};
  std::vector<Hash> trace = {data.root(), run->commitment()};
  trace.insert(trace.end(), states.begin(), states.end());
  trace.push_back(base::keccak256(run->checkpoint()));
  Bytes secret;
  for (const auto& root : trace) secret.insert(secret.end(), root.bytes.begin(), root.bytes.end());
  out.roots = {outputs_root(out.outputs), base::list_root(base::Domain::trace, trace),
               base::keccak256({base::as_bytes("koinon.witness"), secret})};
  out.meter.steps = run->steps();
  for (const auto& part : out.outputs) out.meter.output_bytes += part.size();
  out.meter.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

std::optional<std::uint64_t> first_divergent_step(base::ByteView a, base::ByteView b) {
  const auto common = std::min(a.size(), b.size()) / Hash::kSize;
  for (std::size_t step = 0; step < common; ++step)
    if (base::fixed<32>(a.subspan(step * Hash::kSize, Hash::kSize)) !=
        base::fixed<32>(b.subspan(step * Hash::kSize, Hash::kSize)))
      return step;
  if (a.size() == b.size()) return std::nullopt;
  return common;
}

}  // namespace koinon::work
