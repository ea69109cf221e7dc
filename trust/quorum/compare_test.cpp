#include "trust/quorum/compare.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace koinon::trust {
namespace {

/// Members 2, 3 and 4 of a quorum and auditor 5, all with the tag of the same run.
struct CompareTest : testing::Test {
  OrderContext context{31337, {}, 7};
  base::Hash witness{{1}};
  std::vector<SeatTag> seats;

  void SetUp() override {
    for (std::uint32_t account = 2; account <= 5; ++account)
      seats.push_back({{account, {}, {}, tag(context, account, witness)}, account == 5 ? Role::audit : Role::quorum, true});
  }
};

TEST_F(CompareTest, an_audited_order_awaits_comparison_until_a_jury_sat) {
  EXPECT_TRUE(awaits_comparison(seats, 0));
  EXPECT_FALSE(awaits_comparison(seats, 1));
  seats[3].accepted = false;
  EXPECT_FALSE(awaits_comparison(seats, 0)) << "a silent auditor has nothing to compare";
  seats.pop_back();
  EXPECT_FALSE(awaits_comparison(seats, 0));
}

TEST_F(CompareTest, tags_of_a_run_are_left_alone) { EXPECT_EQ(without_run(context, seats, witness), 0U); }

TEST_F(CompareTest, a_tag_that_no_run_gives_names_its_account) {
  seats[3].claim.mark = base::Hash{{9}};
  EXPECT_EQ(without_run(context, seats, witness), 5U);
  seats[3].accepted = false;
  EXPECT_EQ(without_run(context, seats, witness), 0U) << "of who is not paid anyway";
}

TEST_F(CompareTest, the_tag_of_another_account_is_false) {
  seats[3].claim.mark = seats[0].claim.mark;
  EXPECT_EQ(without_run(context, seats, witness), 5U);
}

TEST_F(CompareTest, what_jurors_reveal_is_no_tag) {
  seats[3].role = Role::jury;
  seats[3].claim.mark = witness;
  EXPECT_EQ(without_run(context, seats, witness), 0U);
}

}  // namespace
}  // namespace koinon::trust
