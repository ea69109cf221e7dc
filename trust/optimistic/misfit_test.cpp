#include "trust/optimistic/misfit.hpp"

#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::trust::optimistic {
namespace {

using engine::program::Builder;
using engine::program::DType;
using engine::program::Scale;
using engine::tensor::IntTensor;

/// 3,000 bytes and 8 of 16 bits.
Provider two_inputs() {
  Builder b;
  const auto x = b.input("x", {DType::i8, {3'000}}, Scale{}, -5, 5);
  const auto y = b.input("y", {DType::i16, {4}}, Scale{}, -9, 9);
  b.output("sum", b.add(x, x), Scale{});
  b.output("same", y, Scale{});
  return honest(b.finish({}).value(), {IntTensor::zeros(DType::i8, {3'000}), IntTensor::zeros(DType::i16, {4})});
}

base::Hash input_root(const std::vector<base::Bytes>& parts) {
  std::vector<base::Hash> roots;
  for (const auto& bytes : parts) roots.push_back(base::byte_tree_root(base::Domain::tensor, bytes));
  return base::list_root(base::Domain::inputs, roots);
}

TEST(Misfit, shows_an_input_that_the_program_does_not_take_whatever_is_claimed_of_it) {
  const auto truth = two_inputs();
  const ProgramTrees trees(truth.program);
  const std::vector<base::Bytes> fits = {truth.inputs[0].bytes, truth.inputs[1].bytes};
  EXPECT_EQ(input_root(fits), truth.claim().inputs);
  EXPECT_FALSE(misfit(trees, fits));
  std::vector<std::pair<std::size_t, std::vector<base::Bytes>>> wrong = {
      {10, {}}, {10, {fits[0]}}, {11, fits}, {11, fits}, {10, fits}};
  wrong[2].second[0].push_back(0);
  wrong[3].second[1].clear();
  wrong[4].second.push_back(fits[1]);
  for (const auto& [kind, parts] : wrong) {
    const auto fraud = misfit(trees, parts);
    ASSERT_TRUE(fraud);
    EXPECT_EQ(fraud->index(), kind);
    auto claim = truth.claim();
    claim.inputs = input_root(parts);
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(refutes(trees, claim, *fraud).value());
      claim.trace = claim.outputs = base::Hash{};  // whatever it says
    }
    EXPECT_FALSE(refutes(trees, truth.claim(), *fraud)) << "an honest claim, whose order has another input";
    EXPECT_EQ(decode_fraud(kind, encode(*fraud)).value(), *fraud);
  }
}

TEST(Misfit, finds_nothing_wrong_with_lengths_that_are_right) {
  const auto truth = two_inputs();
  const ProgramTrees trees(truth.program);
  const auto roots = truth.roots();
  const auto list = base::Tree::of_list(base::Domain::inputs, {roots[0], roots[1]});
  const auto io = engine::program::encode_io(truth.program);
  EXPECT_FALSE(refutes(trees, truth.claim(), Fraud{InputsProof{trees.parts(), io, 2, list.top()}}).value());
  const InputLengthProof length{
      trees.parts(), io, {2, 1, roots[1], list.path(1)}, 8, base::byte_tree_top(base::Domain::tensor, truth.inputs[1].bytes)};
  EXPECT_FALSE(refutes(trees, truth.claim(), Fraud{length}).value());
  auto crossed = length;
  crossed.given.index = 0;
  EXPECT_FALSE(refutes(trees, truth.claim(), Fraud{crossed}));
  auto another = length;
  another.size = 10;
  EXPECT_FALSE(refutes(trees, truth.claim(), Fraud{another})) << "the tree says otherwise";
}

}  // namespace
}  // namespace koinon::trust::optimistic
