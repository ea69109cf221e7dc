#pragma once
#include "engine/onnx/graph.hpp"

namespace koinon::engine::quantise {

/// The same function with fewer roundings: BatchNormalization behind a Conv whose only user it is goes into its weights, a
/// constant Add behind a MatMul becomes its bias. Numbers of values stay; new constants are appended.
onnx::Graph simplify(onnx::Graph graph);

}  // namespace koinon::engine::quantise
