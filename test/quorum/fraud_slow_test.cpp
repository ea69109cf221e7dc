// As fraud_test.cpp, 10^5 proofs a kind. KOINON_KINDS="1 9" tries these kinds alone.
#include <cstdlib>
#include <sstream>

#include "test/quorum/fraud_suite.hpp"

namespace koinon::test::quorum {
namespace {

TEST_F(FraudSuite, says_of_every_kind_what_the_twin_says_a_hundred_thousand_times) {
  const char* chosen = std::getenv("KOINON_KINDS");
  std::istringstream kinds(chosen != nullptr ? chosen : "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24");
  for (int kind = 0; kinds >> kind;) compare(static_cast<engine::program::StepKind>(kind), 100'000);
}

TEST_F(FraudSuite, says_of_inner_operands_what_the_twin_says_a_hundred_thousand_times) { compare_trees(100'000); }

}  // namespace
}  // namespace koinon::test::quorum
