#include "ledger/contracts/optimistic_check.hpp"
#include "ledger/contracts/quorum_check.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/twins.hpp"
#include "trust/quorum/optimistic.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::test::quorum {
namespace {

using ledger::contracts::QuorumCheck;
using trust::Action;

class QuorumTwins : public ChainTest {};

TEST_F(QuorumTwins, decide_alike_in_random_cases) {
  const auto contract = deploy<QuorumCheck>("QuorumCheck");
  compare_twins(
      trust::QuorumCheck(), contract, 2, 2'500,
      {Action::draw_audit, Action::seat_audit, Action::seat_jury, Action::stand, Action::undecided, Action::bad_input}, 50);
}

TEST_F(QuorumTwins, let_one_claim_stand_in_random_cases) {
  const auto contract = deploy<ledger::contracts::OptimisticCheck>("OptimisticCheck");
  compare_twins(trust::OptimisticCheck(), contract, 3, 1'500, {}, 0);  // it judges nobody
  for (std::uint8_t n = 1; n <= 5; ++n) EXPECT_EQ(contract.jury_size(n, 0).value(), 0) << "nobody to appeal to";
}

TEST_F(QuorumTwins, seat_juries_of_the_same_size) {
  const auto contract = deploy<QuorumCheck>("QuorumCheck");
  for (std::uint8_t n = 1; n <= 5; ++n)
    for (std::uint8_t index = 0; index < 3; ++index)
      EXPECT_EQ(contract.jury_size(n, index).value(), trust::QuorumCheck::jury_size(n, index));
}

}  // namespace
}  // namespace koinon::test::quorum
