// Disputes about runs of which values are inner: in no trace, recomputed by whoever reads them.
#include "engine/program/inner.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "engine/program/builder.hpp"
#include "trust/optimistic/disputable.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::trust::optimistic {
namespace {

using engine::program::Builder;
using engine::program::DType;
using engine::program::kInnerRoot;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;

/// A deep tree: y = requantise(x w) + ((x + x) * (x - 5)); then the largest of y, whose second output is an order.
///   0 x | 1 sums (inner) | 2 narrow (inner) | 3 twice (inner) | 4 less (inner) | 5 product (inner) | 6 y | 7 top | 8 order
Provider deep() {
  Builder b;
  base::SeededRandom random(16);
  auto x = IntTensor::zeros(DType::i8, {40, 32}), w = IntTensor::zeros(DType::i8, {32, 32});
  random.fill(x.bytes);
  random.fill(w.bytes);
  const Ref in = b.input("x", {DType::i8, {40, 32}}, Scale{}, -128, 127);
  const Ref factor = b.weight(IntTensor::of<std::int16_t>({1}, {700})), by = b.weight(IntTensor::of<std::int8_t>({1}, {16}));
  const Ref five = b.weight(IntTensor::of<std::int8_t>({1}, {5}));
  const Ref sums = b.matmul(in, b.weight(std::move(w)));
  const Ref narrow = b.requantise(sums, factor, by, -128, 127);
  const Ref twice = b.add(in, in);
  const Ref less = b.sub(in, five);
  const Ref product = b.mul(twice, less);
  const Ref y = b.add(narrow, product);
  b.output("y", y, Scale{});
  const auto [top, order] = b.topk(y, 1, 4);
  b.output("top", top, Scale{});
  b.output("order", order, Scale{});
  return honest(b.finish({}).value(), {x});
}

constexpr std::size_t kSums = 1, kProduct = 5, kY = 6, kTop = 7, kOrder = 8;

struct Inner : ::testing::Test {
  Provider truth = deep();
  ProgramTrees trees{truth.program};
  KeptRun own{KeptRun::make(truth.program, truth.inputs, {}).value()};

  Fraud found(const Provider& liar) {
    auto server = liar.server();
    Dispute dispute(trees, own, liar.claim());
    auto played = play(dispute, server);
    EXPECT_TRUE(played) << played.error().text;
    EXPECT_TRUE(std::holds_alternative<Fraud>(played->last));
    auto fraud = std::get<Fraud>(played->last);
    EXPECT_TRUE(refutes(trees, liar.claim(), fraud).value());
    const auto fair = refutes(trees, truth.claim(), fraud);
    EXPECT_FALSE(fair && *fair);
    EXPECT_EQ(decode_fraud(fraud.index(), encode(fraud)).value(), fraud);
    return fraud;
  }
  Provider liar_in(std::size_t value, std::int64_t element) const {
    auto liar = truth;
    liar.values[value].set(element, liar.values[value].at(element) ^ 1);
    return liar;
  }
};

TEST_F(Inner, values_have_one_item_and_are_claimed_by_nobody) {
  const std::vector<bool> expected{false, true, true, true, true, true, false, false, false};
  ASSERT_EQ(engine::program::inner_values(truth.program), expected);
  for (std::size_t value = 0; value < expected.size(); ++value) EXPECT_EQ(own.roots()[value] == kInnerRoot, expected[value]);
  EXPECT_EQ(own.roots(), truth.roots());
  const auto liar = liar_in(kProduct, 9);
  EXPECT_EQ(liar.claim(), truth.claim());
  EXPECT_EQ(own.values({kSums}).value().at(kSums), truth.values[kSums]) << "made again when asked for";
}

TEST_F(Inner, operands_of_a_false_element_are_parts_of_its_proof) {
  const auto fraud = found(liar_in(kY, 777));
  const auto& proof = std::get<ElementProof>(fraud);
  std::vector<std::uint64_t> steps;
  for (const auto& part : proof.parts) steps.push_back(part.step);
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{5, 1, 0, 4, 2, 3})) << "depth first, in the order of operands";
}

