#include "engine/language/sampling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "engine/run/execute.hpp"

namespace koinon::engine::language {
namespace {

using program::DType;
using program::IntTensor;
using Logits = std::vector<std::int64_t>;

/// The steps of sampling alone, as a program of logits.
program::Program sampler(std::int64_t vocabulary, std::int64_t candidates) {
  program::Builder b;
  const auto input = [&](const char* name, std::int64_t n, std::int64_t low, std::int64_t high) {
    return b.input(name, {DType::i32, {n}}, program::Scale{}, low, high);
  };
  const auto logits = input("logits", vocabulary, -kLogitLimit, kLogitLimit);
  SamplingInputs in;
  in.coldness = input("coldness", 1, kColdnessLeast, kColdnessMost);
  in.top_k = input("top_k", 1, 1, candidates);
  in.top_p = input("top_p", 1, 1, kShareOne);
  in.draw = input("draw", 1, 0, (1 << kDrawBits) - 1);
  b.output("token", add_sampling(b, logits, vocabulary, candidates, in), program::Scale{});
  return b.finish({"sampler", "", "", ""}).value();
}

std::int64_t choose(const program::Program& program, const Logits& logits, const SamplingNumbers& n, std::int64_t draw) {
  std::vector<IntTensor> inputs{IntTensor::zeros(DType::i32, {static_cast<std::int64_t>(logits.size())})};
  for (std::size_t i = 0; i < logits.size(); ++i) inputs[0].set(static_cast<std::int64_t>(i), logits[i]);
  for (auto v : {n.coldness, n.top_k, n.top_p, draw}) {
    inputs.push_back(IntTensor::zeros(DType::i32, {1}));
    inputs.back().set(0, v);
  }
  run::RunOptions options;
  options.trace = false;
  return run::execute(program, inputs, options).value().outputs[0].at(0);
}

std::int64_t real(double x) { return static_cast<std::int64_t>(std::floor(x * (1 << kLogitBits) + 0.5)); }

TEST(Sampling, greedy_takes_the_largest_and_the_lowest_number_at_ties) {
  const auto program = sampler(6, 6);
  const SamplingNumbers greedy = numbers_of({}, 6).value();
  for (std::int64_t r : {std::int64_t{0}, std::int64_t{12345678}, (std::int64_t{1} << kDrawBits) - 1}) {
    EXPECT_EQ(choose(program, {5, 9, 9, -3, 0, 9}, greedy, r), 1);
    EXPECT_EQ(choose(program, {-kLogitLimit, -kLogitLimit, 0, kLogitLimit, 0, 0}, greedy, r), 3);
  }
}

/// Exact probabilities by their definition, in double precision: not by the integers that the program uses.
std::vector<double> probabilities(const Logits& logits, double temperature, std::int64_t top_k, double top_p) {
  std::vector<std::size_t> order(logits.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](auto a, auto b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<double> out(logits.size(), 0);
  double total = 0, before = 0, kept = 0;
  order.resize(static_cast<std::size_t>(top_k));
  for (auto i : order)
    total += out[i] = std::exp(static_cast<double>(logits[i] - logits[order[0]]) / (1 << kLogitBits) / temperature);
  for (auto i : order) {
    const double p = out[i];
    if (before >= total * top_p) out[i] = 0;
    before += p;
    kept += out[i];
  }
  for (auto& p : out) p /= kept;
  return out;
}

/// Chi-square of draws from committed seeds against exact probabilities, and its number of degrees of freedom.
std::pair<double, int> chi_square(double temperature, std::int64_t top_k, double top_p) {
  const Logits logits = {real(1.0), real(2.5), real(-0.5), real(2.2), real(0.3), real(1.9), real(-2.0), real(1.0)};
  const auto program = sampler(8, 8);
  Sampling sampling;
  sampling.temperature = temperature;
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  sampling.seed.bytes[3] = 42;
  const auto numbers = numbers_of(sampling, 8).value();
  const auto wanted = probabilities(logits, temperature, top_k == 0 ? 8 : top_k, top_p);
  constexpr int kDraws = 6000;
  std::vector<int> seen(8, 0);
  for (int i = 0; i < kDraws; ++i) ++seen[static_cast<std::size_t>(choose(program, logits, numbers, draw(sampling.seed, i)))];
  double sum = 0;
  int freedom = -1;
  for (std::size_t i = 0; i < 8; ++i) {
    if (wanted[i] == 0) {
      EXPECT_EQ(seen[i], 0) << "token " << i << " is no candidate";
      continue;
    }
    const double expected = wanted[i] * kDraws;
    sum += (seen[i] - expected) * (seen[i] - expected) / expected;
    ++freedom;
  }
  return {sum, freedom};
}

TEST(Sampling, draws_follow_the_exact_probabilities) {
  // Critical values of chi-square at 0.1 %, by degrees of freedom.
  const double critical[] = {0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32};
  struct Case {
    double temperature;
    std::int64_t top_k;
    double top_p;
    int freedom;
  };
  for (const auto& c : {Case{1.0, 0, 1.0, 7}, Case{0.7, 0, 1.0, 7}, Case{2.5, 0, 1.0, 7}, Case{1.0, 3, 1.0, 2},
                        Case{1.0, 0, 0.8, 3}, Case{1.3, 5, 0.6, 2}}) {
    const auto [sum, freedom] = chi_square(c.temperature, c.top_k, c.top_p);
    EXPECT_EQ(freedom, c.freedom) << "temperature " << c.temperature << ", top-k " << c.top_k << ", top-p " << c.top_p;
    EXPECT_LT(sum, critical[freedom]) << "temperature " << c.temperature << ", top-k " << c.top_k << ", top-p " << c.top_p;
  }
}

TEST(Sampling, the_program_draws_from_the_weights_of_the_specification) {
  base::SeededRandom random(9);
  const auto program = sampler(40, 16);
  for (int round = 0; round < 200; ++round) {
    Logits logits(40);
    for (auto& l : logits) l = static_cast<std::int64_t>(random.u64() % 40000) - 20000;
    if (round % 4 == 0)
      for (auto& l : logits) l /= 8000;  // many ties
    SamplingNumbers n;
    n.coldness = kColdnessLeast + static_cast<std::int64_t>(random.u64() % 20000);
    n.top_k = 1 + static_cast<std::int64_t>(random.u64() % 16);
    n.top_p = 1 + static_cast<std::int64_t>(random.u64() % 65536);
    const auto r = static_cast<std::int64_t>(random.u64() % (1 << kDrawBits));
    const auto weights = sampling_weights(logits, 16, n);
    std::vector<std::size_t> order(40);
    for (std::size_t i = 0; i < 40; ++i) order[i] = i;
    std::ranges::sort(order, [&](auto a, auto b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
    std::int64_t total = 0, running = 0;
    for (auto w : weights) total += w;
    std::size_t wanted = order[0];
    for (auto i : order) {
      running += weights[i];
      if (running > total * r >> kDrawBits) {
        wanted = i;
        break;
      }
    }
    EXPECT_EQ(choose(program, logits, n, r), static_cast<std::int64_t>(wanted)) << "round " << round;
  }
}

TEST(Sampling, settings_outside_their_range_are_refused) {
  const auto refused = [](Sampling s) { return !numbers_of(s, 16).has_value(); };
  EXPECT_TRUE(refused({.temperature = -1, .seed = {}}));
  EXPECT_TRUE(refused({.temperature = 300, .seed = {}}));
  EXPECT_TRUE(refused({.temperature = 1, .top_k = 17, .seed = {}}));
  EXPECT_TRUE(refused({.temperature = 1, .top_p = 0, .seed = {}}));
  EXPECT_TRUE(refused({.temperature = 1, .top_p = 1.01, .seed = {}}));
  EXPECT_EQ(numbers_of({.temperature = 0.5, .top_k = 0, .top_p = 0.5, .seed = {}}, 16).value(),
            (SamplingNumbers{8192, 16, 32768}));
}

TEST(Sampling, draws_are_those_of_the_specification) {
  base::Hash seed;
  EXPECT_EQ(draw(seed, 0), 0xee0335);
  EXPECT_EQ(draw(seed, 1), 0x9c20e1);
  EXPECT_EQ(draw(seed, 1000), 0x874c09);
}

}  // namespace
}  // namespace koinon::engine::language
