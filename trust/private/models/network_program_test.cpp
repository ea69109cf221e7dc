#include "trust/private/models/network_program.hpp"

#include <gtest/gtest.h>

#include <random>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"
#include "trust/private/models/random_network_test.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::CompareOp;
using engine::program::ConvParams;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;
using engine::tensor::Shape;

/// Draws constants of a program.
struct Draw {
  std::mt19937_64 rng;
  IntTensor within(std::int64_t most, Shape shape, DType dtype = DType::i8) {
    auto out = IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < out.size(); ++i)
      out.set(i, static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * most + 1)) - most);
    return out;
  }
};

Ref requantised(Builder& b, Ref x, std::int64_t low, std::int64_t high) {
  auto factor = IntTensor::zeros(DType::i16, {1});
  factor.set(0, 16411);
  auto places = IntTensor::zeros(DType::i8, {1});
  places.set(0, 15);
  const auto m = b.weight(factor);
  const auto s = b.weight(places);
  return b.requantise(x, m, s, low, high, DType::i8);
}

Program finished(Builder& b) {
  auto out = b.finish({});
  if (!out) ADD_FAILURE() << out.error().text;
  return *out;
}

/// A perceptron: `layers` matmuls with requantise between, argmax of the scores.
Program perceptron(std::uint64_t seed, int layers = 2, bool skip = false) {
  Draw draw{std::mt19937_64(seed)};
  Builder b;
  auto x = b.input("x", {DType::i8, {1, 3, 2}}, {}, -1, 2);
  x = b.reshape(x, {1, 6});
  const auto input = x;
  for (int layer = 0; layer < layers; ++layer) {
    const auto w = b.weight(draw.within(1, {6, 6}));
    const auto c = b.weight(draw.within(3, {6}, DType::i32));
    if (layer > 0) x = requantised(b, x, 0, 3);
    if (layer > 0 && skip) x = b.add(x, input, DType::i8);
    x = b.matmul(x, w, c);
  }
  b.output("scores", requantised(b, x, -128, 127), {});
  b.output("class", b.argmax(x, 1), {});
  return finished(b);
}

/// Two trees of two comparisons and three leaves as products (Hummingbird's GEMM strategy), with secret thresholds.
Program trees() {
  Builder b;
  const auto x = b.input("x", {DType::i8, {1, 3}}, {}, -3, 4);
  const auto places = b.weight(IntTensor::of<std::int32_t>({4}, {0, 2, 1, 0}));
  const auto features = b.gather(x, places, 1);
  const auto limits = b.weight(IntTensor::of<std::int8_t>({1, 4}, {1, -2, 3, 0}));
  auto bits = b.compare(features, limits, CompareOp::less_equal);
  bits = b.transpose(b.reshape(bits, {1, 2, 2}), {1, 0, 2});
  const auto signs = b.weight(IntTensor::of<std::int8_t>({2, 3, 2}, {1, 1, 1, -1, -1, 0, -1, 0, 1, 1, 1, -1}));
  const auto agreed = b.matmul(bits, signs);
  const auto wanted = b.weight(IntTensor::of<std::int8_t>({2, 1, 3}, {2, 1, 0, 0, 2, 1}));
  auto hit = b.compare(agreed, wanted, CompareOp::equal);
  hit = b.reshape(b.transpose(hit, {1, 0, 2}), {1, 6});
  const auto leaves = b.weight(IntTensor::of<std::int8_t>({2, 6}, {5, -7, 20, 1, 0, -9, 100, -100, 3, 2, 8, 60}));
  b.output("votes", b.matmul(hit, leaves), {});
  return finished(b);
}

/// A convolution, squares, a classifier.
Program squares() {
  Draw draw{std::mt19937_64(5)};
  Builder b;
  const auto x = b.input("x", {DType::i8, {1, 4, 4, 1}}, {}, 0, 3);
  ConvParams params{.groups = 1, .strides = {1, 1}, .dilations = {1, 1}, .pads_begin = {0, 0}, .pads_end = {0, 0}};
  const auto filters = b.weight(draw.within(1, {2, 2, 2, 1}));
  auto y = b.conv(x, filters, params, {}, {});
  y = b.mul(y, y);
  y = requantised(b, y, 0, 31);
  y = b.reshape(b.transpose(y, {0, 3, 1, 2}), {1, 18});
  const auto w = b.weight(draw.within(7, {3, 18}));
  b.output("scores", b.matmul(y, w), {});
  return finished(b);
}

