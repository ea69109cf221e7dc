#include "test/training/float_cases.hpp"

namespace koinon::test::training {
namespace {

class Float32 : public FloatTwins {};

TEST_F(Float32, gives_the_bits_of_the_machine_for_extreme_operands) {
  base::SeededRandom random(41);
  for (const auto& operation : operations()) {
    compare(operation, extreme_cases(operation.operands, random));
    if (HasFatalFailure()) return;
  }
}

TEST_F(Float32, gives_the_bits_of_the_machine_for_ten_thousand_cases_each) {
  base::SeededRandom random(42);
  for (const auto& operation : operations()) {
    std::vector<Three> cases(10'000);
    for (auto& x : cases) x = throw_case(random);
    compare(operation, cases);
    if (HasFatalFailure()) return;
  }
}

/// What contracts/README.md says of each operation: the most, over cases of all sorts.
TEST_F(Float32, stays_within_its_gas) {
  base::SeededRandom random(43);
  const auto limit = [](std::string_view name) -> std::uint64_t {
    if (name == "mul" || name == "div") return 1'400;
    if (name == "add" || name == "sub" || name == "fma" || name == "sqrt") return 2'200;
    return name == "gelu'" ? 40'000 : 25'000;
  };
  for (const auto& operation : operations()) {
    std::vector<Three> cases(500);
    for (auto& x : cases) x = throw_case(random);
    const auto gas = contract_.gas_of(operation.number, little_endian(cases));
    ASSERT_TRUE(gas) << gas.error().text;
    std::printf("%-9s %llu on average, %llu at most\n", std::string(operation.name).c_str(),
                static_cast<unsigned long long>(gas->total / cases.size()), static_cast<unsigned long long>(gas->most));
    EXPECT_LT(gas->most, limit(operation.name)) << operation.name;
  }
}

}  // namespace
}  // namespace koinon::test::training
