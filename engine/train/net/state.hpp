#pragma once
#include "engine/train/net/optimiser.hpp"

namespace koinon::engine::train {

/// Root of what a run is after `steps` steps: every parameter and buffer, and what the optimiser remembers.
///
///   tensor_i = byte_tree_root(Domain::tensor, little-endian float32; every NaN as 0x7fc00000)
///   root     = keccak256("koinon.training.state" | be64(steps) | list_root(Domain::tensor, tensors))
///
/// Parameters and buffers come in the order of the graph, then the optimiser's arrays.
base::Hash state_root(const Machine& machine, const Graph& graph, const Optimiser& optimiser, std::uint64_t steps);

/// The little-endian bytes of floats, each NaN as 0x7fc00000.
base::Bytes canonical_bytes(const std::vector<float>& values);

}  // namespace koinon::engine::train
