#include "test/proof/cases.hpp"

namespace koinon::test::proof {
namespace {

class ManyProofs : public Twins {};

/// Ten thousand proofs, one in fifty of them unchanged.
TEST_F(ManyProofs, are_judged_alike) {
  const auto cases = honest_cases();
  base::SeededRandom random(34);
  int accepted = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto& one = cases[random.u64() % cases.size()];
    auto argument = one.shown.argument;
    const auto what = i % 50 == 0 ? "nothing" : mutate(argument, random);
    const auto verdict = judge(one, argument);
    ASSERT_EQ(verdict.accepted, i % 50 == 0) << i << ", " << one.name << ": " << what;
    ASSERT_EQ(accepts(verdict.shown), verdict.accepted) << i << ", " << one.name << ": " << what;
    accepted += verdict.accepted ? 1 : 0;
  }
  EXPECT_EQ(accepted, 200);
}

}  // namespace
}  // namespace koinon::test::proof