TEST_F(Inner, parts_that_are_not_those_of_the_element_show_nothing) {
  const auto liar = liar_in(kY, 777);
  const auto proof = std::get<ElementProof>(found(liar));
  const auto refused = [&](const ElementProof& forged, const std::string& what) {
    EXPECT_FALSE(refutes(trees, liar.claim(), Fraud{forged})) << what;
  };
  for (std::size_t i = 0; i < proof.parts.size(); ++i) {
    auto forged = proof;
    forged.parts.erase(forged.parts.begin() + static_cast<std::ptrdiff_t>(i));
    refused(forged, "without part " + std::to_string(i));
    forged = proof;
    forged.parts.push_back(proof.parts[i]);
    refused(forged, "part " + std::to_string(i) + " left over");
    for (std::size_t j = 0; j < i; ++j) {
      forged = proof;
      std::swap(forged.parts[i], forged.parts[j]);
      refused(forged, "parts " + std::to_string(i) + " and " + std::to_string(j) + " swapped");
      forged = proof;
      forged.parts[i] = proof.parts[j];
      refused(forged, "part " + std::to_string(j) + " for part " + std::to_string(i));
    }
    forged = proof;
    forged.parts[i].opened.emplace_back();
    refused(forged, "one tensor more");
    forged = proof;
    forged.parts[i].step_bytes[0] ^= 0x80;
    refused(forged, "another flag");
  }
  auto forged = proof;
  forged.parts.clear();
  refused(forged, "no part");
  forged.parts.assign(engine::program::kMostParts + 1, proof.parts[0]);
  refused(forged, "too many");
  forged = proof;
  forged.parts = {proof.parts[2]};
  forged.parts[0].opened.push_back(proof.parts[0].opened.back());
  refused(forged, "an element of an inner value");
  // The input is in the trace: no part may stand for it.
  forged = proof;
  forged.parts[2].opened[0] = {};
  refused(forged, "a part for what is not inner");
}

TEST_F(Inner, values_with_a_tree_are_shown) {
  for (const auto value : {kSums, kProduct}) {
    auto liar = truth;
    liar.items[value] = engine::tensor::tensor_root(truth.values[value]);
    EXPECT_EQ(std::get<InnerProof>(found(liar)).traced.index, value);
    liar.values[kY].set(3, 1);  // comes later
    EXPECT_EQ(std::get<InnerProof>(found(liar)).traced.index, value);
  }
}

TEST_F(Inner, items_of_kept_values_are_shown) {
  for (const auto value : {kY, kTop, kOrder}) {
    auto liar = truth;
    liar.items[value] = kInnerRoot;
    EXPECT_EQ(std::get<InnerProof>(found(liar)).traced.index, value);
  }
  auto liar = liar_in(kTop, 5);
  liar.items[kOrder] = kInnerRoot;  // the other output of the same step
  EXPECT_EQ(std::get<InnerProof>(found(liar)).output, 1);
  liar = truth;
  liar.items[0] = kInnerRoot;
  EXPECT_TRUE(std::holds_alternative<InputProof>(found(liar)));
}

TEST_F(Inner, values_answer_every_demand_with_their_item) {
  auto server = TraceServer::of(own);
  Dispute dispute(trees, own, truth.claim());
  for (const auto kind : {DemandKind::summit, DemandKind::nodes, DemandKind::leaf}) {
    const auto answer = server.answer({ClaimTree::tensor, kind, kProduct, 0, 0}).value();
    EXPECT_EQ(answer, (Answer{0, {}, {}, {}, truth.values.size(), answer.list}));
    EXPECT_TRUE(dispute.give({ClaimTree::tensor, kind, kProduct, 0, 0}, answer));
    EXPECT_FALSE(dispute.give({ClaimTree::tensor, kind, kSums, 0, 0}, answer)) << "of another value";
    auto longer = answer;
    longer.length = 3;
    EXPECT_FALSE(dispute.give({ClaimTree::tensor, kind, kProduct, 0, 0}, longer));
    EXPECT_FALSE(dispute.give({ClaimTree::tensor, kind, kY, 0, 0}, {0, {}, {}, {}, truth.values.size(), answer.list}));
  }
}

