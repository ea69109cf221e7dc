#include "work/federated/masks.hpp"

#include <gtest/gtest.h>

#include <random>

namespace koinon::work::federated {
namespace {

using base::Code;

/// A sum from keys to shares; who takes part in the later steps is the test's.
struct Masks : ::testing::Test {
  void begin(const MaskTerms& t) {
    terms = t;
    for (std::size_t i = 0; i < t.parties; ++i) {
      parties.push_back(*MaskParty::make(i, t, random));
      keys.push_back(parties[i].keys());
      updates.emplace_back();
      for (std::size_t k = 0; k < t.length; ++k)
        updates[i].push_back(static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(2 * t.bound + 1)) - t.bound);
    }
    for (std::size_t i = 0; i < t.parties; ++i) boxes.push_back(*parties[i].shares(keys, random));
  }
  void deliver(const MaskSet& present) {
    for (const auto from : present)
      for (const auto to : present)
        if (from != to) {
          ASSERT_TRUE(parties[to].accept(from, boxes[from][to]));
        }
  }
  base::Result<std::vector<std::int64_t>> sum(const MaskSet& present, const MaskSet& survivors, const MaskSet& speakers) {
    for (const auto i : survivors) masked[i] = *parties[i].masked(updates[i], present);
    for (const auto i : speakers) words[i] = *parties[i].reveal(survivors);
    return unmask(terms, keys, present, masked, words);
  }
  [[nodiscard]] std::vector<std::int64_t> plain(const MaskSet& of) const {
    std::vector<std::int64_t> out(terms.length);
    for (const auto i : of)
      for (std::size_t k = 0; k < out.size(); ++k) out[k] += updates[i][k];
    return out;
  }
  base::SeededRandom random{1};
  std::mt19937_64 dice{2};
  MaskTerms terms;
  std::vector<MaskParty> parties;
  std::vector<MaskKeys> keys;
  std::vector<std::vector<std::int64_t>> updates;
  std::vector<std::vector<base::Bytes>> boxes;
  std::map<std::size_t, std::vector<std::uint32_t>> masked;
  std::map<std::size_t, MaskWords> words;
};

TEST_F(Masks, give_the_exact_sum_of_all) {
  begin({5, 3, 40'000, 400'000'000});
  deliver({0, 1, 2, 3, 4});
  EXPECT_EQ(*sum({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}), plain({0, 1, 2, 3, 4}));
}

TEST_F(Masks, give_the_sum_of_the_survivors_whoever_drops_out_when) {
  begin({7, 4, 100, 1000});
  deliver({0, 1, 2, 3, 5, 6});  // 4 never shares
  // 0 and 5 never send an update, 2 says nothing in the end.
  EXPECT_EQ(*sum({0, 1, 2, 3, 5, 6}, {1, 2, 3, 6}, {1, 3, 6, 2}), plain({1, 2, 3, 6}));
}

TEST_F(Masks, are_uniform_to_who_sees_one_update) {
  begin({3, 2, 20'000, 1});
  deliver({0, 1, 2});
  const auto seen = *parties[0].masked(updates[0], {0, 1, 2});
  double mean = 0, low = 0;
  for (const auto word : seen) {
    mean += word / 4294967296.0 / 20'000;
    low += word < 1U << 28 ? 1.0 / 20'000 : 0;
  }
  EXPECT_NEAR(mean, 0.5, 0.02);
  EXPECT_NEAR(low, 1.0 / 16, 0.01);
}

TEST_F(Masks, too_few_words_open_nothing) {
  begin({5, 4, 10, 10});
  deliver({0, 1, 2, 3, 4});
  EXPECT_EQ(sum({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, {0, 1, 2}).error().code, Code::exhausted);
  EXPECT_EQ(parties[3].reveal({0, 1, 2}).error().code, Code::exhausted);
}

TEST_F(Masks, false_shares_and_boxes_are_told) {
  begin({4, 3, 10, 10});
  auto box = boxes[0][1];
  box[20] ^= 1;
  EXPECT_EQ(parties[1].accept(0, box).error().code, Code::rejected);
  EXPECT_EQ(parties[1].accept(2, boxes[0][1]).error().code, Code::rejected);
  EXPECT_EQ(parties[1].accept(1, boxes[0][1]).error().code, Code::invalid_argument);
  EXPECT_EQ(parties[1].accept(0, {}).error().code, Code::invalid_argument);
  deliver({0, 1, 2, 3});
  ASSERT_TRUE(sum({0, 1, 2, 3}, {0, 1, 2}, {0, 1, 2}));
  for (const bool seed : {true, false}) {
    auto changed = words;
    (seed ? changed[0].seeds[1] : changed[0].keys[3])[5] ^= 4;
    EXPECT_EQ(unmask(terms, keys, {0, 1, 2, 3}, masked, changed).error().code, Code::rejected);
  }
}

TEST_F(Masks, a_party_gives_no_second_update_and_no_second_words) {
  begin({3, 2, 2, 10});
  EXPECT_EQ(parties[0].masked(updates[0], {0, 1}).error().code, Code::invalid_argument) << "no box from 1";
  deliver({0, 1, 2});
  EXPECT_EQ(parties[0].reveal({0, 1}).error().code, Code::conflict) << "before its update";
  EXPECT_EQ(parties[0].masked(std::vector<std::int64_t>{11, 0}, {0, 1}).error().code, Code::out_of_range);
  EXPECT_EQ(parties[0].masked(std::vector<std::int64_t>{1}, {0, 1}).error().code, Code::invalid_argument);
  EXPECT_EQ(parties[0].masked(updates[0], {1, 2}).error().code, Code::invalid_argument);
  EXPECT_EQ(parties[0].masked(updates[0], {1, 0}).error().code, Code::invalid_argument);
  ASSERT_TRUE(parties[0].masked(updates[0], {0, 1}));
  EXPECT_EQ(parties[0].masked(updates[0], {0, 1}).error().code, Code::conflict);
  EXPECT_EQ(parties[0].reveal({0, 2}).error().code, Code::invalid_argument) << "2 was not present";
  ASSERT_TRUE(parties[0].reveal({0, 1}));
  EXPECT_EQ(parties[0].reveal({0, 1}).error().code, Code::conflict);
}

TEST_F(Masks, refuse_terms_and_keys_that_are_wrong) {
  EXPECT_EQ((MaskTerms{1, 1, 1, 1}.check().error().code), Code::out_of_range);
  EXPECT_EQ((MaskTerms{4, 2, 1, 1}.check().error().code), Code::out_of_range);
  EXPECT_EQ((MaskTerms{4, 3, 0, 1}.check().error().code), Code::out_of_range);
  EXPECT_EQ((MaskTerms{4, 3, 1, 1 << 30}.check().error().code), Code::out_of_range);
  EXPECT_EQ(MaskParty::make(4, {4, 3, 1, 1}, random).error().code, Code::invalid_argument);
  auto party = *MaskParty::make(0, {2, 2, 1, 1}, random);
  EXPECT_EQ(party.shares({party.keys()}, random).error().code, Code::invalid_argument);
  EXPECT_EQ(party.shares({party.keys(), party.keys()}, random).error().code, Code::rejected);
  EXPECT_EQ(party.shares({party.keys(), MaskKeys{}}, random).error().code, Code::rejected);
  EXPECT_EQ(party.accept(1, {}).error().code, Code::conflict);
}

TEST(Secrets, come_back_from_any_threshold_of_shares_and_from_no_fewer) {
  base::SeededRandom random(3);
  MaskKey secret{};
  random.fill(secret);
  const auto shares = split_secret(secret, 255, 100, random);
  std::mt19937 dice(1);
  for (int i = 0; i < 5; ++i) {
    std::map<std::uint8_t, MaskKey> some;
    while (some.size() < 99) {
      const auto p = dice() % 255;
      some[static_cast<std::uint8_t>(p + 1)] = shares[p];
    }
    EXPECT_NE(join_secret(some), secret);
    while (some.size() < 100) {
      const auto p = dice() % 255;
      some[static_cast<std::uint8_t>(p + 1)] = shares[p];
    }
    EXPECT_EQ(join_secret(some), secret);
  }
}

}  // namespace
}  // namespace koinon::work::federated
