#pragma once
#include <gtest/gtest.h>

#include "test/quorum/case_dice.hpp"

namespace koinon::test::quorum {

/// Throws `count` cases and asks the C++ check and its contract; every decision must be equal, and every action of `expected`
/// must occur at least `least` times.
template <class Contract>
void compare_twins(const trust::Check& check, const Contract& contract, std::uint64_t seed, std::size_t count,
                   const std::vector<trust::Action>& expected, std::size_t least) {
  base::SeededRandom random(seed);
  std::map<trust::Action, std::size_t> seen;
  std::size_t judged = 0;
  std::size_t rejected = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto facts = throw_case(random);
    const auto here = check.decide(facts);
    const auto there = contract.decide(to_contract<Contract>(facts));
    ASSERT_TRUE(there) << "case " << i << " of seed " << seed << ": " << there.error().text;
    ASSERT_EQ(here, from_contract(*there)) << "case " << i << " of seed " << seed;
    ++seen[here.action];
    judged += here.witness.is_zero() ? 0 : 1;
    rejected += here.rejected == 0 ? 0 : 1;
  }
  for (const auto action : expected) EXPECT_GE(seen[action], least) << "action " << static_cast<int>(action);
  EXPECT_GE(judged, least);
  EXPECT_GE(rejected, least);
}

}  // namespace koinon::test::quorum