/// A window of 3 x 3 a channel over what a pointwise convolution gives: nine parts each of two steps.
Provider window() {
  Builder b;
  base::SeededRandom random(17);
  const auto noise = [&](const engine::tensor::Shape& shape) {
    auto out = IntTensor::zeros(DType::i8, shape);
    random.fill(out.bytes);
    return out;
  };
  auto x = noise({1, 5, 5, 8});
  const Ref in = b.input("x", {DType::i8, {1, 5, 5, 8}}, Scale{}, -128, 127);
  const Ref factor = b.weight(IntTensor::of<std::int16_t>({1}, {300})), by = b.weight(IntTensor::of<std::int8_t>({1}, {12}));
  const Ref point = b.conv(in, b.weight(noise({8, 1, 1, 8})), {1, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
  const Ref narrow = b.requantise(point, factor, by, -128, 127, DType::i8);
  const Ref depth = b.conv(narrow, b.weight(noise({8, 3, 3, 1})), {8, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  b.output("y", b.requantise(depth, factor, by, -128, 127, DType::i8), Scale{});
  return honest(b.finish({}).value(), {x});
}

TEST_F(Inner, constants_of_a_window_are_opened_once) {
  truth = window();
  const ProgramTrees small(truth.program);
  auto liar = truth;
  liar.values[4].set(100, liar.values[4].at(100) ^ 1);  // row 2, column 2: no padding is read
  const auto proof = show_element(small, liar, 3, {0, 100, {}});
  ASSERT_EQ(proof.parts.size(), 20U);
  EXPECT_TRUE(refutes(small, liar.claim(), Fraud{proof}).value());
  EXPECT_FALSE(refutes(small, truth.claim(), Fraud{show_element(small, truth, 3, {0, 100, {}})}).value());
  std::size_t opened = 0;
  for (std::size_t i = 2; i < proof.parts.size(); ++i)
    for (std::size_t k = 1; k < proof.parts[i].opened.size(); ++k) opened += proof.parts[i].opened[k].runs.empty() ? 0 : 1;
  EXPECT_EQ(opened, 3U) << "M and s of one requantisation, one row of weights";
  auto forged = proof;
  forged.parts[4].opened[1] = proof.parts[2].opened[1];
  EXPECT_TRUE(refutes(small, liar.claim(), Fraud{forged}).value()) << "opened again";
  forged = proof;
  forged.parts[2].opened[1] = {};
  EXPECT_FALSE(refutes(small, liar.claim(), Fraud{forged})) << "opened by none";
  forged = proof;
  forged.parts[2].opened.clear();
  EXPECT_FALSE(refutes(small, liar.claim(), Fraud{forged}));
  EXPECT_LE(encode(Fraud{proof}).size(), proof_bound(truth.program, 3).bytes);
}

TEST_F(Inner, elements_beyond_their_type_are_of_no_run) {
  // An input that the trace has and the order has not: the sum of the two leaves 8 bits.
  Builder b;
  const Ref x = b.input("x", {DType::i8, {4}}, Scale{}, -60, 60);
  const Ref twice = b.add(x, x, DType::i8);
  b.output("y", b.add(twice, x), Scale{});
  auto liar = honest(b.finish({}).value(), {IntTensor::of<std::int8_t>({4}, {1, 2, 3, 4})});
  ASSERT_TRUE(liar.program.steps[0].inner);
  const ProgramTrees small(liar.program);
  liar.values[0].set(2, 100);
  const auto shown = refutes(small, liar.claim(), Fraud{show_element(small, liar, 1, {0, 2, {}})});
  ASSERT_FALSE(shown);
  EXPECT_EQ(shown.error().code, base::Code::out_of_range) << shown.error().text;
}

/// Elements whose parts read other places of a constant than the part before them, so that it must be opened again.
std::vector<Provider> other_places() {
  base::SeededRandom random(12);
  const auto filled = [&](DType dtype, engine::tensor::Shape shape) {
    auto out = IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, static_cast<std::int64_t>(random.u64() % 15) - 7);
    return out;
  };
  std::vector<Provider> out;
  {  // a product whose rows are the constant
    Builder b;
    const Ref x = b.input("x", {DType::i8, {16, 600}}, Scale{}, -128, 127);
    const Ref z = b.input("z", {DType::i32, {40, 16}}, Scale{}, -1000, 1000);
    const Ref rows = b.weight(filled(DType::i16, {40, 600}));
    const Ref sums = b.add(b.matmul(rows, x, {}, DType::i32), z);
    b.output("y", b.reduce(sums, {engine::program::ReduceOp::sum, {8, 1}, {8, 1}, {1, 1}, {0, 0}, {0, 0}}), Scale{});
    out.push_back(honest(b.finish({}).value(), {filled(DType::i8, {16, 600}), filled(DType::i32, {40, 16})}));
  }
  {  // a convolution with a border under windows
    Builder b;
    const Ref x = b.input("x", {DType::i8, {1, 6, 6, 120}}, Scale{}, -128, 127);
    const Ref wide = b.weight(filled(DType::i8, {4, 3, 3, 120}));
    const Ref sums = b.conv(x, wide, {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    const Ref m = b.weight(IntTensor::of<std::int16_t>({4}, {3, 5, 7, 9})),
              shift = b.weight(IntTensor::of<std::int8_t>({1}, {10}));
    const Ref narrow = b.requantise(sums, m, shift, -128, 127, DType::i8);
    const Ref each = b.weight(filled(DType::i8, {4, 3, 3, 1}));
    b.output("y", b.conv(narrow, each, {4, {1, 1}, {1, 1}, {0, 0}, {0, 0}}), Scale{});
    out.push_back(honest(b.finish({}).value(), {filled(DType::i8, {1, 6, 6, 120})}));
  }
  {  // a flat constant in another shape
    Builder b;
    const Ref x = b.input("x", {DType::i8, {60, 50}}, Scale{}, -128, 127);
    const Ref flat = b.weight(filled(DType::i8, {3'000}));
    const Ref sums = b.add(x, b.reshape(flat, {60, 50}));
    b.output("y", b.reduce(sums, {engine::program::ReduceOp::sum, {6, 1}, {6, 1}, {1, 1}, {0, 0}, {0, 0}}), Scale{});
    out.push_back(honest(b.finish({}).value(), {filled(DType::i8, {60, 50})}));
  }
  return out;
}

TEST(InnerBounds, proofs_that_open_a_constant_at_many_places_keep_to_their_bound) {
  for (const auto& truth : other_places()) {
    const ProgramTrees trees{truth.program};
    const auto last = truth.program.steps.size() - 1;
    EXPECT_TRUE(truth.program.steps[last - 1].inner);
    const auto bound = proof_bound(truth.program, last);
    const auto elements = truth.values.back().size();
    for (std::int64_t i = 0; i < elements; ++i) {
      const auto proof = show_element(trees, truth, last, {0, static_cast<std::uint64_t>(i), {}});
      EXPECT_LE(encode(Fraud{proof}).size(), bound.bytes) << i;
      EXPECT_EQ(refutes(trees, truth.claim(), Fraud{proof}).value(), false) << i;
    }
  }
}

TEST(Disputable, refuses_descriptions_that_no_proof_can_carry) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {4}}, Scale{}, -128, 127);
  const Ref y = b.add(x, x);
  for (int i = 0; i < 31; ++i) b.output(std::string(4'000, 'n') + std::to_string(i), y, Scale{});
  const auto refused = disputable(b.finish({}).value());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("the description of 32 inputs and outputs takes"), std::string::npos)
      << refused.error().text;
}

}  // namespace
}  // namespace koinon::trust::optimistic
