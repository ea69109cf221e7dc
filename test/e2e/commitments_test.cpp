#include <gtest/gtest.h>

#include <algorithm>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

/// What provider `member` noted of its claim: it holds the salt that opens the commitment.
market::JobNote note_of(Member& member, const OrderView& order) {
  const auto text = member.node->store().settings.get("note/" + market::job_key(order, 0));
  EXPECT_TRUE(text && *text);
  return market::JobNote::from_json(**text).value();
}

std::size_t committed(const OrderView& order) {
  return static_cast<std::size_t>(std::ranges::count_if(order.seats, [](const auto& s) { return s.committed; }));
}

void expect_refused(const base::Status& status, std::string_view error) {
  ASSERT_FALSE(status) << "expected " << error;
  EXPECT_NE(status.error().text.find(error), std::string::npos) << status.error().text;
}

TEST(Commitments, copied_one_cannot_be_opened_and_nothing_is_revealed_twice) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  auto& honest = world.provider(0);
  auto& thief = world.provider(1);
  auto& third = world.provider(2);
  for (auto* member : {&thief, &third}) member->conduct->hold = true;
  // From now on the thief leaves everything to this test.
  thief.conduct->seller = Mood::forgets;
  const auto id = world.place(world.purchase(small_model(), 50));
  auto order = world.await(id, [](const OrderView& o) { return committed(o) == 1; });
  const auto claim = note_of(honest, order).claim;
  const auto stolen = seat_of(order, honest).commitment;

  auto& ledger = thief.node->market();
  expect_refused(ledger.commit(id, 0, honest.account(), stolen), "NotActor");
  ASSERT_TRUE(ledger.commit(id, 0, thief.account(), stolen));
  expect_refused(ledger.commit(id, 0, thief.account(), stolen), "AlreadyCommitted");
  third.conduct->seller = Mood::forgets;  // keeps the phase open while the test tries
  third.conduct->hold = false;
  order = world.await(id, [&](const OrderView& o) { return o.phase == Phase::reveal && seat_of(o, honest).revealed; });

  const auto opened = note_of(honest, order);
  auto copied = claim;
  copied.account = thief.account();
  const auto size = opened.result_size;
  expect_refused(ledger.reveal(id, 0, copied, opened.result_digest, size, opened.salt), "WrongReveal");
  expect_refused(ledger.reveal(id, 0, claim, opened.result_digest, size, opened.salt), "NotActor");
  expect_refused(honest.node->market().reveal(id, 0, claim, opened.result_digest, size, opened.salt), "AlreadyRevealed");

  third.conduct->seller = Mood::honest;
  thief.conduct->hold = false;
  order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, honest).paid, net_price());
  EXPECT_EQ(seat_of(order, thief).verdict, Standing::silent);
  EXPECT_TRUE(seat_of(order, thief).paid.is_zero());
  expect_conserved(order);
  expect_refused(honest.node->market().reveal(id, 0, claim, opened.result_digest, size, opened.salt), "WrongPhase");
  expect_refused(honest.node->market().settle(id), "WrongPhase");
}

}  // namespace
}  // namespace koinon::test::e2e
