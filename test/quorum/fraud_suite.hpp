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
      const auto answers = ask(batch, 0, batch.size());
      ASSERT_TRUE(answers) << name << ": " << answers.error().text;
      ASSERT_EQ(answers->size(), batch.size());
      for (std::size_t i = 0; i < batch.size(); ++i, ++done) {
        auto got = static_cast<Verdict>((*answers)[i]);
        // The last of a call may have run out of the gas that the others left.
        if (const auto alone = got != batch.twin[i] ? ask(batch, i, 1) : answers; alone && alone->size() == 1)
          got = static_cast<Verdict>(alone->front());
        ASSERT_EQ(got, batch.twin[i]) << name << ", proof " << done;
        ASSERT_FALSE(batch.honest[i] && got == Verdict::refuted) << name << ", proof " << done << ": an honest claim";
        ++seen[static_cast<std::size_t>(got)];
      }
    }
    std::printf("%-10s %zu nothing, %zu refuted, %zu refused\n", name.c_str(), seen[0], seen[1], seen[2]);
    for (const auto count : seen) EXPECT_GT(count, cases / 50) << name << ": every verdict occurs";
  }

  /// What the contract says of `count` proofs; half of them at a time where all take more than the gas of a block.
  base::Result<base::Bytes> ask(const Batch& batch, std::size_t from, std::size_t count) {
    const auto some = [&](const auto& all) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
      return std::decay_t<decltype(all)>(begin, begin + static_cast<std::ptrdiff_t>(count));
    };
    auto out = contract_.each(judge_.address(), some(batch.claims), 0, some(batch.proofs));
    if (out || count == 1) return out;
    KOINON_TRY(auto left, ask(batch, from, count / 2));
    KOINON_TRY(const auto right, ask(batch, from + count / 2, count - count / 2));
    left.insert(left.end(), right.begin(), right.end());
    return left;
  }

  static constexpr std::size_t kTogether = 18;  ///< proofs of a call
  FraudCheck judge_ = deploy<FraudCheck>("FraudCheck");
  FraudChecks contract_ = deploy<FraudChecks>("FraudChecks");
};

}  // namespace koinon::test::quorum
