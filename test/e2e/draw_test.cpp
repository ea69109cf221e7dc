#include <gtest/gtest.h>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using base::Wei;
using market::OrderView;
using market::Phase;

bool drawn(const OrderView& order) { return !order.seats.empty(); }

TEST(Draw, provider_with_too_little_stake_is_not_drawn) {
  auto& world = World::shared();
  world.cast({0, 1, 2, 3});
  auto& poor = world.provider(3);
  const auto stake = world.money().stake.at(poor.account());
  // One wei less than an order locks stays free.
  const auto asked = stake.minus(prices(20)).value().plus(Wei(1)).value();
  ASSERT_TRUE(poor.node->accounts().request_unstake(poor.account(), asked));
  EXPECT_EQ(world.buyer().node->accounts().eligible(0, World::kTier).value().count, 3U);
  const auto order = world.await_end(world.place(world.purchase(small_model(), 40)));
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.seat(poor.account()), nullptr);
  // It takes the stake out once it is unbonded, and puts it back for the tests that follow.
  ASSERT_TRUE(eventually([&] { return poor.node->accounts().finish_unstake(poor.account()).has_value(); }));
  ASSERT_TRUE(poor.node->accounts().stake(poor.account(), asked));
  EXPECT_EQ(world.money().stake.at(poor.account()), stake);
}

TEST(Draw, order_that_too_few_can_serve_is_refunded_at_no_cost) {
  auto& world = World::shared();
  world.cast({0});
  const auto before = world.money();
  const auto order = world.await_end(world.place(world.purchase(small_model(), 41)));
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, 1);  // RefundReason.NoProviders
  const auto after = world.money();
  EXPECT_EQ(after.free.at(world.buyer().account()), before.free.at(world.buyer().account()));
  EXPECT_EQ(after.stake.at(world.provider(0).account()), before.stake.at(world.provider(0).account()));
}

TEST(Draw, provider_that_raises_its_price_between_order_and_draw_is_not_drawn) {
  auto& world = World::shared();
  world.cast({0, 1, 2, 3});
  auto& node = *world.buyer().node;
  auto& greedy = world.provider(3);
  EXPECT_EQ(node.accounts().eligible(0, World::kTier).value().count, 4U);
  // A second account of the same owner, whose orders no actor cares for: nobody draws before this test does.
  const auto money = Wei::parse_tokens("1").value();
  const auto account = node.accounts().open(node.operator_address(), node.operator_address());
  ASSERT_TRUE(account) << account.error().text;
  ASSERT_TRUE(node.fund(node.operator_address(), money));
  ASSERT_TRUE(node.accounts().deposit(*account, money));
  market::Terms terms;
  terms.buyer = *account;
  terms.n = 4;
  terms.k = 3;
  terms.max_tier = World::kTier;
  terms.commit_window = 5;
  terms.nonce = 7;
  terms.spec = terms.input_root = small_model().id;
  const auto id = node.market().place(terms);
  ASSERT_TRUE(id) << id.error().text;
  ASSERT_TRUE(greedy.node->accounts().set_offer(greedy.account(), 0, World::kTier + 1, true));
  const auto drawing = node.market().draw(*id);
  ASSERT_TRUE(drawing) << drawing.error().text;
  const auto order = world.await(*id, drawn);
  EXPECT_EQ(order.seats.size(), 3U);
  EXPECT_EQ(order.seat(greedy.account()), nullptr);
  for (const auto& seat : order.seats) EXPECT_LE(seat.tier, World::kTier);
  // No input ever comes; the members end the order and share the bond.
  EXPECT_EQ(world.await_end(*id).phase, Phase::refunded);
  ASSERT_TRUE(greedy.node->accounts().set_offer(greedy.account(), 0, World::kTier, true));
}

}  // namespace
}  // namespace koinon::test::e2e
