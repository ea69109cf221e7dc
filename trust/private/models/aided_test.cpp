#include "trust/private/models/aided.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>

#include "engine/run/execute.hpp"
#include "trust/private/models/lenet_test.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::ConvParams;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;
using engine::tensor::Shape;

/// A layer, the input beside it (a skip connection), another layer.
Program skipping() {
  Builder b;
  const auto x = b.input("x", {DType::i8, {1, 3}}, {}, -5, 5);
  auto y = b.matmul(x, b.weight(IntTensor::of<std::int8_t>({3, 3}, {1, 0, -2, 0, 3, 0, 1, 1, 1})));
  y = b.add(requantised(b, y, 15), x, DType::i8);
  b.output("y", b.matmul(y, b.weight(IntTensor::of<std::int8_t>({2, 3}, {1, 2, 3, -3, -2, -1}))), {});
  return *b.finish({});
}

struct Rounds {
  std::vector<IntTensor> outputs;
  double provider = 0, client = 0;  ///< seconds
  std::size_t bytes = 0;            ///< of results, as residues
};

/// All rounds of one run, both sides.
Rounds run(const AidedProgram& program, const IntTensor& input) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  base::SeededRandom random(4);
  Rounds out;
  std::vector<std::vector<std::int64_t>> sums;
  for (const auto& layer : program.layers) {
    const auto context = *Context::create(layer.plan.parameters);
    const auto key = make_secret_key(*context, random);
    const auto model = pack_shared(*context, layer.plan, layer.weights);
    if (!model) throw std::runtime_error(model.error().text);
    auto begin = Clock::now();
    const auto x = aided_input(program, input, sums);
    if (!x) throw std::runtime_error(x.error().text);
    const auto sent = encrypt_shared(*context, layer.plan, key, *x, random).value();
    out.client += since(begin);
    begin = Clock::now();
    const auto results = evaluate_shared(*context, *model, sent).value();
    out.provider += since(begin);
    begin = Clock::now();
    sums.push_back(decrypt_sums(*context, layer, key, results).value());
    out.client += since(begin);
    for (const auto& r : results) out.bytes += 2 * r.level * layer.plan.parameters.degree * 50 / 8;
  }
  const auto begin = Clock::now();
  out.outputs = aided_outputs(program, input, sums).value();
  out.client += since(begin);
  return out;
}

TEST(Aided, lenet_gives_the_plain_result_bit_for_bit) {
  const auto program = lenet();
  const auto aided = compile_aided(program);
  ASSERT_TRUE(aided) << aided.error().text;
  ASSERT_EQ(aided->layers.size(), 5U);
  EXPECT_LT(aided->layers[0].plan.results, 7U) << "rows of one filter share a product";
  Draw draw{std::mt19937_64(9)};
  for (int round = 0; round < 3; ++round) {
    auto input = IntTensor::zeros(DType::i8, {1, 28, 28, 1});
    for (std::int64_t i = 0; i < input.size(); ++i)
      input.set(i, round == 0 ? 127 : static_cast<std::int64_t>(draw.rng() % 128));
    const auto rounds = run(*aided, input);
    EXPECT_EQ(rounds.outputs, engine::run::execute(program, std::vector{input}, {}).value().outputs);
    std::printf("provider %.3f s, client %.3f s, results %.1f MB\n", rounds.provider, rounds.client,
                static_cast<double>(rounds.bytes) / 1e6);
  }
}

TEST(Aided, skip_connections_are_the_clients) {
  const auto program = skipping();
  const auto aided = compile_aided(program);
  ASSERT_TRUE(aided) << aided.error().text;
  for (const auto& values : {std::vector<std::int8_t>{5, 5, 5}, {-5, 5, -5}, {0, 1, -1}}) {
    const auto input = IntTensor::of<std::int8_t>({1, 3}, values);
    EXPECT_EQ(run(*aided, input).outputs, engine::run::execute(program, std::vector{input}, {}).value().outputs);
  }
}

TEST(Aided, rows_whose_offset_dwarfs_their_weights_are_exact) {
  Builder b;
  auto x = b.input("x", {DType::i8, {1, 2}}, {}, -127, 127);
  const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -2, 100, 90}));
  x = b.matmul(x, w, b.weight(IntTensor::of<std::int32_t>({2}, {900'000'000, -3})));
  b.output("y", b.matmul(requantised(b, x, 31), w), {});
  const auto program = b.finish({}).value();
  const auto aided = compile_aided(program);
  ASSERT_TRUE(aided) << aided.error().text;
  EXPECT_EQ(aided->layers[0].offsets, (std::vector<std::int64_t>{900'000'000, 0}));
  const auto client = decode_aided(encode(*aided)).value();
  EXPECT_EQ(client.layers[0].offsets, aided->layers[0].offsets);
  const auto input = IntTensor::of<std::int8_t>({1, 2}, {127, -100});
  EXPECT_EQ(run(*aided, input).outputs, engine::run::execute(program, std::vector{input}, {}).value().outputs);
}

TEST(Aided, refuses_sums_that_no_honest_run_gives) {
  const auto aided = compile_aided(skipping()).value();
  const auto input = IntTensor::of<std::int8_t>({1, 3}, {1, 2, 3});
  const std::vector<std::vector<std::int64_t>> wild{{1'000'000, 0, 0}}, few{{1}};
  EXPECT_EQ(aided_input(aided, input, wild).error().code, Code::out_of_range);
  EXPECT_EQ(aided_input(aided, input, few).error().code, Code::invalid_argument);
  EXPECT_EQ(aided_outputs(aided, input, {}).error().code, Code::invalid_argument);
}

