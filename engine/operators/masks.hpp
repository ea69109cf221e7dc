#pragma once
#include "engine/onnx/graph.hpp"

namespace koinon::engine::operators {

/// A constant at or below this is a mask when a Softmax reads it: its exponential is 0 beside any other.
inline constexpr float kMask = -1e4F;

/// Makes masks of Softmax minus infinity, which costs no unit of the scale: Where with a constant branch of such values, and
/// Add of a constant tensor with such values, if only the Softmax uses them. In float nothing changes, but for rows that are
/// masked whole.
void set_masks(onnx::Graph& graph);

}  // namespace koinon::engine::operators
