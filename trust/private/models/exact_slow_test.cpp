// The promise itself, at length: decrypted equals plain for a thousand random linear programs, and down a whole chain of
// levels.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"
#include "trust/private/models/compile.hpp"
#include "trust/private/models/random_network_test.hpp"
#include "trust/private/probe_test.hpp"

namespace koinon::trust::fhe {
namespace {

using engine::tensor::DType;
using engine::tensor::IntTensor;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed) {}
  std::int64_t within(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_() % static_cast<std::uint64_t>(high - low + 1));
  }
  /// Random, or all at one end of the range: the worst cases.
  IntTensor tensor(DType dtype, engine::tensor::Shape shape, std::int64_t low, std::int64_t high) {
    auto out = IntTensor::zeros(dtype, std::move(shape));
    const auto kind = within(0, 5);
    for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, kind == 0 ? low : kind == 1 ? high : within(low, high));
    return out;
  }

 private:
  std::mt19937_64 rng_;
};

engine::program::Program random_program(Dice& dice, std::int64_t inputs) {
  const auto outputs = dice.within(1, 12);
  const auto most = (std::int64_t{1} << dice.within(1, 7)) - 1;
  engine::program::Builder b;
  const auto x = b.input("x", {DType::i8, {1, inputs}}, {}, -127, 127);
  const auto w = b.weight(dice.tensor(DType::i8, {outputs, inputs}, -most, most));
  const auto bias = b.weight(dice.tensor(DType::i32, {outputs}, -100'000, 100'000));
  const auto sum = b.matmul(x, w, bias);
  const auto m = b.weight(dice.tensor(DType::i16, {outputs}, 1, 32767));
  const auto s = b.weight(dice.tensor(DType::i8, {1}, 10, 30));
  const auto y = b.requantise(sum, m, s, -128, 127, DType::i8);
  const auto table = b.table(dice.tensor(DType::i8, {256}, -128, 127));
  b.output("y", dice.within(0, 1) == 0 ? y : b.lookup(y, table, -128), {});
  b.output("class", b.argmax(sum, 1), {});
  auto program = b.finish({});
  if (!program) return random_program(dice, inputs);  // the table unused
  return *program;
}

TEST(Exact, a_thousand_random_linear_programs) {
  Dice dice(20);
  for (int round = 0; round < 1000; ++round) {
    const auto inputs = dice.within(1, round % 10 == 0 ? 1000 : 60);
    const auto program = random_program(dice, inputs);
    const auto cut = compile_linear(program);
    ASSERT_TRUE(cut) << cut.error().text;
    const auto plan = plan_linear(cut->layer);
    ASSERT_TRUE(plan) << plan.error().text;
    const auto context = *Context::create(plan->parameters);
    base::SeededRandom random(static_cast<std::uint64_t>(round));
    const auto key = make_secret_key(*context, random);
    const auto open = make_public_key(*context, key, random);
    const auto model = *pack_linear(*context, *plan, cut->layer);
    for (int i = 0; i < 2; ++i) {
      const std::vector<IntTensor> input{dice.tensor(DType::i8, {1, inputs}, -127, 127)};
      std::vector<std::int64_t> x;
      for (std::int64_t k = 0; k < inputs; ++k) x.push_back(input[0].at(k));
      const auto results = *evaluate_linear(*context, model, *encrypt_inputs(*context, *plan, key, x, random));
      const auto sums = *decrypt_outputs(*context, *plan, key, *conceal(*context, *plan, open, results, random.hash()));
      ASSERT_EQ(*finish(*cut, sums), engine::run::execute(program, input, {})->outputs) << "program " << round;
    }
  }
}

