#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "net/mute_peer.hpp"
#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

bool asks_for_work(const OrderView& order) { return order.phase == Phase::commit; }

TEST(Peers, mute_ones_hold_no_run_slot) {
  const net::MutePeer mute;
  auto& world = World::shared();
  world.cast({0, 1, 2});
  const auto model = small_model();
  auto slow =
      world.join("buyer that serves nothing", [&](node::NodeOptions& options) { options.config.public_endpoint = mute.url(); });
  slow->conduct->buyer = BuyerMood::keeps;
  std::vector<std::uint64_t> slow_orders;
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto wanted = world.purchase(model, 40 + i, *slow);
    wanted.commit_window = 60;
    slow_orders.push_back(world.place(wanted, *slow));
  }
  for (const auto id : slow_orders) world.await(id, asks_for_work);
  // Three providers with one slot each, and three orders before this one whose input nobody will ever hand over.
  auto wanted = world.purchase(model, 50);
  wanted.commit_window = 12;
  const auto order = world.await_end(world.place(wanted));
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.rounds.size(), 1U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  for (const auto id : slow_orders) EXPECT_EQ(world.await_end(id).phase, Phase::refunded);
}

TEST(Peers, auditor_gets_the_input_from_earlier_members_when_the_buyer_publishes_rubbish) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.buyer().conduct->buyer = BuyerMood::misleads;
  const auto model = small_model();
  auto wanted = world.purchase(model, 51);
  wanted.audit_bps = 10'000;
  const auto id = world.place(wanted);
  world.await(id, [](const OrderView& order) { return !order.seats.empty(); });
  world.enter({3, 4, 5, 6, 7, 8, 9});
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.verdict->output_root, model.run(model.input(51)).roots.output);
  ASSERT_EQ(order.rounds.size(), 2U) << "no jury was needed";
  EXPECT_GE(order.rounds[1].published.size(), 2U);
  for (const auto& seat : order.seats) EXPECT_EQ(seat.verdict, Standing::accepted) << "account " << seat.account;
  EXPECT_TRUE(order.slashed.is_zero());
  expect_conserved(order);
}

TEST(Peers, artifacts_of_an_order_are_let_go_some_time_after_its_end) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  auto buyer = world.join("buyer of short memory");
  const auto id = world.place(world.purchase(small_model(), 52, *buyer), *buyer);
  EXPECT_GT(buyer->node->artifacts().usage().pinned_bytes, 0U);
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  world.receipt(id, *buyer);
  // Each line of the file: name, end of the hold, reason. A day after the settlement, not a month.
  const auto until = order.settled_at_ms + std::int64_t{24} * 3'600'000;
  EXPECT_TRUE(eventually([&] {
    const auto text = base::read_file(buyer->folder.path() / "artifacts" / "pins");
    if (!text) return false;
    std::istringstream lines{std::string(base::as_text(*text))};
    std::string name;
    std::string reason;
    int seen = 0;
    for (std::int64_t end = 0; lines >> name >> end >> reason; ++seen)
      if (end != until) return false;
    return seen >= 3;  // the sealed input, the envelope, results
  }));
}

}  // namespace
}  // namespace koinon::test::e2e
