#include "trust/private/models/linear.hpp"

#include <gtest/gtest.h>

#include <random>

#include "trust/private/probe_test.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;

LinearLayer layer_of(std::mt19937_64& rng, std::size_t outputs, std::size_t inputs, int weight_bits, int input_bits,
                     int shape) {
  LinearLayer out{.outputs = outputs,
                  .inputs = inputs,
                  .weights = {},
                  .bias = {},
                  .low = -(1LL << (input_bits - 1)) + 1,
                  .high = (1LL << (input_bits - 1)) - 1};
  const auto most = (1LL << (weight_bits - 1)) - 1;
  const auto draw = [&] {
    return shape == 0   ? static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most
           : shape == 1 ? most
                        : -most;
  };
  for (std::size_t i = 0; i < outputs * inputs; ++i) out.weights.push_back(draw());
  for (std::size_t i = 0; i < outputs; ++i) out.bias.push_back(draw() * 3);
  return out;
}

std::vector<std::int64_t> plain_run(const LinearLayer& layer, const std::vector<std::int64_t>& x) {
  auto out = layer.bias;
  for (std::size_t row = 0; row < layer.outputs; ++row)
    for (std::size_t i = 0; i < layer.inputs; ++i) out[row] += layer.weights[row * layer.inputs + i] * x[i];
  return out;
}

/// The whole way of an input; noise is held against the plan at every step.
void expect_exact(const LinearLayer& layer, std::mt19937_64& rng, int inputs_to_try) {
  const auto plan = plan_linear(layer);
  ASSERT_TRUE(plan) << plan.error().text;
  const auto context = *Context::create(plan->parameters);
  base::SeededRandom random(rng());
  const auto key = make_secret_key(*context, random);
  const auto open = make_public_key(*context, key, random);
  const auto model = pack_linear(*context, *plan, layer);
  ASSERT_TRUE(model) << model.error().text;
  for (int round = 0; round < inputs_to_try; ++round) {
    std::vector<std::int64_t> x(layer.inputs);
    const auto width = static_cast<std::uint64_t>(layer.high - layer.low + 1);
    for (auto& v : x)
      v = round == 0 ? layer.high : round == 1 ? layer.low : layer.low + static_cast<std::int64_t>(rng() % width);
    const auto inputs = encrypt_inputs(*context, *plan, key, x, random);
    ASSERT_TRUE(inputs) << inputs.error().text;
    const auto results = evaluate_linear(*context, *model, *inputs);
    ASSERT_TRUE(results) << results.error().text;
    EXPECT_EQ(*results, *evaluate_linear(*context, *model, *inputs));
    EXPECT_EQ(*decrypt_outputs(*context, *plan, key, *results), plain_run(layer, x));
    const auto concealed = conceal(*context, *plan, open, *results, random.hash());
    ASSERT_TRUE(concealed) << concealed.error().text;
    EXPECT_EQ(*decrypt_outputs(*context, *plan, key, *concealed), plain_run(layer, x));
    for (const auto& c : *concealed) {
      EXPECT_EQ(c.level, plan->result_level);
      if (round < 2) EXPECT_LE(measured_noise(*context, key, c), static_cast<double>(c.noise.units) / Bits::kUnit);
    }
  }
}

TEST(Linear, random_layers_are_exact) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 12; ++i)
    expect_exact(layer_of(rng, 1 + rng() % 12, 1 + rng() % 300, 2 + static_cast<int>(rng() % 7), 8, 0), rng, 3);
}

TEST(Linear, worst_cases_of_every_bound_are_exact) {
  std::mt19937_64 rng(2);
  for (int shape : {1, 2}) {
    expect_exact(layer_of(rng, 3, 30, 8, 8, shape), rng, 2);
    expect_exact(layer_of(rng, 10, 784, 8, 8, shape), rng, 2);
  }
}

TEST(Linear, more_inputs_than_coefficients_and_more_rows_than_a_group) {
  std::mt19937_64 rng(3);
  expect_exact(layer_of(rng, 2, 9000, 4, 8, 0), rng, 2);
  expect_exact(layer_of(rng, 40, 784, 4, 5, 0), rng, 2);
}