/// Squares and rotates at every level of the largest ordinary degree; the plan is held against the noise that is there.
TEST(Exact, down_every_level_of_a_deep_chain) {
  const auto context = *Context::create(*choose({.degree = 32768,
                                                 .plain = 65537,
                                                 .base_bits = 45,
                                                 .level_bits = 43,
                                                 .levels = 16,
                                                 .special_bits = 46,
                                                 .specials = 4,
                                                 .digit = 4}));
  base::SeededRandom random(1);
  base::ThreadPool pool(2);
  const auto key = make_secret_key(*context, random);
  const auto turn = context->rotation(1);
  EvaluationKeys keys;
  keys.relinearise = *make_relinearisation_key(*context, key, 16, random, &pool);
  keys.galois.emplace(turn, *make_galois_key(*context, key, turn, 16, random, &pool));
  const Evaluator e(*context, &keys, &pool), alone(*context, &keys);
  Dice dice(2);
  std::vector<std::int64_t> slots(context->degree());
  for (auto& x : slots) x = dice.within(-32768, 32768);
  auto c = *encrypt(*context, key, *encode_slots(*context, slots), 16, random);
  const auto half = static_cast<std::ptrdiff_t>(slots.size() / 2);
  for (std::size_t level = 16; level > 1; --level) {
    const auto product = e.multiply(c, c);
    ASSERT_TRUE(product) << "level " << level << ": " << product.error().text;
    const auto rotated = *e.rotate(*e.relinearise(*product), 1);
    c = *e.switch_modulus(rotated);
    for (auto& x : slots) {
      x = x * x % 65537;
      if (x > 32768) x -= 65537;
    }
    std::rotate(slots.begin(), slots.begin() + 1, slots.begin() + half);
    std::rotate(slots.begin() + half, slots.begin() + half + 1, slots.end());
    ASSERT_EQ(decode_slots(*context, *decrypt(*context, key, c)), slots) << "level " << c.level;
    const auto planned = static_cast<double>(c.noise.units) / Bits::kUnit;
    const auto there = measured_noise(*context, key, c);
    EXPECT_LE(there, planned) << "level " << c.level;
    EXPECT_LT(c.noise, e.plan().capacity(c.level));
    if (level % 5 == 0) EXPECT_EQ(rotated, *alone.rotate(*alone.relinearise(*product), 1));
  }
}

/// 30-64-32-2 at 6 bits, all weights up to 15: the largest sum of a row of the first layer, and a random input.
TEST(Exact, two_layers_of_tables_at_6_bits) {
  std::mt19937_64 rng(4);
  const NetworkSizes sizes{
      .inputs = 30, .hidden = 64, .outputs = 2, .weight = 15, .high = 63, .value = 31, .second = 31, .inner = {32}};
  const auto network = random_network(rng, sizes);
  const auto plan = plan_network(network);
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_LE(modulus_bits(plan->parameters), security_bits(plan->parameters.degree));
  const auto cost = *cost_of(*plan);
  std::printf("N = %u, %d bits, %zu levels, digit %u, points %zu and %zu, keys %.0f MB, memory %.0f MB, %.0f s planned\n",
              plan->parameters.degree, modulus_bits(plan->parameters), plan->parameters.primes.size(), plan->parameters.digit,
              plan->layers[0].domain, plan->layers[1].domain, static_cast<double>(cost.key_bytes) / 1e6,
              static_cast<double>(cost.memory_bytes) / 1e6, cost.seconds);
  const auto context = *Context::create(plan->parameters);
  base::SeededRandom random(1);
  base::ThreadPool pool(2);
  const auto key = make_secret_key(*context, random);
  const auto open = make_public_key(*context, key, random);
  const auto keys = *make_network_keys(*context, *plan, key, random, &pool);
  const auto model = pack_network(*context, *plan, network);
  ASSERT_TRUE(model) << model.error().text;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::int64_t> x;
    for (std::size_t i = 0; i < sizes.inputs; ++i) {
      const bool up = network.first.weights[i] > 0;
      x.push_back(round == 1 ? static_cast<std::int64_t>(rng() % 64) : up ? sizes.high : 0);
    }
    const auto results = evaluate_network(*context, *model, keys, *encrypt_inputs(*context, *plan, key, x, random), &pool);
    ASSERT_TRUE(results) << results.error().text;
    for (const auto& r : *results) EXPECT_LE(measured_noise(*context, key, r) * Bits::kUnit, r.noise.units);
    const auto hidden = *conceal(*context, *plan, open, *results, random.hash());
    EXPECT_EQ(*decrypt_outputs(*context, *plan, key, hidden), plain_run(network, x)) << "round " << round;
  }
}

