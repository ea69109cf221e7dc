#include "ledger/contracts/quorum_check.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/twins.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::test::quorum {
namespace {

using trust::Action;

class QuorumTwinsAtLength : public ChainTest {};

TEST_F(QuorumTwinsAtLength, decide_alike_in_ten_thousand_more_cases) {
  const auto contract = deploy<ledger::contracts::QuorumCheck>("QuorumCheck");
  compare_twins(
      trust::QuorumCheck(), contract, 3, 10'000,
      {Action::draw_audit, Action::seat_audit, Action::seat_jury, Action::stand, Action::undecided, Action::bad_input}, 200);
}

}  // namespace
}  // namespace koinon::test::quorum
