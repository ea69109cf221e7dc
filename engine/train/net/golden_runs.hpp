#pragma once
#include <vector>

#include "engine/train/net/layers.hpp"
#include "engine/train/net/optimiser.hpp"

namespace koinon::engine::train {

/// A small run whose every bit is written down: net, optimiser, made-up data, 50 steps.
struct GoldenRun {
  const char* name;
  NetSpec net;
  std::int64_t batch;
  std::int64_t classes;
  bool tokens;  ///< the input are whole numbers below `classes`
  OptimiserOptions optimiser;
  const char* trace;  ///< root of the list of the state roots of all steps
};

inline constexpr std::uint64_t kGoldenSteps = 50;

/// An MLP with dropout and momentum, LeNet-5, a small residual net with batch norm and a causal transformer with AdamW.
std::vector<GoldenRun> golden_runs();

/// The state root after each step.
std::vector<base::Hash> run_golden(const GoldenRun& run, const Machine& machine);

}  // namespace koinon::engine::train
