#pragma once
#include <optional>
#include <vector>

#include "engine/kernels/chain.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {

/// True when a step computes each element of its outputs from one element of each operand, in a way that chains do.
bool elementwise(const Making& making, std::size_t step);

/// Elementwise steps over one number of elements, in an order that can be run.
struct ChainPlan {
  std::vector<std::size_t> steps;
  std::vector<std::size_t> results;  ///< values of these steps that are read elsewhere
};

/// Null when the steps do not fit one chain: operands repeat along different axes, or too many values are alive at once.
NodePtr chain_node(const Making& making, const ChainPlan& plan);

}  // namespace koinon::engine::run
