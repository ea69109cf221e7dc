#include <gtest/gtest.h>

#include "test/e2e/world.hpp"

namespace koinon::test::e2e {
namespace {

using market::Phase;

TEST(Addresses, nodes_on_two_addresses_trade_with_each_other) {
  auto& world = World::shared();
  world.cast({});
  const auto model = small_model();
  auto seller = world.join("seller elsewhere", [](node::NodeOptions& options) {
    options.config.http_address = "127.0.0.2";
    options.provide = true;
  });
  EXPECT_TRUE(seller->node->url().starts_with("http://127.0.0.2:")) << seller->node->url();
  EXPECT_TRUE(world.buyer().node->url().starts_with("http://127.0.0.1:"));
  auto wanted = world.purchase(model, 60);
  wanted.n = wanted.k = 1;
  const auto id = world.place(wanted);
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, *seller).paid, net_price());
  EXPECT_EQ(world.receipt(id).outputs, model.run(model.input(60)).outputs);

  // And the other way round: the node at 127.0.0.2 buys.
  world.cast({0});
  ASSERT_TRUE(seller->node->accounts().set_offer(seller->account(), 0, World::kTier, false));
  auto back = world.purchase(model, 61, *seller);
  back.n = back.k = 1;
  const auto second = world.place(back, *seller);
  EXPECT_EQ(world.await_end(second).phase, Phase::settled);
  EXPECT_EQ(world.receipt(second, *seller).outputs, model.run(model.input(61)).outputs);
}

}  // namespace
}  // namespace koinon::test::e2e
