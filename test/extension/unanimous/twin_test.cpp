#include "ledger/contracts/unanimous_check.hpp"
#include "test/extension/unanimous/unanimous.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/twins.hpp"

namespace koinon::test::extension {
namespace {

using trust::Action;

class UnanimousTwins : public quorum::ChainTest {};

TEST_F(UnanimousTwins, decide_alike_in_random_cases) {
  const auto contract = deploy<ledger::contracts::UnanimousCheck>("UnanimousCheck");
  quorum::compare_twins(UnanimousCheck(), contract, 11, 2'000,
                        {Action::seat_jury, Action::stand, Action::undecided, Action::bad_input}, 40);
}

}  // namespace
}  // namespace koinon::test::extension
