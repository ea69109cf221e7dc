#include <gtest/gtest.h>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::Phase;
using market::Standing;

/// One provider, no audit: nobody else can deliver.
market::Purchase alone(World& world, const Model& model, std::uint64_t input) {
  auto out = world.purchase(model, input);
  out.n = out.k = 1;
  return out;
}

TEST(Delivery, right_root_with_withheld_bytes_is_not_paid_and_slashed) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->seller = Mood::keeps;
  const auto before = world.money();
  const auto order = world.await_end(world.place(alone(world, small_model(), 30)));
  ASSERT_EQ(order.phase, Phase::settled);
  const auto& seat = seat_of(order, world.provider(0));
  EXPECT_EQ(seat.verdict, Standing::silent);
  EXPECT_TRUE(seat.paid.is_zero());
  const auto slashed = prices(20).scaled(quick_market().silence_bps, 10'000).value();
  EXPECT_EQ(seat.slashed, slashed);
  const auto buyer = world.buyer().account();
  EXPECT_EQ(world.money().free.at(buyer), before.free.at(buyer));
  expect_conserved(order);
}

TEST(Delivery, withheld_bytes_come_over_the_ledger_part_by_part_and_are_paid) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->seller = Mood::withholds;
  const auto model = wide_model();
  const auto before = world.money();
  const auto id = world.place(alone(world, model, 31));
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  EXPECT_EQ(order.posted.size(), 2U);  // 80 KiB in parts of 64 KiB
  const auto result = world.buyer().node->buyer().result(order);
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->outputs, model.run(model.input(31)).outputs);
  // Who answers earns the bond of the demand, each time.
  const auto bonds = quick_market().demand_bond.times(2).value();
  const auto buyer = world.buyer().account();
  EXPECT_EQ(world.money().free.at(buyer), before.free.at(buyer).minus(prices(1)).value().minus(bonds).value());
  expect_conserved(order);
}

TEST(Delivery, hidden_input_comes_over_the_ledger_and_the_work_is_done) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.buyer().conduct->buyer = BuyerMood::hides;
  const auto model = wide_model();
  auto wanted = world.purchase(model, 32);
  wanted.commit_window = 40;
  const auto id = world.place(wanted);
  const auto order = world.await_end(id);
  world.buyer().conduct->buyer = BuyerMood::honest;
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.verdict->output_root, model.run(model.input(32)).roots.output);
  EXPECT_EQ(order.posted.size(), 2U);  // once for all three
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(seat_of(order, world.provider(i)).verdict, Standing::accepted);
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Delivery, input_that_is_never_shown_costs_the_buyer_its_bond) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.buyer().conduct->buyer = BuyerMood::keeps;
  const auto before = world.money();
  auto wanted = world.purchase(small_model(), 33);
  wanted.commit_window = 40;
  const auto order = world.await_end(world.place(wanted));
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, 2);  // RefundReason.NoInput
  EXPECT_TRUE(order.slashed.is_zero());
  const auto part = order.bond.scaled(1, 3).value();
  const auto after = world.money();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto account = world.provider(i).account();
    EXPECT_EQ(after.free.at(account), before.free.at(account).plus(part).value());
  }
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

}  // namespace
}  // namespace koinon::test::e2e
