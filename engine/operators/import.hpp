#pragma once
#include "engine/onnx/read.hpp"
#include "engine/operators/operator.hpp"

namespace koinon::engine::operators {

struct ImportOptions {
  onnx::ReadOptions read;
  /// Most element operations that constant folding may spend; a node beyond them stays a node.
  std::int64_t fold_budget = std::int64_t{1} << 28;
};

/// Elements of all values of one run together, which calibration keeps (1 GiB of floats).
inline constexpr std::int64_t kMaxLive = std::int64_t{1} << 28;

/// Reads a model that nobody vouches for: every value typed, constants folded, nodes that no output needs dropped.
/// Errors: those of onnx::read; unsupported or malformed naming the node; out_of_range beyond kMaxLive.
Result<onnx::Graph> import_model(base::ByteView model, const ImportOptions& options = {});

/// Every value of one run, by number; absent where the graph has none (dropped nodes).
using Values = std::vector<std::optional<Value>>;

/// Runs the graph in float32 (the reference). `inputs`: one for each of graph.inputs, of its type and shape. Inner values are
/// kept when `keep_all`, for calibration; else only what is constant or an output.
/// Errors: invalid_argument naming the input; those of the operators.
Result<Values> run_reference(const onnx::Graph& graph, const std::vector<Value>& inputs, bool keep_all = false);

}  // namespace koinon::engine::operators