void expect_exact(const Program& program, int rounds) {
  const auto cut = compile_network(program);
  ASSERT_TRUE(cut) << cut.error().text;
  const auto plan = plan_network(cut->network);
  ASSERT_TRUE(plan) << plan.error().text;
  const auto context = *Context::create(plan->parameters);
  base::SeededRandom random(3);
  const auto key = make_secret_key(*context, random);
  const auto open = make_public_key(*context, key, random);
  const auto keys = *make_network_keys(*context, *plan, key, random);
  const auto model = pack_network(*context, *plan, cut->network);
  ASSERT_TRUE(model) << model.error().text;
  std::mt19937_64 rng(11);
  for (int round = 0; round < rounds; ++round) {
    const auto& port = program.inputs[0];
    std::vector<IntTensor> input{IntTensor::zeros(port.info.dtype, port.info.shape)};
    std::vector<std::int64_t> x;
    for (std::int64_t i = 0; i < input[0].size(); ++i) {
      x.push_back(port.low + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(port.high - port.low + 1)));
      input[0].set(i, x.back());
    }
    const auto plain = engine::run::execute(program, input, {});
    ASSERT_TRUE(plain) << plain.error().text;
    const auto sent = *encrypt_inputs(*context, *plan, key, *cut->encode_input(x), random);
    const auto results = evaluate_network(*context, *model, keys, sent);
    ASSERT_TRUE(results) << results.error().text;
    const auto sums = *decrypt_outputs(*context, *plan, key, *conceal(*context, *plan, open, *results, random.hash()));
    const auto outputs = finish(cut->rest, sums);
    ASSERT_TRUE(outputs) << outputs.error().text;
    EXPECT_EQ(*outputs, plain->outputs);
  }
}

TEST(NetworkProgram, perceptrons_of_one_hidden_layer_run_encrypted) { expect_exact(perceptron(1), 2); }
TEST(NetworkProgram, perceptrons_of_two_hidden_layers_run_encrypted) { expect_exact(perceptron(3, 3), 2); }
TEST(NetworkProgram, trees_run_encrypted_with_thresholds_unknown_to_the_buyer) { expect_exact(trees(), 4); }
TEST(NetworkProgram, a_convolution_with_squares_runs_encrypted) { expect_exact(squares(), 2); }

TEST(NetworkProgram, cut_in_plain_equals_the_program_for_many_random_perceptrons) {
  std::mt19937_64 rng(2);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto program = perceptron(seed, 2 + static_cast<int>(seed % 3));
    const auto cut = compile_network(program);
    ASSERT_TRUE(cut) << cut.error().text;
    std::vector<IntTensor> input{IntTensor::zeros(DType::i8, {1, 3, 2})};
    std::vector<std::int64_t> x;
    for (std::int64_t i = 0; i < 6; ++i) {
      x.push_back(static_cast<std::int64_t>(rng() % 4) - 1);
      input[0].set(i, x.back());
    }
    const auto outputs = finish(cut->rest, plain_run(cut->network, x));
    ASSERT_TRUE(outputs) << outputs.error().text;
    EXPECT_EQ(*outputs, engine::run::execute(program, input, {})->outputs) << seed;
  }
}

TEST(NetworkProgram, names_the_step_that_cannot_be_done_and_what_would_help) {
  const auto text = [](const Program& p) {
    const auto cut = compile_network(p);
    if (cut) return std::string("compiled");
    EXPECT_EQ(cut.error().code, Code::unsupported);
    return cut.error().text;
  };
  EXPECT_NE(text(perceptron(1, 1)).find("a linear plan serves"), std::string::npos);
  EXPECT_NE(text(perceptron(1, 2, true)).find("step 3 (add)"), std::string::npos) << text(perceptron(1, 2, true));
}

TEST(NetworkProgram, refuses_inputs_out_of_range) {
  const auto cut = *compile_network(trees());
  EXPECT_TRUE(cut.thermometer);
  EXPECT_EQ(cut.encode_input(std::vector<std::int64_t>{0, 5, 0}).error().code, Code::out_of_range);
  EXPECT_EQ(cut.encode_input(std::vector<std::int64_t>{-3, 4, -1})->size(), 21U);
}

}  // namespace
}  // namespace koinon::trust::fhe
