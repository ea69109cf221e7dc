#pragma once
#include <array>

#include "test/quorum/frauds.hpp"

namespace koinon::test::quorum {

/// FraudCheck on a ledger of its own.
class FraudSuite : public ChainTest {
 protected:
  /// Throws `cases` proofs about steps of a kind and asks both.
  void compare(engine::program::StepKind kind, std::size_t cases) {
    FraudDice dice([kind](base::Random& random) { return throw_step(kind, random); }, 100 + static_cast<std::uint64_t>(kind));
    compare(std::string(engine::program::step_name(kind)), dice, cases);
  }
  /// The same of runs of several steps through inner values.
  void compare_trees(std::size_t cases) {
    FraudDice dice([](base::Random& random) { return throw_tree(random); }, 77);
    compare("trees", dice, cases);
  }

  void compare(const std::string& name, FraudDice& dice, std::size_t cases) {
    std::array<std::size_t, 3> seen{};
    for (std::size_t done = 0; done < cases;) {
      const auto batch = dice.next(kTogether);
      const auto answers = contract_.each(judge_.address(), batch.claims, 0, batch.proofs);
      ASSERT_TRUE(answers) << name << ": " << answers.error().text;
      ASSERT_EQ(answers->size(), batch.size());
      for (std::size_t i = 0; i < batch.size(); ++i, ++done) {
        const auto got = static_cast<Verdict>((*answers)[i]);
        ASSERT_EQ(got, batch.twin[i]) << name << ", proof " << done;
        ASSERT_FALSE(batch.honest[i] && got == Verdict::refuted) << name << ", proof " << done << ": an honest claim";
        ++seen[static_cast<std::size_t>(got)];
      }
    }
    std::printf("%-10s %zu nothing, %zu refuted, %zu refused\n", name.c_str(), seen[0], seen[1], seen[2]);
    for (const auto count : seen) EXPECT_GT(count, cases / 50) << name << ": every verdict occurs";
  }

  static constexpr std::size_t kTogether = 18;  ///< proofs of a call, within the gas of a block
  FraudCheck judge_ = deploy<FraudCheck>("FraudCheck");
  FraudChecks contract_ = deploy<FraudChecks>("FraudChecks");
};

}  // namespace koinon::test::quorum
