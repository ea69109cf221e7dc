#include "ledger/contracts/work_market.hpp"
#include "market/onchain/onchain.hpp"
#include "test/quorum/chain.hpp"
#include "trust/claim.hpp"

namespace koinon::test::quorum {
namespace {

using ledger::contracts::WorkMarket;

class Digests : public ChainTest {
 protected:
  Digests() {
    const auto deployment = market::deploy_market(rpc(), sender(), market::local_config());
    if (!deployment) {
      ADD_FAILURE() << deployment.error().text;
      return;
    }
    context_.market = market::MarketAddresses::of(*deployment).value().market;
    context_.chain_id = deployment->chain_id;
  }

  trust::OrderContext context_;
};

TEST_F(Digests, tags_and_commitments_are_those_of_the_market) {
  const WorkMarket market(rpc(), context_.market);
  base::SeededRandom random(5);
  for (int i = 0; i < 500; ++i) {
    context_.order = random.u64() >> random.u64() % 64;
    trust::Claim claim{static_cast<std::uint32_t>(random.u64()), random.hash(), random.hash(), random.hash()};
    const auto round = static_cast<std::uint8_t>(random.u64());
    const auto size = random.u64();
    const auto digest = random.hash();
    const auto salt = random.hash();
    ASSERT_EQ(trust::tag(context_, claim.account, claim.mark),
              market.tag_of(context_.order, claim.account, claim.mark).value());
    for (unsigned jury = 0; jury < trust::kJuries; ++jury)
      ASSERT_EQ(trust::witness_link(context_, claim.mark, jury),
                market.link_of(context_.order, claim.mark, static_cast<std::uint8_t>(jury)).value());
    ASSERT_EQ(trust::witness_base(trust::witness_link(context_, claim.mark, 1), 1),
              trust::witness_link(context_, claim.mark, 0));
    ASSERT_EQ(trust::commitment(context_, round, claim, digest, size, salt),
              market
                  .commitment_of(context_.order, round, claim.account, claim.output_root, claim.trace_root, claim.mark, digest,
                                 size, salt)
                  .value());
  }
}

}  // namespace
}  // namespace koinon::test::quorum
