#include "trust/private/models/compile.hpp"

#include <gtest/gtest.h>

#include <random>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;

/// A classifier: reshape, matmul with offsets, requantise, table, argmax; outputs are scores and class.
struct Model {
  std::mt19937_64 rng;
  std::int64_t inputs, classes;

  IntTensor draw8(engine::tensor::Shape shape) {
    auto out = IntTensor::zeros(DType::i8, std::move(shape));
    for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, static_cast<std::int64_t>(rng() % 255) - 127);
    return out;
  }
  Program build(bool second_layer = false, bool before = false, std::int64_t rows = 1) {
    Builder b;
    Ref x = b.input("x", {DType::i8, {rows, inputs / 2, 2}}, {}, -127, 127);
    if (before) x = b.shift(x, 1);
    x = b.reshape(x, {rows, inputs});
    const auto w = b.weight(draw8({classes, inputs}));
    auto offsets = IntTensor::zeros(DType::i32, {classes});
    for (std::int64_t i = 0; i < classes; ++i) offsets.set(i, static_cast<std::int64_t>(rng() % 2001) - 1000);
    const auto bias = b.weight(offsets);
    const auto sum = b.matmul(x, w, bias);
    auto factor = IntTensor::zeros(DType::i16, {1});
    factor.set(0, 16411);
    auto places = IntTensor::zeros(DType::i8, {1});
    places.set(0, 28);
    const auto m = b.weight(factor);
    const auto s = b.weight(places);
    auto y = b.requantise(sum, m, s, -128, 127, DType::i8);
    auto values = IntTensor::zeros(DType::i8, {256});
    for (std::int64_t i = 0; i < 256; ++i) values.set(i, (i * i / 7) % 100 - 50);
    const auto table = b.table(values);
    y = b.lookup(y, table, -128);
    if (second_layer) {
      const auto more = b.weight(draw8({3, classes}));
      y = b.matmul(y, more);
    }
    b.output("scores", y, {});
    b.output("class", b.argmax(y, 1), {});
    auto program = b.finish({});
    if (!program) ADD_FAILURE() << program.error().text;
    return *program;
  }
};

TEST(Compile, private_run_equals_the_plain_run) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Model model{std::mt19937_64(seed), 2 * (1 + static_cast<std::int64_t>(seed * seed * 11)),
                1 + static_cast<std::int64_t>(seed % 5) * 3};
    const auto program = model.build();
    const auto cut = compile_linear(program);
    ASSERT_TRUE(cut) << cut.error().text;
    const auto plan = plan_linear(cut->layer);
    ASSERT_TRUE(plan) << plan.error().text;
    const auto context = *Context::create(plan->parameters);
    base::SeededRandom random(seed);
    const auto key = make_secret_key(*context, random);
    const auto open = make_public_key(*context, key, random);
    const auto packed = *pack_linear(*context, *plan, cut->layer);
    for (int round = 0; round < 5; ++round) {
      const std::vector<IntTensor> input{model.draw8({1, model.inputs / 2, 2})};
      const auto plain = engine::run::execute(program, input, {});
      ASSERT_TRUE(plain) << plain.error().text;
      std::vector<std::int64_t> x;
      for (std::int64_t i = 0; i < input[0].size(); ++i) x.push_back(input[0].at(i));
      const auto results = *evaluate_linear(*context, packed, *encrypt_inputs(*context, *plan, key, x, random));
      const auto sums = *decrypt_outputs(*context, *plan, key, *conceal(*context, *plan, open, results, random.hash()));
      const auto outputs = finish(*cut, sums);
      ASSERT_TRUE(outputs) << outputs.error().text;
      EXPECT_EQ(*outputs, plain->outputs);
    }
  }
}

TEST(Compile, says_which_step_cannot_be_done) {
  Model model{std::mt19937_64(1), 20, 4};
  const auto text = [](const Program& p) {
    const auto cut = compile_linear(p);
    if (cut) return std::string("compiled");
    EXPECT_EQ(cut.error().code, Code::unsupported);
    return cut.error().text;
  };
  EXPECT_NE(text(model.build(true)).find("step 4 (matmul) is a second layer"), std::string::npos) << text(model.build(true));
  EXPECT_NE(text(model.build(false, true)).find("step 0 (shift)"), std::string::npos) << text(model.build(false, true));
  EXPECT_NE(text(model.build(false, false, 3)).find("of 3 rows"), std::string::npos);
  Builder b;
  const auto x = b.input("x", {DType::i8, {1, 4}}, {}, -127, 127);
  const auto w = b.weight(IntTensor::of<std::int8_t>({4, 4}, std::vector<std::int8_t>(16, 3)));
  const auto y = b.matmul(x, w);
  b.output("y", b.add(y, x), {});
  EXPECT_NE(text(*b.finish({})).find("beside the layer"), std::string::npos);
}

TEST(Compile, refuses_accumulators_out_of_their_proved_range) {
  Model model{std::mt19937_64(1), 20, 4};
  const auto cut = *compile_linear(model.build());
  EXPECT_EQ(finish(cut, std::vector<std::int64_t>(3)).error().code, Code::invalid_argument);
  EXPECT_EQ(finish(cut, std::vector<std::int64_t>(4, 1LL << 30)).error().code, Code::out_of_range);
}

}  // namespace
}  // namespace koinon::trust::fhe