TEST(Exact, random_networks_of_several_layers_of_tables) {
  std::mt19937_64 rng(10);
  for (int round = 0; round < 4; ++round) {
    NetworkSizes sizes{.inputs = 3 + rng() % 6, .hidden = 2 + rng() % 5, .outputs = 2, .weight = 1, .high = 1, .value = 1};
    for (int layer = 0; layer < 1 + round % 2; ++layer) sizes.inner.push_back(2 + rng() % 5);
    const auto network = random_network(rng, sizes);
    const auto plan = plan_network(network, 4);
    ASSERT_TRUE(plan) << plan.error().text;
    const auto context = *Context::create(plan->parameters);
    base::SeededRandom random(static_cast<std::uint64_t>(round));
    const auto key = make_secret_key(*context, random);
    const auto keys = *make_network_keys(*context, *plan, key, random);
    const auto model = *pack_network(*context, *plan, network);
    std::vector<std::int64_t> x, wanted;
    for (int image = 0; image < 4; ++image) {
      std::vector<std::int64_t> one;
      for (std::size_t i = 0; i < sizes.inputs; ++i)
        one.push_back(image == 3                                       ? static_cast<std::int64_t>(rng() % 2)
                      : (network.first.weights[i] > 0) == (image == 1) ? 1
                                                                       : 0);
      const auto y = plain_run(network, one);
      x.insert(x.end(), one.begin(), one.end());
      wanted.insert(wanted.end(), y.begin(), y.end());
    }
    const auto results = evaluate_network(*context, model, keys, *encrypt_inputs(*context, *plan, key, x, random));
    ASSERT_TRUE(results) << results.error().text;
    EXPECT_EQ(*decrypt_outputs(*context, *plan, key, *results, 4), wanted) << "round " << round;
    for (const auto& r : *results) EXPECT_LE(measured_noise(*context, key, r) * Bits::kUnit, r.noise.units);
  }
}

TEST(Exact, random_table_networks_at_both_ends_of_their_tables) {
  std::mt19937_64 rng(9);
  for (int round = 0; round < 6; ++round) {
    const NetworkSizes sizes{.inputs = 5 + rng() % 30,
                             .hidden = 2 + rng() % 14,
                             .outputs = 2,
                             .weight = 1 + static_cast<std::int64_t>(rng() % 3),
                             .high = 1 + static_cast<std::int64_t>(rng() % 7),
                             .value = 63};
    const auto network = random_network(rng, sizes);
    const auto plan = plan_network(network, 4);
    ASSERT_TRUE(plan) << plan.error().text;
    const auto context = *Context::create(plan->parameters);
    base::SeededRandom random(static_cast<std::uint64_t>(round));
    const auto key = make_secret_key(*context, random);
    const auto keys = *make_network_keys(*context, *plan, key, random);
    const auto model = *pack_network(*context, *plan, network);
    std::vector<std::int64_t> x, wanted;
    for (int image = 0; image < 4; ++image) {  // the least and the largest sum of a row, all at the top, random
      std::vector<std::int64_t> one;
      for (std::size_t i = 0; i < sizes.inputs; ++i) {
        const bool up = network.first.weights[i] > 0;
        const auto any = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(sizes.high + 1));
        one.push_back(image == 3 ? any : image == 2 || up == (image == 1) ? sizes.high : 0);
      }
      const auto y = plain_run(network, one);
      x.insert(x.end(), one.begin(), one.end());
      wanted.insert(wanted.end(), y.begin(), y.end());
    }
    const auto results = evaluate_network(*context, model, keys, *encrypt_inputs(*context, *plan, key, x, random));
    ASSERT_TRUE(results) << results.error().text;
    EXPECT_EQ(*decrypt_outputs(*context, *plan, key, *results, 4), wanted) << "round " << round;
    for (const auto& r : *results) EXPECT_LE(measured_noise(*context, key, r) * Bits::kUnit, r.noise.units);
  }
}

}  // namespace
}  // namespace koinon::trust::fhe
