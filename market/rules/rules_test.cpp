#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"
#include "market/rules/market.hpp"

namespace koinon::market::rules {
namespace {

constexpr std::uint8_t kTier = 40;

/// Thirty providers with three locks each, and a buyer.
struct Rules : testing::Test {
  Registry registry{lock_of(3, price(kTier))};
  Market market{registry, Config{}};
  std::uint32_t buyer = 0;
  base::SeededRandom random{5};

  void SetUp() override {
    for (int i = 0; i < 30; ++i) {
      const auto id = registry.open(100 * lock_of(3, price(kTier)));
      ASSERT_TRUE(registry.stake(id, 3 * lock_of(3, price(kTier))));
      ASSERT_TRUE(registry.offer(id, kTier));
    }
    buyer = registry.open(1'000'000 * price(kTier));
  }

  std::uint64_t ordered(std::uint16_t audit_bps = 0) {
    const auto id = market.place({buyer, 0, 3, 2, kTier, audit_bps});
    EXPECT_TRUE(id);
    EXPECT_TRUE(market.draw(*id, random.hash()));
    EXPECT_TRUE(market.publish(*id, buyer));
    return *id;
  }

  /// The current round commits and reveals; the first `liars` of it another result.
  void work(std::uint64_t id, std::size_t liars = 0) {
    const auto& o = market.order(id);
    const auto round = o.facts.rounds.size() - 1;
    std::vector<std::uint32_t> seats;
    for (const auto& c : o.facts.claims)
      if (c.round == round) seats.push_back(c.claim.account);
    for (const auto account : seats) EXPECT_TRUE(market.commit(id, account));
    const auto secret = base::Hash{{7}};
    for (std::size_t i = 0; i < seats.size(); ++i) {
      const base::Hash output{{static_cast<std::uint8_t>(i < liars ? 9 : 1)}};
      const auto mark = o.facts.rounds.back().role == trust::Role::jury
                            ? trust::witness_link(o.facts.context, secret, 0)
                            : trust::tag(o.facts.context, seats[i], trust::witness_link(o.facts.context, secret, 0));
      EXPECT_TRUE(market.reveal(id, seats[i], output, base::Hash{}, mark));
    }
  }
};

TEST_F(Rules, an_honest_order_pays_each_its_price_less_the_fee) {
  const auto id = ordered();
  work(id);
  ASSERT_TRUE(market.draw_audit(id, random.hash()));
  ASSERT_EQ(market.order(id).phase, Phase::standing);
  ASSERT_TRUE(market.confirm(id));
  const auto& end = market.order(id).ending;
  for (const auto& m : end.members) {
    EXPECT_EQ(m.verdict, Standing::accepted);
    EXPECT_TRUE(m.paid == price(kTier) - price(kTier) / 100);
  }
  EXPECT_TRUE(end.buyer == price(kTier) + price(kTier) * 3 / 10) << "the audit's price and the bond";
  EXPECT_TRUE(registry.held() == 0);
  EXPECT_TRUE(registry.solvent());
}

TEST_F(Rules, two_liars_lose_their_locks_when_the_third_appeals) {
  const auto id = ordered();
  work(id, 2);
  ASSERT_TRUE(market.draw_audit(id, random.hash()));
  const auto third = market.order(id).facts.claims[2].claim.account;
  EXPECT_EQ(market.order(id).rejected, 4U);
  ASSERT_TRUE(market.appeal(id, third));
  ASSERT_TRUE(market.draw(id, random.hash()));
  ASSERT_TRUE(market.publish(id, buyer));
  work(id);
  ASSERT_TRUE(market.expire(id));
  const auto lock = lock_of(3, price(kTier));
  EXPECT_TRUE(registry.slashed() == 2 * lock);
  const auto& end = market.order(id).ending;
  EXPECT_TRUE(end.appeals.at(0) == price(kTier) * 35 / 4 + (lock - 7 * price(kTier)) / 2) << "its bond and the reward";
  EXPECT_TRUE(registry.solvent());
}

TEST_F(Rules, who_is_silent_is_suspended_until_it_offers_again) {
  const auto id = ordered();
  const auto& o = market.order(id);
  const auto gone = o.facts.claims[0].claim.account;
  for (std::size_t i = 1; i < 3; ++i) ASSERT_TRUE(market.commit(id, o.facts.claims[i].claim.account));
  ASSERT_TRUE(market.expire(id));
  EXPECT_EQ(o.phase, Phase::reveal);
  ASSERT_TRUE(market.expire(id));  // nobody reveals
  ASSERT_EQ(o.phase, Phase::refunded);
  EXPECT_EQ(registry.account(gone).weight, 0U);
  EXPECT_TRUE(registry.account(gone).suspended);
  EXPECT_TRUE(registry.offer(gone, kTier));
  EXPECT_GT(registry.account(gone).weight, 0U);
  EXPECT_TRUE(registry.solvent());
}

TEST_F(Rules, refuse_what_the_contracts_refuse) {
  EXPECT_FALSE(market.place({buyer, 0, 3, 1, kTier, 0})) << "k";
  EXPECT_FALSE(market.place({buyer, 0, 6, 4, kTier, 0})) << "n";
  EXPECT_FALSE(market.place({buyer, 1, 3, 2, kTier, 0})) << "an optimistic order has one member";
  EXPECT_FALSE(market.place({1, 0, 3, 2, 100, 0})) << "its money";
  const auto id = ordered();
  EXPECT_FALSE(market.draw(id, random.hash()));
  EXPECT_FALSE(market.confirm(id));
  EXPECT_FALSE(market.appeal(id, 1));
  EXPECT_FALSE(market.commit(id, buyer));
  EXPECT_FALSE(market.challenge(id, 1));
}

TEST(DrawTree, finds_what_a_walk_finds) {
  DrawTree tree;
  base::SeededRandom random{3};
  struct Leaf {
    std::uint8_t tier;
    std::uint16_t place;
    std::uint32_t account;
    std::uint64_t weight;
  };
  std::vector<Leaf> leaves;
  for (std::uint32_t i = 1; i <= 200; ++i) {
    const auto tier = static_cast<std::uint8_t>(random.u64() % 5);
    leaves.push_back({tier, tree.occupy(tier, i), i, random.u64() % 4});
    tree.set(tier, leaves.back().place, leaves.back().weight);
  }
  for (int i = 0; i < 100; ++i) {
    auto& leaf = leaves[random.u64() % leaves.size()];
    leaf.weight = random.u64() % 5;
    tree.set(leaf.tier, leaf.place, leaf.weight);
  }
  std::ranges::sort(leaves, {}, [](const Leaf& l) { return l.tier << 16 | l.place; });
  std::uint64_t start = 0;
  for (const auto& leaf : leaves) {
    for (std::uint64_t mark = start; mark < start + leaf.weight; ++mark) {
      const auto found = tree.find(mark);
      EXPECT_EQ(found.account, leaf.account);
      EXPECT_EQ(found.start, start);
      EXPECT_EQ(found.weight, leaf.weight);
    }
    start += leaf.weight;
  }
  EXPECT_EQ(tree.sum(127), start);
}

}  // namespace
}  // namespace koinon::market::rules
