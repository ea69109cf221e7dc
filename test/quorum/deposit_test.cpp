#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/registry.hpp"
#include "market/onchain/onchain.hpp"
#include "test/quorum/chain.hpp"

namespace koinon::test::quorum {
namespace {

class Deposits : public ChainTest {};

/// The typed data that C++ signs is what the token checks.
TEST_F(Deposits, by_authorisation_take_one_transaction_and_leave_no_approval) {
  const auto deployment = market::deploy_market(rpc(), sender(), market::local_config());
  ASSERT_TRUE(deployment) << deployment.error().text;
  const auto at = market::MarketAddresses::of(*deployment).value();
  market::Accounts accounts(rpc(), sender(), at);
  const auto self = sender().address();
  const auto id = accounts.open(self, self).value();
  const auto sent = rpc().nonce(self, "latest").value();
  const auto amount = base::Wei::parse_tokens("7").value();
  const auto done = accounts.deposit(id, amount);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(rpc().nonce(self, "latest").value(), sent + 1);
  EXPECT_EQ(ledger::contracts::Registry(rpc(), at.registry).get_account(id).value().free, amount);
  EXPECT_TRUE(ledger::contracts::KoinonToken(rpc(), at.token).allowance(self, at.registry).value().is_zero());
  ASSERT_TRUE(accounts.deposit(id, amount));  // another salt each time
  EXPECT_EQ(ledger::contracts::Registry(rpc(), at.registry).get_account(id).value().free, amount.times(2).value());
}

}  // namespace
}  // namespace koinon::test::quorum
