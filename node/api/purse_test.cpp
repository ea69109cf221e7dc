#include "node/api/purse.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace koinon::node::api {
namespace {

using base::Wei;

struct PurseTest : testing::Test {
  Purse purse;
  Purse::Means means{Wei(100), Wei(0), 0};
  base::Result<Purse::Hold> take(std::uint64_t order, std::uint64_t dispute = 0) {
    return purse.take(Wei(order), Wei(dispute), [this]() -> base::Result<Purse::Means> { return means; });
  }
};

TEST_F(PurseTest, two_orders_at_once_do_not_count_on_the_same_tokens) {
  auto first = take(10, 50);
  ASSERT_TRUE(first);
  EXPECT_FALSE(take(10, 50)) << "60 of 100 are spoken for";
  EXPECT_TRUE(take(10, 30));
}

TEST_F(PurseTest, what_stands_keeps_its_part) {
  means.kept = Wei(70);
  means.orders = 2;
  const auto refused = take(10, 30);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::conflict);
  for (const char* part : {"2 of your orders", "koinon account deposit 0.00000000000000001", "which come back"})
    EXPECT_NE(refused.error().text.find(part), std::string::npos) << part << ": " << refused.error().text;
  EXPECT_FALSE(take(40)) << "an order without a dispute does not spend it either";
  EXPECT_TRUE(take(30));
}

TEST_F(PurseTest, what_is_short_for_a_moment_is_waited_for) {
  auto first = std::make_unique<Purse::Hold>(take(80).value());
  std::jthread placed([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first.reset();  // that order failed
  });
  EXPECT_TRUE(take(80));
}

TEST_F(PurseTest, passes_the_errors_of_the_books_on) {
  const auto out = purse.take(Wei(1), Wei(0), []() -> base::Result<Purse::Means> {
    return base::fail(base::Code::network, "the ledger does not answer");
  });
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, base::Code::network);
}

}  // namespace
}  // namespace koinon::node::api
