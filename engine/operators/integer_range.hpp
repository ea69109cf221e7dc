#pragma once
#include "engine/onnx/graph.hpp"
#include "engine/program/bounds.hpp"

namespace koinon::engine::operators {

/// What an integer or boolean type can hold; 64-bit types are cut to +-2^62.
program::Range element_range(onnx::Element element);

/// The integers that a program accepts for an input of integer or boolean type. Where the input, perhaps moved or cast, names
/// places along an axis (Gather and its kin), the longest of those axes bounds it: [-n, n - 1]. Else its type does, and 32 bits
/// do at most.
program::Range integer_range(const onnx::Graph& graph, int input);

/// The integers that calibration draws for an input when it has no samples: within the shortest of those axes, from 0; else
/// within [0, 15] and the type.
program::Range sample_range(const onnx::Graph& graph, int input);

}  // namespace koinon::engine::operators
