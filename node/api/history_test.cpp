#include "node/api/history.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using base::Wei;
using market::Phase;
using nlohmann::json;

/// An order of account 1, run by account 2 for 99 wei and by account 3 that lost 40; every test states its difference.
market::OrderView order(std::int64_t placed_ms, std::int64_t settled_ms) {
  market::OrderView out;
  out.id = 7;
  out.terms.buyer = 1;
  out.phase = Phase::settled;
  out.placed_at_ms = placed_ms;
  out.settled_at_ms = settled_ms;
  out.escrow = Wei(400);
  out.bond = Wei(30);
  out.refunded = Wei(310);
  out.paid = Wei(99);
  out.burned = Wei(21);
  out.seats.resize(2);
  out.seats[0].account = 2;
  out.seats[0].paid = Wei(99);
  out.seats[1].account = 3;
  out.seats[1].slashed = Wei(40);
  out.rewards[4] = Wei(10);
  return out;
}

json point(const History& history, std::size_t index) { return history.told()["points"][index]; }

TEST(History, counts_an_order_when_it_was_placed_and_its_money_when_it_ended) {
  History history(1'000, 2'000, 4, 0);
  history.add(order(1'100, 1'900));
  EXPECT_EQ(history.told()["step_ms"], 250);
  EXPECT_EQ(point(history, 0)["orders"], 1);
  EXPECT_EQ(point(history, 0)["paid"], "0");
  EXPECT_EQ(point(history, 3)["settled"], 1);
  EXPECT_EQ(point(history, 3)["paid"], "99");
  EXPECT_EQ(point(history, 3)["slashed"], "40");
  EXPECT_EQ(point(history, 3)["burned"], "21");
  EXPECT_EQ(point(history, 3)["spent"], "0");  // nobody was asked for
}

TEST(History, tells_what_an_account_spent_earned_and_lost) {
  for (const auto& [account, spent, earned, lost] : {std::tuple{1U, "120", "0", "0"}, std::tuple{2U, "0", "99", "0"},
                                                     std::tuple{3U, "0", "0", "40"}, std::tuple{4U, "0", "10", "0"}}) {
    History history(0, 10, 1, account);
    history.add(order(1, 5));
    EXPECT_EQ(point(history, 0)["spent"], spent);
    EXPECT_EQ(point(history, 0)["earned"], earned);
    EXPECT_EQ(point(history, 0)["lost"], lost);
  }
}

TEST(History, leaves_out_open_orders_money_and_what_lies_outside) {
  History history(1'000, 2'000, 2, 1);
  auto open = order(1'100, 0);
  open.phase = Phase::commit;
  history.add(open);
  history.add(order(900, 2'001));
  EXPECT_EQ(point(history, 0)["orders"], 1);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(point(history, i)["spent"], "0");
  EXPECT_EQ(History(5, 6, 200, 0).told()["points"].size(), 200U);
}

TEST(CheckRecord, tells_the_middle_time_and_the_mean_cost) {
  CheckRecord record;
  for (const std::int64_t ms : {900, 100, 200}) record.add(order(0, ms));
  auto refunded = order(0, 50'000);
  refunded.phase = Phase::refunded;
  record.add(refunded);
  const auto told = record.told();
  EXPECT_EQ(told["settled"], 3);
  EXPECT_EQ(told["refunded"], 1);
  EXPECT_EQ(told["disputed"], 3);
  EXPECT_EQ(told["median_ms"], 200);
  EXPECT_EQ(told["slow_ms"], 900);
  EXPECT_EQ(told["mean_cost"], "120");
}

TEST(CheckRecord, invents_nothing_without_orders) {
  const auto told = CheckRecord().told();
  EXPECT_EQ(told["settled"], 0);
  for (const char* key : {"median_ms", "slow_ms", "mean_cost"}) EXPECT_TRUE(told[key].is_null()) << key;
}

TEST(Base64, reads_what_it_wrote) {
  base::Bytes bytes;
  for (int size = 0; size < 40; ++size) {
    EXPECT_EQ(decode_base64(encode_base64(bytes)).value(), bytes);
    bytes.push_back(static_cast<std::uint8_t>(size * 89 + 7));
  }
  EXPECT_EQ(encode_base64(base::as_bytes("koinon")), "a29pbm9u");
}

}  // namespace
}  // namespace koinon::node::api
