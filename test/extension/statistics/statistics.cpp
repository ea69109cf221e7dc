#include "test/extension/statistics/statistics.hpp"

#include <algorithm>
#include <chrono>

#include "base/codec.hpp"
#include "base/merkle.hpp"
#include "work/parcel.hpp"

namespace koinon::test::extension {
namespace {

using base::Bytes;
using base::Code;
using base::Domain;
using base::fail;
using base::Hash;
using base::Result;
using Samples = std::vector<std::int16_t>;

template <class List>
Bytes packed(const List& numbers) {
  base::Writer out;
  for (const auto number : numbers) out.number(number);
  return std::move(out).take();
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

/// Precondition of this and the following: `sorted` is not empty.
std::vector<std::int64_t> moments(const Samples& sorted) {
  const auto n = static_cast<std::int64_t>(sorted.size());
  std::int64_t sum = 0;
  std::int64_t squares = 0;
  for (const std::int64_t x : sorted) {
    sum += x;
    squares += x * x;
  }
  return {n, sorted.front(), sorted.back(), sum, squares, floor_divide(sum, n), (n * squares - sum * sum) / (n * n)};
}

std::vector<std::uint32_t> histogram(const Samples& sorted, const Recipe& recipe) {
  std::vector<std::uint32_t> out(recipe.bins + std::size_t{2});
  const std::int64_t width = recipe.high - recipe.low;
  for (const std::int64_t x : sorted) {
    const auto bin = x >= recipe.high ? std::int64_t{recipe.bins} : (x - recipe.low) * recipe.bins / width;
    ++out[x < recipe.low ? 0 : static_cast<std::size_t>(bin) + 1];
  }
  return out;
}

Samples quantiles(const Samples& sorted, const Recipe& recipe) {
  Samples out;
  for (const std::size_t q : recipe.quantiles) {
    const auto rank = (q * sorted.size() + 9'999) / 10'000;  // nearest rank: the smallest sample with q of all at or below it
    out.push_back(sorted[rank == 0 ? 0 : rank - 1]);
  }
  return out;
}

/// What a member claims, from the input and what every stage gave.
trust::Roots roots_of(const Bytes& input, const std::vector<Bytes>& stages, const std::vector<Bytes>& outputs) {
  std::vector<Hash> each{base::byte_tree_root(Domain::tensor, input)};
  for (const auto& stage : stages) each.push_back(base::byte_tree_root(Domain::tensor, stage));
  Bytes secret;
  for (const auto& root : each) secret.insert(secret.end(), root.bytes.begin(), root.bytes.end());
  return {work::outputs_root(outputs), base::list_root(Domain::trace, each),
          base::keccak256({base::as_bytes("koinon.witness"), secret})};
}

Result<Recipe> recipe_of(const work::Job& job) {
  if (const auto id = base::keccak256(job.artifact); id != job.spec)
    return fail(Code::rejected, "[statistics] the artifact is recipe {}: {} was ordered", base::to_hex(id),
                base::to_hex(job.spec));
  auto recipe = Recipe::decode(job.artifact);
  if (!recipe) return fail(Code::rejected, "[statistics] {}", recipe.error().text);
  return recipe;
}

Result<Samples> samples_of(const work::Job& job) {
  if (job.inputs.size() != 1) return fail(Code::rejected, "[statistics] {} inputs: 1 expected", job.inputs.size());
  auto samples = decode_samples(job.inputs[0]);
  if (!samples) return fail(Code::rejected, "[statistics] {}", samples.error().text);
  return samples;
}

}  // namespace

Result<work::Outcome> Statistics::run(const work::Job& job, const work::Means& means) const {
  const auto begin = std::chrono::steady_clock::now();
  KOINON_TRY(const auto recipe, recipe_of(job));
  KOINON_TRY(auto samples, samples_of(job));
  constexpr std::uint64_t kStages = 4;
  std::vector<Bytes> stages;
  const auto finish = [&](Bytes stage) -> base::Status {
    stages.push_back(std::move(stage));
    if (means.progress) means.progress(stages.size(), kStages);
    if (means.stop.stop_requested()) return fail(Code::cancelled, "[statistics] stopped after stage {}", stages.size());
    return {};
  };
  std::ranges::sort(samples);
  KOINON_CHECK(finish(packed(samples)));
  KOINON_CHECK(finish(packed(moments(samples))));
  KOINON_CHECK(finish(packed(histogram(samples, recipe))));
  KOINON_CHECK(finish(packed(quantiles(samples, recipe))));
  work::Outcome out;
  out.outputs = {stages[1], stages[2], stages[3]};
  out.roots = roots_of(job.inputs[0], stages, out.outputs);
  out.meter.steps = kStages * samples.size();
  for (const auto& part : out.outputs) out.meter.output_bytes += part.size();
  out.meter.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace koinon::test::extension
