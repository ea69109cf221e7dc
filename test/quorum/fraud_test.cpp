// FraudCheck against trust/optimistic: the same proofs, the same verdicts.
#include <map>
#include <set>

#include "test/quorum/fraud_suite.hpp"
#include "trust/optimistic/disputable.hpp"

namespace koinon::test::quorum {
namespace {

TEST_F(FraudSuite, says_of_every_kind_what_the_twin_says) {
  for (int kind = 1; kind <= 24; ++kind) compare(static_cast<engine::program::StepKind>(kind), 300);
}

/// What a challenger builds of any element is taken: a true one shows nothing, a false one refutes.
TEST_F(FraudSuite, opens_every_element_through_its_inner_operands) {
  using namespace trust::optimistic;
  base::SeededRandom random(31);
  std::map<std::size_t, std::size_t> parts;
  std::set<engine::program::StepKind> makers;
  for (int i = 0; i < 300; ++i) {
    const auto truth = throw_tree(random);
    const ProgramTrees trees(truth.program);
    EXPECT_TRUE(disputable(truth.program));
    for (std::size_t step = 0; step < truth.program.steps.size(); ++step) {
      const auto& what = truth.program.steps[step];
      if (what.inner) continue;
      const auto bound = proof_bound(truth.program, step);
      for (const auto index : {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{23}}) {
        if (index >= static_cast<std::uint64_t>(truth.values[what.first_output].size())) continue;
        const auto fair = show_element(trees, truth, step, {0, index, {}});
        const auto nothing = refutes(trees, truth.claim(), Fraud{fair});
        ASSERT_TRUE(nothing) << nothing.error().text;
        EXPECT_FALSE(*nothing);
        EXPECT_LE(encode(Fraud{fair}).size(), bound.bytes);
        auto liar = truth;
        liar.values[what.first_output].bytes[index * engine::tensor::dtype_size(what.outputs[0].dtype)] ^= 1;
        const auto shown = refutes(trees, liar.claim(), Fraud{show_element(trees, liar, step, {0, index, {}})});
        ASSERT_TRUE(shown) << shown.error().text;
        EXPECT_TRUE(*shown);
        ++parts[fair.parts.size()];
        for (std::size_t p = 1; p < fair.parts.size(); ++p) makers.insert(truth.program.steps[fair.parts[p].step].kind);
      }
    }
  }
  for (const auto& [count, times] : parts) std::printf("%zu proofs of %zu parts\n", times, count);
  EXPECT_GT(parts.rbegin()->first, 12U) << "long proofs occur";
  EXPECT_GE(makers.size(), 19U) << "every kind that may be inner";
}

TEST_F(FraudSuite, says_of_inner_operands_what_the_twin_says) { compare_trees(1'500); }

}  // namespace
}  // namespace koinon::test::quorum
