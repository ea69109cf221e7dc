#include "net/rate_limit.hpp"

#include <gtest/gtest.h>

namespace koinon::net {
namespace {

TEST(RateLimit, gives_a_burst_and_then_as_many_as_the_rate) {
  RateLimit limit(10, 40);
  for (int i = 0; i < 40; ++i) ASSERT_EQ(limit.ask("a", 1000), 0) << i;
  EXPECT_EQ(limit.ask("a", 1000), 100);
  EXPECT_EQ(limit.ask("a", 1040), 60);
  EXPECT_EQ(limit.ask("a", 1100), 0);
  EXPECT_GT(limit.ask("a", 1100), 0);
  int given = 0;
  for (std::int64_t ms = 1101; ms <= 11'100; ++ms) given += limit.ask("a", ms) == 0 ? 1 : 0;
  EXPECT_EQ(given, 100);
}

TEST(RateLimit, keeps_clients_apart) {
  RateLimit limit(1, 1);
  EXPECT_EQ(limit.ask("a", 0), 0);
  EXPECT_EQ(limit.ask("b", 0), 0);
  EXPECT_GT(limit.ask("a", 0), 0);
}

TEST(RateLimit, has_none_at_a_rate_of_zero) {
  RateLimit limit(0, 0);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(limit.ask("a", 0), 0);
}

TEST(RateLimit, does_not_overflow_after_years_of_rest) {
  RateLimit limit(1'000'000, 4'000'000);
  EXPECT_EQ(limit.ask("a", 0), 0);
  EXPECT_EQ(limit.ask("a", INT64_MAX / 2), 0);
  EXPECT_EQ(limit.ask("a", 5), 0);  // a clock that fell
}

TEST(RateLimit, lets_strangers_share_one_bucket_when_it_holds_its_most) {
  RateLimit limit(1, 1);
  for (std::size_t i = 0; i < RateLimit::kMostClients; ++i) ASSERT_EQ(limit.ask(std::to_string(i), 0), 0);
  EXPECT_EQ(limit.ask("stranger", 0), 0);
  EXPECT_GT(limit.ask("another", 0), 0);
  EXPECT_GT(limit.ask("7", 0), 0);
  // A second later all buckets are full, and forgotten.
  EXPECT_EQ(limit.ask("third", 2000), 0);
  EXPECT_EQ(limit.ask("fourth", 2000), 0);
}

}  // namespace
}  // namespace koinon::net
