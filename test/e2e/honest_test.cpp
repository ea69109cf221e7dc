#include <gtest/gtest.h>

#include <algorithm>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using base::Wei;
using market::Phase;
using market::Standing;

TEST(Honest, order_is_checked_and_paid_to_the_wei) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  const auto model = small_model();
  const auto before = world.money();
  const auto id = world.place(world.purchase(model, 1));
  const auto order = world.await_end(id);

  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.outcome(), trust::Verdict::accepted);
  const auto truth = model.run(model.input(1));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, truth.roots.output);
  EXPECT_EQ(order.verdict->trace_root, truth.roots.trace);
  const auto after = world.money();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& seat = seat_of(order, world.provider(i));
    EXPECT_EQ(seat.verdict, Standing::accepted);
    EXPECT_EQ(seat.paid, net_price());
    EXPECT_TRUE(seat.slashed.is_zero());
    const auto account = world.provider(i).account();
    EXPECT_EQ(after.free.at(account), before.free.at(account).plus(net_price()).value());
    EXPECT_EQ(after.stake.at(account), before.stake.at(account));
  }
  // Four prices in escrow (three runs and one audit) and a bond of three tenths; three prices spent.
  EXPECT_EQ(order.escrow, prices(4));
  EXPECT_EQ(order.bond, prices(3).scaled(1, 10).value());
  const auto buyer = world.buyer().account();
  EXPECT_EQ(after.free.at(buyer), before.free.at(buyer).minus(prices(3)).value());
  expect_conserved(order);
}

TEST(Honest, receipt_verifies_offline_and_on_the_ledger_and_holds_the_answer) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  const auto model = small_model();
  const auto id = world.place(world.purchase(model, 2));
  ASSERT_EQ(world.await_end(id).phase, Phase::settled);
  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.outputs, model.run(model.input(2)).outputs);
  const auto report = market::verify_offline(receipt);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->supporting, 3U);
  world.buyer().node->sync().read([&](const market::Book& book, std::uint64_t) {
    const auto there = market::verify_on_ledger(receipt, book);
    EXPECT_TRUE(there) << there.error().text;
  });
  auto forged = receipt;
  forged.outputs[0][0] ^= 1;
  EXPECT_FALSE(market::verify_offline(forged));
}

TEST(Honest, auditor_of_right_work_is_paid_too) {
  auto& world = World::shared();
  world.cast({0, 1});
  auto wanted = world.purchase(small_model(), 3);
  wanted.n = wanted.k = 1;
  wanted.audit_bps = 10'000;
  const auto order = world.await_end(world.place(wanted));
  ASSERT_EQ(order.phase, Phase::settled);
  ASSERT_EQ(order.rounds.size(), 2U);
  EXPECT_EQ(order.rounds[1].role, trust::Role::audit);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  EXPECT_EQ(order.refunded, order.bond);
  expect_conserved(order);
}

TEST(Honest, many_orders_at_once_all_settle) {
  auto& world = World::shared();
  world.cast({0, 1, 2, 3, 4});
  const auto model = small_model();
  std::vector<std::uint64_t> ids;
  for (std::uint64_t i = 0; i < 12; ++i) {
    auto placed = world.buyer().node->buyer().place(world.purchase(model, 100 + i));
    ASSERT_TRUE(placed) << placed.error().text;
    ids.push_back(*placed);
  }
  for (std::uint64_t i = 0; i < ids.size(); ++i) {
    const auto order = world.await_end(ids[i]);
    ASSERT_EQ(order.phase, Phase::settled) << "order " << ids[i];
    EXPECT_EQ(order.verdict->output_root, model.run(model.input(100 + i)).roots.output);
    EXPECT_EQ(order.paid, net_price().times(3).value());
    expect_conserved(order);
  }
  world.expect_book_matches_ledger();
}

TEST(Honest, rubbish_for_a_model_is_nobodys_fault_but_the_buyers) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  auto wanted = world.purchase(small_model(), 4);
  wanted.inputs[0].push_back(0);  // one byte more than the program takes
  const auto order = world.await_end(world.place(wanted));
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.outcome(), trust::Verdict::bad_input);
  for (const auto& seat : order.seats) EXPECT_TRUE(seat.slashed.is_zero());
  EXPECT_EQ(order.paid, order.bond.scaled(1, 3).value().times(3).value());  // the buyer's bond, in equal parts
  expect_conserved(order);
}

}  // namespace
}  // namespace koinon::test::e2e
