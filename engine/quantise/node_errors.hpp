#pragma once
#include "engine/quantise/plan.hpp"

namespace koinon::engine::quantise {

/// How far one output of one node of a program is from what float makes of the very integers that the program gave the node.
struct NodeError {
  std::string op;
  std::string value;
  double error = 0;  ///< the largest, beyond what half a unit's change of the node's inputs and of its weights explains
  double unit = 0;   ///< of the output
  double top = 0;    ///< largest magnitude that float gives
};

/// `weights`: bits of constant weights, whose rounding by half a unit of their row is explained by them, for every element as
/// its own inputs have it. Runs one sample as a program and looks at each node by itself, so that errors neither grow nor hide
/// on their way through the graph. Values that were not lowered (a sum whose clamp was taken in) are computed in float from
/// what was. Errors: those of the run.
base::Result<std::vector<NodeError>> node_errors(const Model& model, const Attempt& made,
                                                 const std::vector<operators::Target>& targets,
                                                 const std::vector<onnx::Value>& sample, int weights);

}  // namespace koinon::engine::quantise
