// As float_test.cpp, 10^6 cases an operation. KOINON_OPERATIONS="0 4" tries these alone.
#include <cstdlib>
#include <sstream>

#include "test/training/float_cases.hpp"

namespace koinon::test::training {
namespace {

class ManyFloats : public FloatTwins {};

TEST_F(ManyFloats, have_the_bits_of_the_machine) {
  const char* chosen = std::getenv("KOINON_OPERATIONS");
  std::istringstream numbers(chosen != nullptr ? chosen : "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
  base::SeededRandom random(44);
  for (std::size_t at = 0; numbers >> at;)
    for (int round = 0; round < 20 && !HasFatalFailure(); ++round) {
      std::vector<Three> cases(50'000);
      for (auto& x : cases) x = throw_case(random);
      compare(operations().at(at), cases);
    }
}

}  // namespace
}  // namespace koinon::test::training
