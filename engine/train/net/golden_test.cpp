#include <gtest/gtest.h>

#include "base/merkle.hpp"
#include "engine/train/net/golden_runs.hpp"

namespace koinon::engine::train {
namespace {

using kernels::Isa;

std::string trace(const GoldenRun& run, const Machine& machine) {
  return base::to_hex(base::list_root(base::Domain::trace, run_golden(run, machine)));
}

// The same strings on every machine, for every compiler: tools/arm64/check runs this test on arm64.
TEST(golden_training, has_the_written_bits_without_vector_instructions) {
  for (const auto& run : golden_runs()) EXPECT_EQ(trace(run, {nullptr, Isa::ref}), run.trace) << run.name;
}

TEST(golden_training, has_the_written_bits_for_any_instruction_set_and_thread_count) {
  base::ThreadPool two(2), three(3);
  for (const auto& run : golden_runs())
    for (auto* pool : {static_cast<base::ThreadPool*>(nullptr), &two, &three})
      EXPECT_EQ(trace(run, {pool, kernels::best_isa()}), run.trace) << run.name;
}

TEST(golden_training, follows_the_options_to_the_bit) {
  auto run = golden_runs().front();
  const auto before = run_golden(run, {nullptr, kernels::best_isa()});
  run.optimiser.rate = static_cast<double>(static_cast<float>(run.optimiser.rate));  // the same rate in float32
  EXPECT_TRUE(before == run_golden(run, {nullptr, kernels::best_isa()}));
  run.optimiser.rate *= 1.001;
  EXPECT_FALSE(before == run_golden(run, {nullptr, kernels::best_isa()}));
}

}  // namespace
}  // namespace koinon::engine::train