TEST(Linear, logistic_regression_of_30_features_is_small) {
  std::mt19937_64 rng(4);
  const auto plan = plan_linear(layer_of(rng, 1, 30, 8, 8, 0));
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->parameters.degree, 4096U);
  EXPECT_EQ(plan->chunks, 1U);
  EXPECT_EQ(plan->groups, 1U);
}

TEST(Linear, concealed_results_hide_all_but_the_outputs) {
  std::mt19937_64 rng(5);
  const auto layer = layer_of(rng, 2, 16, 8, 8, 1);
  const auto plan = *plan_linear(layer);
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(5);
  const auto key = make_secret_key(*context, random);
  const auto open = make_public_key(*context, key, random);
  const auto inputs = *encrypt_inputs(*context, plan, key, std::vector<std::int64_t>(16, 1), random);
  const auto results = *evaluate_linear(*context, *pack_linear(*context, plan, layer), inputs);
  const auto seed = random.hash();
  const auto a = *conceal(*context, plan, open, results, seed);
  EXPECT_EQ(a, *conceal(*context, plan, open, results, seed));  // quorums may compare concealed results too
  const auto b = *conceal(*context, plan, open, results, random.hash());
  const auto bare = decrypt(*context, key, results[0])->coefficients, one = decrypt(*context, key, a[0])->coefficients,
             two = decrypt(*context, key, b[0])->coefficients;
  EXPECT_EQ(bare[14], 15 * 127);  // a partial sum of the weights, before
  std::size_t equal = 0;
  for (std::size_t i = 0; i < bare.size(); ++i) equal += one[i] == two[i] || one[i] == bare[i] ? 1 : 0;
  EXPECT_LE(equal, 2U + 8U);  // the two outputs, and chance
}

TEST(Linear, plans_come_back_as_they_were_and_bad_ones_are_refused) {
  std::mt19937_64 rng(7);
  for (const std::size_t inputs : {30U, 784U, 9000U}) {
    const auto plan = *plan_linear(layer_of(rng, 10, inputs, 4, 8, 0));
    const auto bytes = encode(plan);
    EXPECT_EQ(*decode_linear_plan(bytes), plan);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_linear_plan(base::ByteView(bytes).first(size)));
    const auto with = [&](std::size_t from_end, std::uint8_t value) {
      auto bad = bytes;
      bad[bad.size() - from_end] = value;
      return decode_linear_plan(bad);
    };
    EXPECT_EQ(with(1, 0).error().code, Code::malformed);  // result level
    EXPECT_EQ(with(1, 200).error().code, Code::malformed);
    EXPECT_EQ(with(2, 0x80).error().code, Code::malformed);   // bound below zero
    EXPECT_EQ(with(2, 0x01).error().code, Code::malformed);   // bound beyond t/2
    EXPECT_EQ(with(10, 0x80).error().code, Code::malformed);  // high below low
    EXPECT_EQ(with(27, 0xff).error().code, Code::malformed);  // too many inputs
  }
}

TEST(Linear, refuses_what_is_not_exact) {
  std::mt19937_64 rng(6);
  EXPECT_EQ(plan_linear(layer_of(rng, 1, 2000, 16, 16, 1)).error().code, Code::out_of_range);
  auto layer = layer_of(rng, 2, 10, 8, 8, 0);
  layer.bias.pop_back();
  EXPECT_EQ(plan_linear(layer).error().code, Code::invalid_argument);
  layer = layer_of(rng, 2, 10, 8, 8, 0);
  layer.weights[3] = INT64_MIN;
  EXPECT_EQ(plan_linear(layer).error().code, Code::out_of_range);
  layer = layer_of(rng, 2, 10, 8, 8, 0);
  const auto plan = *plan_linear(layer);
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(5);
  const auto key = make_secret_key(*context, random);
  EXPECT_EQ(encrypt_inputs(*context, plan, key, std::vector<std::int64_t>(9), random).error().code, Code::invalid_argument);
  EXPECT_EQ(encrypt_inputs(*context, plan, key, std::vector<std::int64_t>(10, 128), random).error().code, Code::out_of_range);
  EXPECT_EQ(evaluate_linear(*context, *pack_linear(*context, plan, layer), {}).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::trust::fhe
