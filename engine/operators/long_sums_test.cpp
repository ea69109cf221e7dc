#include "engine/operators/long_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/run/execute.hpp"

namespace koinon::engine::operators {
namespace {

using program::ReduceOp;
using program::ReduceParams;
using program::StepKind;

IntTensor random_tensor(const Shape& shape, std::mt19937_64& random) {
  auto out = IntTensor::zeros(DType::i8, shape);
  for (auto& v : out.values<std::int8_t>()) v = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
  return out;
}

/// What `make` gives of inputs x and y, and the steps it takes.
struct Made {
  program::Program program;
  IntTensor result;
};

using Maker = std::function<Ref(Lowering& to, const std::vector<Ref>& inputs)>;

Made made(const std::vector<IntTensor>& inputs, const Maker& make) {
  const onnx::Graph graph;
  Lowering to(graph, {}, {});
  std::vector<Ref> refs;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    refs.push_back(to.builder().input(i == 0 ? "x" : "y", {inputs[i].dtype, inputs[i].shape}, {}, -127, 127));
  const auto out = make(to, refs);
  to.builder().output("out", out, {});
  auto program = to.finish({});
  EXPECT_TRUE(program) << program.error().text;
  if (!program) return {};
  const auto run = run::execute(*program, inputs, {});
  EXPECT_TRUE(run) << run.error().text;
  return run ? Made{std::move(*program), run->outputs[0]} : Made{};
}

/// Steps of a kind, of which every one adds up at most kMostTerms.
std::size_t short_steps(const program::Program& program, StepKind kind) {
  std::size_t out = 0;
  for (const auto& step : program.steps) {
    if (step.kind != kind) continue;
    ++out;
    std::int64_t terms = 1;
    if (kind == StepKind::reduce) {
      const auto params = ReduceParams::unpack(step.params, step.operand_infos[0].shape.size());
      for (auto n : params->window) terms *= n;
    } else {
      const auto& rows = step.operand_infos[1].shape;
      for (std::size_t i = kind == StepKind::conv ? 1 : rows.size() - 1; i < rows.size(); ++i) terms *= rows[i];
    }
    EXPECT_LE(terms, kMostTerms);
  }
  return out;
}

/// The same integers, of whatever type.
void expect_same(const IntTensor& parts, const IntTensor& whole) {
  ASSERT_EQ(parts.shape, whole.shape);
  for (std::int64_t i = 0; i < whole.size(); ++i) ASSERT_EQ(parts.at(i), whole.at(i)) << i;
}

TEST(long_sums, products_in_parts_are_the_whole_product) {
  std::mt19937_64 random(1);
  for (const std::int64_t k : {kMostTerms, kMostTerms + 1, 3 * kMostTerms - 7}) {
    const auto x = random_tensor({2, k}, random), w = random_tensor({3, k}, random);
    const auto bias = IntTensor::of<std::int32_t>({3}, {5, -70000, 9});
    const auto whole = made({x}, [&](Lowering& to, const auto& in) {
      const auto rows = to.builder().weight(w), added = to.builder().weight(bias);
      return to.builder().matmul(in[0], rows, added);
    });
    const auto parts = made({x}, [&](Lowering& to, const auto& in) {
      const auto added = to.builder().weight(bias);
      return long_matmul(to, in[0], w, added);
    });
    expect_same(parts.result, whole.result);
    EXPECT_EQ(short_steps(parts.program, StepKind::matmul), static_cast<std::size_t>((k + kMostTerms - 1) / kMostTerms));
    const auto values = made({x, w}, [](Lowering& to, const auto& in) { return long_matmul(to, in[0], in[1]); });
    const auto together = made({x, w}, [](Lowering& to, const auto& in) { return to.builder().matmul(in[0], in[1]); });
    expect_same(values.result, together.result);
    short_steps(values.program, StepKind::matmul);
  }
}

TEST(long_sums, convolutions_are_divided_by_channels) {
  std::mt19937_64 random(2);
  const auto x = random_tensor({1, 4, 3, 4000}, random), w = random_tensor({2, 3, 3, 4000}, random);
  const program::ConvParams params{1, {1, 1}, {1, 1}, {1, 0}, {0, 1}};
  const auto bias = IntTensor::of<std::int32_t>({2}, {100, -100});
  const auto whole = made({x}, [&](Lowering& to, const auto& in) {
    const auto filters = to.builder().weight(w), added = to.builder().weight(bias);
    return to.builder().conv(in[0], filters, params, added);
  });
  const auto parts = made({x}, [&](Lowering& to, const auto& in) {
    const auto added = to.builder().weight(bias);
    return long_conv(to, in[0], w, params, added);
  });
  const auto values = made({x, w}, [&](Lowering& to, const auto& in) {
    const auto added = to.builder().weight(bias);
    return long_conv(to, in[0], in[1], params, added);
  });
  expect_same(parts.result, whole.result);
  expect_same(values.result, whole.result);
  EXPECT_EQ(short_steps(parts.program, StepKind::conv), 3U);
  EXPECT_EQ(short_steps(values.program, StepKind::conv), 3U);
}

TEST(long_sums, reductions_take_one_axis_after_the_other) {
  std::mt19937_64 random(3);
  const auto x = random_tensor({2, 150, 130, 2}, random);
  for (const auto op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
    for (const auto& params : {ReduceParams::axes(op, x.shape, {1, 2}),
                               ReduceParams{op, {1, 149, 129, 1}, {1, 2, 3, 1}, {1, 1, 1, 1}, {0, 3, 0, 0}, {0, 5, 4, 0}},
                               ReduceParams{op, {1, 50, 129, 1}, {1, 1, 1, 1}, {1, 2, 1, 1}, {0, 0, 2, 0}, {0, 0, 0, 0}}}) {
      const auto whole = made({x}, [&](Lowering& to, const auto& in) { return to.builder().reduce(in[0], params); });
      const auto parts = made({x}, [&](Lowering& to, const auto& in) { return long_reduce(to, in[0], params); });
      expect_same(parts.result, whole.result);
      EXPECT_GE(short_steps(parts.program, StepKind::reduce), params.window[1] == 50 ? 1U : 2U);
    }
  }
}

TEST(long_sums, a_long_axis_is_reduced_in_stretches) {
  std::mt19937_64 random(4);
  for (const auto op : {ReduceOp::sum, ReduceOp::max}) {
    const auto x = random_tensor({2, 2 * kMostTerms + 5}, random);
    const auto whole = made(
        {x}, [&](Lowering& to, const auto& in) { return to.builder().reduce(in[0], ReduceParams::axes(op, x.shape, {1})); });
    const auto parts = made({x}, [&](Lowering& to, const auto& in) { return long_reduce(to, in[0], op, x.shape, {1}); });
    expect_same(parts.result, whole.result);
    EXPECT_EQ(short_steps(parts.program, StepKind::reduce), 4U);
  }
}

}  // namespace
}  // namespace koinon::engine::operators
