#include <gtest/gtest.h>

#include "test/crash/network.hpp"

namespace koinon::test::crash {
namespace {

TEST(Crash, two_hundred_kills_at_random_moments_lose_nothing) {
  Network network(std::random_device{}());
  const auto started = network.start(4);
  ASSERT_TRUE(started) << started.error().text;
  const auto tormented = network.torment(200);
  ASSERT_TRUE(tormented) << tormented.error().text;
  const auto settled = network.settle(300'000);
  ASSERT_TRUE(settled) << settled.error().text;
  network.expect_nothing_lost();
}

}  // namespace
}  // namespace koinon::test::crash
