// FraudCheck against trust/optimistic: the same proofs, the same verdicts.
#include <map>

#include "test/quorum/fraud_suite.hpp"

namespace koinon::test::quorum {
namespace {

TEST_F(FraudSuite, says_of_every_kind_what_the_twin_says) {
  for (int kind = 1; kind <= 24; ++kind) compare(static_cast<engine::program::StepKind>(kind), 300);
}

}  // namespace
}  // namespace koinon::test::quorum
