#include "market/watch/rule.hpp"

#include <gtest/gtest.h>

#include "market/watch/game.hpp"

namespace koinon::market {
namespace {

OrderView order_of(std::uint64_t id, std::uint8_t tier) {
  OrderView out;
  out.id = id;
  out.terms.max_tier = tier;
  return out;
}

TEST(WatchRule, takes_every_claim_when_no_price_is_named) { EXPECT_TRUE(WatchRule{}.takes(order_of(1, 0), {}, {})); }

TEST(WatchRule, takes_every_claim_of_the_full_price_and_a_part_of_smaller_ones) {
  const WatchRule rule{tier_price(44)};
  std::size_t half = 0, tenth = 0;
  for (std::uint64_t id = 0; id < 4000; ++id) {
    EXPECT_TRUE(rule.takes(order_of(id, 44), {}, {}));
    half += rule.takes(order_of(id, 40), {}, {}) ? 1 : 0;
    tenth += rule.takes(order_of(id, 32), {}, {}) ? 1 : 0;
  }
  // Four tiers double the price: 1/2 and 1/8 of 4000, and six deviations of the binomial to each side.
  EXPECT_NEAR(static_cast<double>(half), 2000, 190);
  EXPECT_NEAR(static_cast<double>(tenth), 500, 126);
}

TEST(WatchRule, takes_others_with_another_secret) {
  const WatchRule rule{tier_price(44)};
  Hash secret;
  secret.bytes[0] = 1;
  std::size_t differ = 0;
  for (std::uint64_t id = 0; id < 1000; ++id)
    differ += rule.takes(order_of(id, 40), {}, {}) != rule.takes(order_of(id, 40), {}, secret) ? 1 : 0;
  EXPECT_GT(differ, 300U);
}

TEST(GameNote, reads_what_it_wrote_and_nothing_else) {
  GameNote note;
  note.stage = GameStage::found;
  note.fraud = 4;
  note.checked_ms = 1234;
  note.run_ms = 77;
  note.proof = {base::Cid::of(base::as_bytes("proof")), 5};
  note.salt.bytes[3] = 9;
  note.text = "a value has another length";
  const auto read = GameNote::from_json(note.to_json());
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->to_json(), note.to_json());
  for (const auto* bad : {"", "{}", "[]", R"({"stage":9})"})
    EXPECT_EQ(GameNote::from_json(bad).error().code, base::Code::malformed);
}

}  // namespace
}  // namespace koinon::market
