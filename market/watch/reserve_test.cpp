#include "market/watch/reserve.hpp"

#include <gtest/gtest.h>

namespace koinon::market {
namespace {

constexpr std::uint32_t kSelf = 5, kOther = 6;

struct ReserveTest : testing::Test {
  DisputeTerms terms{60, 60, 60, 16, Wei(100)};
  OrderView order;
  ReserveTest() {
    order.phase = Phase::standing;
    order.terms.max_tier = 20;
  }
  [[nodiscard]] Wei fees(std::uint64_t count) const { return terms.demand_fee.times(count).value(); }
  [[nodiscard]] Wei price() const { return tier_price(order.terms.max_tier); }
};

TEST_F(ReserveTest, is_one_price_and_all_demands_from_the_placing_on) {
  const auto most = fees(16).plus(price()).value();
  EXPECT_EQ(dispute_reserve(order.terms.max_tier, terms), most);
  for (const auto phase : {Phase::draw, Phase::commit, Phase::standing}) {
    order.phase = phase;
    EXPECT_EQ(dispute_reserve(order, kSelf, terms), most);
  }
}

TEST_F(ReserveTest, falls_with_what_was_put_in_already) {
  order.dispute.demands[kOther].made = 16;
  EXPECT_EQ(dispute_reserve(order, kSelf, terms), fees(16).plus(price()).value()) << "another's fees are not ours";
  order.dispute.demands[kSelf].made = 1;
  EXPECT_EQ(dispute_reserve(order, kSelf, terms), price()) << "the first demand takes the fees of all";
  order.dispute.challenges.push_back({kOther, {}, price(), 5, 90, false, false});
  EXPECT_EQ(dispute_reserve(order, kSelf, terms), price()) << "another's bond is not ours";
  order.dispute.challenges.push_back({kSelf, {}, price(), 5, 90, false, false});
  EXPECT_TRUE(dispute_reserve(order, kSelf, terms).is_zero());
  order.dispute.challenges[1].closed = true;
  EXPECT_EQ(dispute_reserve(order, kSelf, terms), price()) << "it would have to be made again";
}

TEST_F(ReserveTest, is_nothing_once_the_claim_fell_or_the_order_is_over) {
  order.dispute.condemned = kWithheld;
  EXPECT_TRUE(dispute_reserve(order, kSelf, terms).is_zero());
  order.dispute.condemned.reset();
  for (const auto phase : {Phase::settled, Phase::refunded}) {
    order.phase = phase;
    EXPECT_TRUE(dispute_reserve(order, kSelf, terms).is_zero());
  }
}

TEST(Poverty, names_the_sum_that_is_missing) {
  const auto text = poverty_text(Wei::parse_tokens("0.25").value(), Wei::parse_tokens("1.5").value());
  EXPECT_NE(text.find("koinon account deposit 1.25"), std::string::npos) << text;
}

}  // namespace
}  // namespace koinon::market
