#include <gtest/gtest.h>

#include <algorithm>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

bool drawn(const OrderView& order) { return !order.seats.empty(); }

/// A quarter of the lock (MarketConfig::silence_bps).
base::Wei silence() { return prices(20).scaled(quick_market().silence_bps, 10'000).value(); }

TEST(Silence, provider_that_never_commits_is_slashed_and_replaced) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.provider(0).conduct->seller = Mood::mute;
  const auto model = small_model();
  auto wanted = world.purchase(model, 20);
  wanted.k = 3;
  wanted.commit_window = 10;
  const auto before = world.money();
  const auto id = world.place(wanted);
  world.await(id, drawn);
  world.enter({3});
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.verdict->output_root, model.run(model.input(20)).roots.output);
  const auto& silent = seat_of(order, world.provider(0));
  EXPECT_EQ(silent.verdict, Standing::silent);
  EXPECT_EQ(silent.slashed, silence());
  EXPECT_TRUE(silent.paid.is_zero());
  const auto after = world.money();
  EXPECT_EQ(after.stake.at(world.provider(0).account()), before.stake.at(world.provider(0).account()).minus(silence()).value());
  for (const auto i : std::vector<std::size_t>{1, 2, 3}) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Silence, members_without_a_free_slot_decline_in_time) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  const std::vector<std::size_t> all{0, 1, 2};
  for (const auto i : all) world.provider(i).conduct->busy = true;
  const auto model = small_model();
  auto lengthy = world.purchase(model, 26);
  lengthy.commit_window = 90;
  const auto first = world.place(lengthy);
  world.await(first, [](const OrderView& order) { return order.phase == Phase::commit; });
  auto wanted = world.purchase(model, 27);
  wanted.commit_window = 12;
  const auto order = world.await_end(world.place(wanted));
  EXPECT_EQ(order.phase, Phase::refunded);
  for (const auto i : all) {
    const auto& seat = seat_of(order, world.provider(i));
    EXPECT_TRUE(seat.committed) << "account " << seat.account;
    EXPECT_EQ(seat.slashed, prices(1).scaled(1, 10).value())
        << "what UNSERVED costs, where silence costs " << silence().tokens();
  }
  for (const auto i : all) world.provider(i).conduct->busy = false;
  const auto done = world.await_end(first);
  ASSERT_EQ(done.phase, Phase::settled);
  for (const auto i : all) EXPECT_EQ(seat_of(done, world.provider(i)).paid, net_price());
}

TEST(Silence, a_provider_that_runs_sees_itself_suspended_and_offers_again) {
  auto& world = World::shared();
  world.cast({0});
  const auto account = world.provider(0).account();
  const auto seen = [&] {
    market::AccountView out;
    world.buyer().node->sync().read([&](const market::Book& book, std::uint64_t) { out = *book.account(account); });
    return out;
  };
  const auto order_of = [&](std::uint64_t input, std::uint32_t window) {
    auto wanted = world.purchase(small_model(), input);
    wanted.n = wanted.k = 1;
    wanted.commit_window = window;
    return world.place(wanted);
  };
  EXPECT_EQ(world.await_end(order_of(25, 20)).phase, Phase::settled);  // so that what it failed at before counts no more
  // With the least stake there is, so that what silence costs leaves too little for an offer.
  auto& node = *world.provider(0).node;
  ASSERT_TRUE(node.accounts().request_unstake(account, seen().stake.minus(node.least_stake()).value()));
  world.provider(0).conduct->seller = Mood::mute;
  EXPECT_EQ(world.await_end(order_of(26, 3)).phase, Phase::refunded);
  world.provider(0).conduct->seller = Mood::honest;
  ASSERT_TRUE(eventually([&] { return seen().offers.at(0).active && seen().relapses == 1; }));
  EXPECT_EQ(seen().stake.minus(seen().unbonding).value(), node.least_stake()) << "filled up from the free balance";
  ASSERT_TRUE(node.accounts().request_unstake(account, {}));
  EXPECT_EQ(world.buyer().node->accounts().eligible(0, World::kTier).value().count, 1U);
  EXPECT_EQ(world.await_end(order_of(27, 20)).phase, Phase::settled);
  EXPECT_EQ(seen().relapses, 0U) << "accepted work ends the count";
  world.expect_book_matches_ledger();
}

TEST(Silence, provider_that_never_reveals_is_slashed) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.provider(0).conduct->seller = Mood::forgets;
  const auto id = world.place(world.purchase(small_model(), 21));
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  const auto& silent = seat_of(order, world.provider(0));
  EXPECT_TRUE(silent.committed);
  EXPECT_FALSE(silent.revealed);
  EXPECT_EQ(silent.verdict, Standing::silent);
  EXPECT_EQ(silent.slashed, silence());
  for (const auto i : std::vector<std::size_t>{1, 2}) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Silence, order_that_everybody_leaves_is_refunded_whole) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->seller = Mood::mute;
  auto wanted = world.purchase(small_model(), 22);
  wanted.n = wanted.k = 1;
  wanted.commit_window = 3;
  const auto before = world.money();
  const auto order = world.await_end(world.place(wanted));
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(seat_of(order, world.provider(0)).slashed, silence());
  // All that it paid, and nothing of what the silent lost: that is burned, since silence can be arranged.
  const auto buyer = world.buyer().account();
  EXPECT_EQ(world.money().free.at(buyer), before.free.at(buyer));
  EXPECT_EQ(order.burned, silence());
  expect_conserved(order);
}

TEST(Silence, buyer_that_never_publishes_leaves_its_bond_to_the_members) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.buyer().conduct->buyer = BuyerMood::mute;
  const auto before = world.money();
  const auto order = world.await_end(world.place(world.purchase(small_model(), 23)));
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, 2);  // RefundReason.NoInput
  const auto part = order.bond.scaled(1, 3).value();
  const auto after = world.money();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto account = world.provider(i).account();
    EXPECT_EQ(after.free.at(account), before.free.at(account).plus(part).value());
    EXPECT_EQ(after.stake.at(account), before.stake.at(account));
  }
  expect_conserved(order);
}

TEST(Silence, buyer_that_vanishes_after_publishing_still_pays) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  auto buyer = world.join("buyer that vanishes");
  const auto account = buyer->account();
  const auto before = world.money();
  const auto id = world.place(world.purchase(small_model(), 24, *buyer), *buyer);
  world.await(id, [](const OrderView& order) {
    return !order.seats.empty() && std::ranges::all_of(order.seats, [](const auto& s) { return s.committed; });
  });
  buyer.reset();
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  EXPECT_EQ(world.money().free.at(account), before.free.at(account).minus(prices(3)).value());
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

}  // namespace
}  // namespace koinon::test::e2e
