#include <gtest/gtest.h>

#include <algorithm>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

bool drawn(const OrderView& order) { return !order.seats.empty(); }

/// What a member of quorum(n) locks: 20 prices, or 4n + 4 when that is more.
base::Wei lock_of_three() { return prices(20); }

void expect_truth(const OrderView& order, const Model& model, std::uint64_t input) {
  ASSERT_EQ(order.phase, Phase::settled);
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, model.run(model.input(input)).roots.output);
}

void expect_caught(const OrderView& order, const Member& liar, const Money& before, const Money& after) {
  const auto& seat = seat_of(order, liar);
  EXPECT_EQ(seat.verdict, Standing::rejected) << liar.name;
  EXPECT_TRUE(seat.paid.is_zero());
  EXPECT_EQ(seat.slashed, lock_of_three());
  EXPECT_EQ(after.stake.at(liar.account()), before.stake.at(liar.account()).minus(lock_of_three()).value());
}

TEST(Liars, minority_is_slashed_and_the_buyer_gets_the_right_result) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.provider(0).conduct->seller = Mood::lies;
  const auto model = small_model();
  const auto before = world.money();
  const auto id = world.place(world.purchase(model, 10));
  const auto order = world.await_end(id);
  const auto after = world.money();
  expect_truth(order, model, 10);
  expect_caught(order, world.provider(0), before, after);
  for (const auto i : std::vector<std::size_t>{1, 2}) {
    EXPECT_EQ(seat_of(order, world.provider(i)).verdict, Standing::accepted);
    EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  }
  // The buyer pays for what it got; what the liar lost is burned, because nobody had to find it.
  EXPECT_EQ(after.free.at(world.buyer().account()), before.free.at(world.buyer().account()).minus(prices(2)).value());
  EXPECT_EQ(order.burned, lock_of_three().plus(prices(2).minus(net_price().times(2).value()).value()).value());
  expect_conserved(order);
  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.outputs, model.run(model.input(10)).outputs);
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;
}

TEST(Liars, majority_is_caught_by_the_audit) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  for (const auto i : std::vector<std::size_t>{0, 1}) world.provider(i).conduct->seller = Mood::lies;
  world.provider(2).conduct->hold = true;
  const auto model = small_model();
  auto wanted = world.purchase(model, 11);
  wanted.audit_bps = 10'000;
  const auto before = world.money();
  const auto id = world.place(wanted);
  world.await(id, drawn);
  world.enter({3, 4, 5, 6, 7, 8, 9});  // of these the auditor and the jury
  world.provider(2).conduct->hold = false;
  const auto order = world.await_end(id);
  const auto after = world.money();
  expect_truth(order, model, 11);
  for (const auto i : std::vector<std::size_t>{0, 1}) expect_caught(order, world.provider(i), before, after);
  EXPECT_EQ(seat_of(order, world.provider(2)).verdict, Standing::accepted);
  EXPECT_EQ(order.juries, 1);
  ASSERT_EQ(order.rounds.size(), 3U);
  for (const auto& seat : order.seats) {
    if (seat.round == 0) continue;
    EXPECT_EQ(seat.verdict, Standing::accepted);
    EXPECT_GE(seat.paid, net_price());  // the auditor has a reward on top
  }
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Liars, false_claims_of_bad_input_cost_the_whole_lock) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  for (const auto i : std::vector<std::size_t>{0, 1}) world.provider(i).conduct->seller = Mood::slanders;
  world.provider(2).conduct->hold = true;
  const auto model = small_model();
  const auto before = world.money();
  const auto id = world.place(world.purchase(model, 19));
  world.await(id, drawn);
  world.enter({3, 4, 5, 6, 7, 8, 9});  // the jury
  world.provider(2).conduct->hold = false;
  const auto order = world.await_end(id);
  const auto after = world.money();
  expect_truth(order, model, 19);
  for (const auto i : std::vector<std::size_t>{0, 1}) expect_caught(order, world.provider(i), before, after);
  EXPECT_EQ(seat_of(order, world.provider(2)).paid, net_price());
  EXPECT_EQ(order.juries, 1);
  EXPECT_GT(order.appeals_returned, order.appeal_bonds);
  expect_conserved(order);
}

