#include "engine/language/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/math/math.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using program::Builder;
using program::DType;
using program::IntTensor;
using program::Ref;

constexpr std::int64_t kReach = 14 << kLogitBits;  // e^-14 is less than one unit of 2^-20
constexpr int kWeightBits = 20;

std::int64_t weight_at(std::int64_t distance) {
  const double x = static_cast<double>(distance) / static_cast<double>(1 << kLogitBits);
  return static_cast<std::int64_t>(std::floor(math::exp(-x) * static_cast<double>(1 << kWeightBits) + 0.5));
}

Ref scalar(Builder& b, DType type, std::int64_t value) {
  IntTensor data = IntTensor::zeros(type, {});
  data.set(0, value);
  return b.weight(std::move(data));
}

/// The last element of a vector, as [1].
Ref last(Builder& b, Ref x, std::int64_t size) { return b.slice(x, {size - 1}, {1}, {1}); }

}  // namespace

base::Result<SamplingNumbers> numbers_of(const Sampling& sampling, std::int64_t candidates) {
  SamplingNumbers out;
  if (sampling.temperature == 0) return out;
  const double t = sampling.temperature;
  if (!(t >= 1.0 / 256 && t <= 256)) return fail(Code::invalid_argument, "[sampling] temperature {}: 0, or 1/256 to 256", t);
  if (sampling.top_k < 0 || sampling.top_k > candidates)
    return fail(Code::invalid_argument, "[sampling] top-k {}: 0 to {}, the candidates that this model considers",
                sampling.top_k, candidates);
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    return fail(Code::invalid_argument, "[sampling] top-p {}: above 0 and at most 1", sampling.top_p);
  out.coldness = std::clamp(static_cast<std::int64_t>(std::floor(static_cast<double>(kColdnessOne) / t + 0.5)), kColdnessLeast,
                            kColdnessMost);
  out.top_k = sampling.top_k == 0 ? candidates : sampling.top_k;
  out.top_p =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(sampling.top_p * static_cast<double>(kShareOne) + 0.5)));
  return out;
}

std::int64_t draw(const base::Hash& seed, std::int64_t position) {
  const auto hash =
      base::keccak256({base::as_bytes("koinon.sample"), seed.view(), base::be64(static_cast<std::uint64_t>(position))});
  return std::int64_t{hash.bytes[0]} << 16 | std::int64_t{hash.bytes[1]} << 8 | std::int64_t{hash.bytes[2]};
}

Ref add_sampling(Builder& b, Ref logits, std::int64_t vocabulary, std::int64_t candidates, const SamplingInputs& inputs) {
  const auto n = std::min(vocabulary, candidates);
  const auto [values, tokens] = b.topk(logits, 0, n);
  const Ref best = b.slice(values, {0}, {1}, {1});
  const Ref below = b.sub(best, values);
  const Ref scaled = b.mul(below, inputs.coldness, DType::i64);
  // Rounded to units of 2^-12 and clamped: (x * 2 + 2^12) >> 13.
  const Ref two = scalar(b, DType::i16, 2);
  const Ref places = scalar(b, DType::i8, kLogitBits + 1);
  const Ref distance = b.requantise(scaled, two, places, 0, kReach, DType::i32);
  IntTensor table = IntTensor::zeros(DType::i32, {kReach + 1});
  for (std::int64_t i = 0; i <= kReach; ++i) table.set(i, weight_at(i));
  const Ref exponentials = b.lookup(distance, b.table(std::move(table)), 0);
  IntTensor ranks = IntTensor::zeros(DType::i32, {n});
  for (std::int64_t i = 0; i < n; ++i) ranks.set(i, i);
  const Ref rank = b.weight(std::move(ranks));
  const Ref first_k = b.mul(exponentials, b.compare(rank, inputs.top_k, program::CompareOp::less), DType::i32);
  // Kept while what comes before is less than top_p of all.
  const Ref running = b.prefix_sum(first_k, 0, DType::i64);
  const Ref before = b.shift(b.sub(running, first_k, DType::i64), 16, DType::i64);
  const Ref share = b.mul(last(b, running, n), inputs.top_p, DType::i64);
  const Ref kept = b.mul(first_k, b.compare(before, share, program::CompareOp::less), DType::i32);
  const Ref sums = b.prefix_sum(kept, 0, DType::i64);
  const Ref aim = b.shift(b.mul(last(b, sums, n), inputs.draw, DType::i64), -kDrawBits, DType::i64);
  const Ref passed = b.compare(sums, aim, program::CompareOp::less_equal);
  const Ref count = b.reduce(passed, program::ReduceParams::axes(program::ReduceOp::sum, {n}, {0}), DType::i32);
  const Ref one = scalar(b, DType::i8, 1);
  const Ref chosen = b.requantise(count, two, one, 0, n - 1, DType::i32);
  return b.gather(tokens, chosen, 0);
}

std::vector<std::int64_t> sampling_weights(const std::vector<std::int64_t>& logits, std::int64_t candidates,
                                           const SamplingNumbers& numbers) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order,
                    [&](std::size_t a, std::size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const auto count = std::min({static_cast<std::int64_t>(order.size()), candidates, numbers.top_k});
  order.resize(static_cast<std::size_t>(count));
  std::vector<std::int64_t> out(logits.size(), 0);
  std::int64_t total = 0, before = 0;
  for (auto i : order) {
    const auto scaled = (logits[order[0]] - logits[i]) * numbers.coldness;
    out[i] = weight_at(std::min(kReach, (scaled + kColdnessOne / 2) >> kLogitBits));
    total += out[i];
  }
  for (auto i : order) {
    const auto weight = out[i];
    if (before * kShareOne >= total * numbers.top_p) out[i] = 0;
    before += weight;
  }
  return out;
}

}  // namespace koinon::engine::language
