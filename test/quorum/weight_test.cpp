#include "market/book/weight.hpp"

#include "ledger/contracts/registry.hpp"
#include "market/onchain/onchain.hpp"
#include "test/quorum/chain.hpp"

namespace koinon::test::quorum {
namespace {

using base::Wei;

class Weights : public ChainTest {};

/// One account's offer after another change of its stake, price or unbonding.
TEST_F(Weights, of_offers_are_those_of_the_registry) {
  auto config = market::local_config();
  config.min_stake = Wei(1'000'000'000'000'007);  // no multiple of its 64 parts
  const auto deployment = market::deploy_market(rpc(), sender(), config);
  ASSERT_TRUE(deployment) << deployment.error().text;
  const auto at = market::MarketAddresses::of(*deployment).value();
  market::Accounts accounts(rpc(), sender(), at);
  ledger::contracts::Registry registry(rpc(), at.registry);
  EXPECT_EQ(registry.min_stake().value(), config.min_stake);
  const auto self = sender().address();
  const auto id = accounts.open(self, self).value();
  ASSERT_TRUE(accounts.deposit(id, Wei::parse_tokens("1000").value()));
  base::SeededRandom random{11};
  market::AccountView view;
  std::set<std::uint64_t> seen;
  for (int round = 0; round < 40; ++round) {
    const auto tier = static_cast<std::uint8_t>(random.u64() % 44);
    const auto prices = market::tier_price(tier).times(20).value();
    // Around the twenty prices that an offer needs, and far above.
    const auto more = round % 13 == 0  ? Wei(17'000'000'000'000'000'000U)  // beyond the highest weight
                      : round % 3 == 0 ? Wei(random.u64() % 64)
                                       : Wei(random.u64() >> (random.u64() % 20));
    const auto wanted = prices.plus(more).value().plus(config.min_stake).value();
    const auto now = registry.get_account(id).value();
    if (now.stake < wanted) ASSERT_TRUE(accounts.stake(id, wanted.minus(now.stake).value()));
    ASSERT_TRUE(accounts.request_unstake(id, Wei{}));
    ASSERT_TRUE(accounts.set_offer(id, 3, tier, true));
    const auto staked = registry.get_account(id).value().stake;
    // Free is then just what the offer needs, or a wei less, or with something above, or all.
    const auto left = round % 7 == 0 ? prices.minus(Wei(1)).value() : round % 7 == 1 ? prices : prices.plus(more).value();
    ASSERT_TRUE(accounts.request_unstake(id, round % 5 == 0 ? Wei{} : staked.minus(left).value()));
    const auto account = registry.get_account(id).value();
    view.stake = account.stake;
    view.locked = account.locked;
    view.unbonding = account.unbonding;
    view.streak = account.streak;
    view.offers[3] = market::Offer{true, tier, false, 0};
    const auto offer = registry.get_offer(id, 3).value();
    EXPECT_EQ(market::draw_weight(view, 3, config.min_stake), offer.weight) << "round " << round;
    EXPECT_EQ(market::draw_weight(view, 2, config.min_stake), 0U);
    seen.insert(offer.weight);
  }
  EXPECT_TRUE(seen.contains(0)) << "never without weight";
  EXPECT_TRUE(seen.contains(4 * ((1U << 20) - 1))) << "never at the cap";
  EXPECT_GT(seen.size(), 3U);
}

}  // namespace
}  // namespace koinon::test::quorum
