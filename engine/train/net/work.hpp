#pragma once
#include "engine/train/net/optimiser.hpp"

namespace koinon::engine::train {

/// What one step of training takes, in multiply-adds: every product three times (its value and two gradients), 16 for each
/// value between operators, 32 for each number of the state, which is moved and hashed. The same on every machine, so that all
/// who are asked to train agree on whether it is too much. Saturated.
std::uint64_t work_of_step(const Graph& graph, const Optimiser& optimiser);

}  // namespace koinon::engine::train
