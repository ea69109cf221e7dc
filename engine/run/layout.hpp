#pragma once
#include <vector>

#include "engine/program/program.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {

/// Places of a prepared program's values.
///
/// Invariants: values that are alive at the same time do not overlap; every place is aligned to 64 bytes, or lies inside that
/// of the value it is a view of.
struct Layout {
  std::vector<View> views;                        ///< one a value; never a view of a view
  std::vector<const program::TensorInfo*> infos;  ///< one a value
  std::vector<std::size_t> offsets;               ///< one a value; SIZE_MAX for inputs, views, and values that are never made
  std::size_t scratch = 0;                        ///< where the nodes' scratch lies
  std::size_t bytes = 0;
};

/// `views` as in Making. Outputs of the program stay until the end. With `followed`, nodes are in the order of their steps, and
/// what a step without a node views stays until the node after it begins.
Layout lay_out(const program::Program& program, const std::vector<NodePtr>& nodes, std::vector<View> views, bool followed);

/// The most that tensors take at any moment of a run step by step, inputs included, each freed after its last use.
std::uint64_t peak_of_steps(const program::Program& program);

/// Type and shape of every value.
std::vector<const program::TensorInfo*> infos_of(const program::Program& program);

std::size_t byte_size(const program::TensorInfo& info);

}  // namespace koinon::engine::run