TEST(Liars, majority_is_caught_by_the_appeal_of_the_honest_minority) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  for (const auto i : std::vector<std::size_t>{0, 1}) world.provider(i).conduct->seller = Mood::lies;
  world.provider(2).conduct->hold = true;
  const auto model = small_model();
  const auto before = world.money();
  const auto id = world.place(world.purchase(model, 12));
  world.await(id, drawn);
  world.enter({3, 4, 5, 6, 7, 8, 9});  // the jury
  world.provider(2).conduct->hold = false;
  const auto order = world.await_end(id);
  const auto after = world.money();
  expect_truth(order, model, 12);
  for (const auto i : std::vector<std::size_t>{0, 1}) expect_caught(order, world.provider(i), before, after);
  const auto& honest = seat_of(order, world.provider(2));
  EXPECT_EQ(honest.verdict, Standing::accepted);
  EXPECT_EQ(honest.paid, net_price());
  EXPECT_GT(order.appeals_returned, order.appeal_bonds);  // the bond came back with a reward
  const auto reward = order.appeals_returned.minus(order.appeal_bonds).value();
  EXPECT_EQ(after.free.at(world.provider(2).account()),
            before.free.at(world.provider(2).account()).plus(net_price()).value().plus(reward).value());
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Liars, who_has_all_its_money_staked_appeals_from_its_stake) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  for (const auto i : std::vector<std::size_t>{0, 1}) world.provider(i).conduct->seller = Mood::lies;
  auto& honest = world.provider(2);
  honest.conduct->hold = true;
  const auto model = small_model();
  const auto id = world.place(world.purchase(model, 18));
  world.await(id, drawn);
  world.enter({3, 4, 5, 6, 7, 8, 9});  // the jury
  ASSERT_TRUE(honest.node->accounts().withdraw(honest.account(), world.money().free.at(honest.account())));
  const auto before = world.money();
  ASSERT_TRUE(before.free.at(honest.account()).is_zero());
  honest.conduct->hold = false;
  const auto order = world.await_end(id);
  const auto after = world.money();
  expect_truth(order, model, 18);
  for (const auto i : std::vector<std::size_t>{0, 1}) expect_caught(order, world.provider(i), before, after);
  EXPECT_EQ(seat_of(order, honest).verdict, Standing::accepted);
  EXPECT_EQ(seat_of(order, honest).paid, net_price());
  // Five quarters of what a jury of seven is paid, out of the stake, and with the reward into the free balance.
  const auto bond = prices(7).scaled(5, 4).value();
  EXPECT_EQ(order.appeal_bonds, bond);
  EXPECT_EQ(after.stake.at(honest.account()), before.stake.at(honest.account()).minus(bond).value());
  EXPECT_EQ(after.free.at(honest.account()), order.appeals_returned.plus(net_price()).value());
  EXPECT_GT(order.appeals_returned, bond);
  expect_conserved(order);
  world.expect_book_matches_ledger();
  ASSERT_TRUE(honest.node->accounts().stake(honest.account(), bond));  // for the tests that follow
}

TEST(Liars, single_liar_is_caught_by_a_trap_of_the_buyer) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->seller = Mood::lies;
  world.provider(0).conduct->hold = true;
  const auto model = small_model();
  auto wanted = world.purchase(model, 13);
  wanted.n = wanted.k = 1;
  wanted.expected = model.run(wanted.inputs).roots;
  const auto before = world.money();
  const auto id = world.place(wanted);
  world.await(id, drawn);
  world.enter({1, 2, 3});
  world.provider(0).conduct->hold = false;
  const auto order = world.await_end(id);
  expect_truth(order, model, 13);
  expect_caught(order, world.provider(0), before, world.money());
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

/// One provider works, and one copies its claim as the auditor. `ran`: the buyer has a run of its own.
void expect_lazy_auditor_caught(std::uint64_t input, bool ran) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->hold = true;
  const auto model = small_model();
  auto wanted = world.purchase(model, input);
  wanted.n = wanted.k = 1;
  wanted.audit_bps = 10'000;
  if (ran) wanted.expected = model.run(wanted.inputs).roots;
  const auto before = world.money();
  const auto id = world.place(wanted);
  world.await(id, drawn);
  world.provider(1).conduct->seller = Mood::copies;
  world.provider(1).conduct->hold = true;
  world.enter({1});
  world.provider(0).conduct->hold = false;
  world.await(id, [](const OrderView& order) { return order.seats.size() == 2; });
  world.enter({2, 3, 4});
  world.provider(1).conduct->hold = false;
  const auto order = world.await_end(id);
  expect_truth(order, model, input);
  expect_caught(order, world.provider(1), before, world.money());
  EXPECT_EQ(seat_of(order, world.provider(0)).verdict, Standing::accepted);
  EXPECT_GT(order.appeals_returned, order.appeal_bonds);
  const auto appellant = ran ? world.buyer().account() : world.provider(0).account();
  EXPECT_TRUE(order.rewards.contains(appellant)) << "who found it is rewarded";
  expect_conserved(order);
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Liars, lazy_auditor_is_exposed_by_its_tag) { expect_lazy_auditor_caught(14, true); }

TEST(Liars, lazy_auditor_is_exposed_by_the_member_that_ran_it) { expect_lazy_auditor_caught(23, false); }

TEST(Liars, appeal_without_cause_pays_the_jury_and_changes_nothing) {
  auto& world = World::shared();
  world.cast({0});
  world.provider(0).conduct->hold = true;
  const auto model = small_model();
  auto wanted = world.purchase(model, 15);
  wanted.n = wanted.k = 1;
  wanted.expected = trust::Roots{};  // a buyer that expects what no run gives
  const auto before = world.money();
  const auto id = world.place(wanted);
  world.await(id, drawn);
  world.enter({1, 2, 3});
  world.provider(0).conduct->hold = false;
  const auto order = world.await_end(id);
  expect_truth(order, model, 15);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  EXPECT_TRUE(order.slashed.is_zero());
  EXPECT_TRUE(order.appeals_returned.is_zero());
  EXPECT_LT(world.money().free.at(world.buyer().account()), before.free.at(world.buyer().account()).minus(prices(1)).value());
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

}  // namespace
}  // namespace koinon::test::e2e