TEST(Aided, an_input_is_given_for_every_layer_whatever_the_sums_were) {
  const auto aided = compile_aided(skipping()).value();
  const auto input = IntTensor::of<std::int8_t>({1, 3}, {1, 2, 3});
  const auto& plan = aided.layers[1].plan;
  const std::vector<std::vector<std::int64_t>> right{{7, 3, -2}}, wild{{1'000'000, -1'000'000, 0}}, few{{1}};
  const auto honest = next_aided_input(aided, input, right).value();
  EXPECT_FALSE(honest.fault);
  EXPECT_EQ(honest.values, aided_input(aided, input, right).value());
  const auto given = next_aided_input(aided, input, wild).value();
  ASSERT_TRUE(given.fault);
  EXPECT_EQ(given.fault->code, Code::out_of_range);
  ASSERT_EQ(given.values.size(), plan.inputs);
  for (const auto v : given.values) EXPECT_TRUE(v >= plan.low && v <= plan.high) << v;
  EXPECT_EQ(next_aided_input(aided, input, few).error().code, Code::invalid_argument);
  // A plan that nobody decoded: what leaves it is brought back too.
  auto narrow = aided;
  narrow.layers[0].plan.high = 2;
  const auto first = next_aided_input(narrow, input, {}).value();
  EXPECT_TRUE(first.fault);
  EXPECT_EQ(first.values, (std::vector<std::int64_t>{1, 2, 2}));
}

TEST(Aided, refuses_plans_whose_rounds_could_depend_on_the_input) {
  const auto aided = compile_aided(skipping()).value();
  ASSERT_TRUE(decode_aided(encode(aided)));
  for (std::size_t layer = 0; layer < 2; ++layer)
    for (const bool low : {true, false}) {
      auto narrow = aided;
      (low ? ++narrow.layers[layer].plan.low : --narrow.layers[layer].plan.high);
      const auto out = decode_aided(encode(narrow));
      ASSERT_FALSE(out);
      EXPECT_EQ(out.error().code, Code::malformed);
      EXPECT_NE(out.error().text.find("could depend on the input"), std::string::npos) << out.error().text;
    }
  auto longer = aided;
  longer.layers.push_back(aided.layers[1]);
  const auto out = decode_aided(encode(longer));
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().text.find("3 layers: the program has 2 products"), std::string::npos) << out.error().text;
}

/// Random matrices of repeated, shifted and dense rows, at both ends of their ranges.
TEST(SharedLayer, sums_are_exact_for_random_patterns) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 60; ++round) {
    LinearLayer layer{.outputs = 1 + rng() % 40, .inputs = 1 + rng() % 60, .weights = {}, .bias = {}, .low = -20, .high = 31};
    const auto within = [&](std::int64_t most) {
      return static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most;
    };
    std::vector<std::int64_t> filter(1 + rng() % layer.inputs);
    for (std::size_t row = 0; row < layer.outputs; ++row) {
      std::vector<std::int64_t> weights(layer.inputs);
      const auto kind = rng() % 4;
      if (kind == 0 || row == 0)
        for (auto& w : filter) w = within(40);
      const auto shift = rng() % layer.inputs;
      for (std::size_t i = 0; i < filter.size() && kind != 3; ++i)
        if (shift + i < layer.inputs) weights[shift + i] = filter[i];
      layer.weights.insert(layer.weights.end(), weights.begin(), weights.end());
      layer.bias.push_back(within(500));
    }
    const auto plan = plan_shared(layer);
    ASSERT_TRUE(plan) << plan.error().text;
    const auto context = *Context::create(plan->parameters);
    base::SeededRandom random(static_cast<std::uint64_t>(round));
    const auto key = make_secret_key(*context, random);
    const auto model = pack_shared(*context, *plan, layer).value();
    std::vector<std::int64_t> x(layer.inputs);
    for (auto& v : x) v = round % 3 == 0 ? layer.high : round % 3 == 1 ? layer.low : within(20);
    auto wanted = layer.bias;
    for (std::size_t row = 0; row < layer.outputs; ++row)
      for (std::size_t i = 0; i < layer.inputs; ++i) wanted[row] += layer.weights[row * layer.inputs + i] * x[i];
    const auto results = evaluate_shared(*context, model, encrypt_shared(*context, *plan, key, x, random).value());
    ASSERT_TRUE(results) << results.error().text;
    ASSERT_EQ(decrypt_shared(*context, *plan, key, *results).value(), wanted) << "round " << round;
  }
}

TEST(SharedLayer, refuses_what_does_not_fit) {
  const LinearLayer layer{.outputs = 1, .inputs = 2, .weights = {1, 2}, .bias = {0}, .low = 0, .high = 3};
  const auto plan = plan_shared(layer).value();
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(1);
  const auto key = make_secret_key(*context, random);
  EXPECT_EQ(encrypt_shared(*context, plan, key, std::vector<std::int64_t>{1, 4}, random).error().code, Code::out_of_range);
  EXPECT_EQ(encrypt_shared(*context, plan, key, std::vector<std::int64_t>{1}, random).error().code, Code::invalid_argument);
  auto other = layer;
  other.high = 1'000'000;
  EXPECT_EQ(pack_shared(*context, plan, other).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::trust::fhe
