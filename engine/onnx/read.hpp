#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "engine/onnx/graph.hpp"

namespace koinon::engine::onnx {

inline constexpr std::int64_t kFirstOpset = 9;
inline constexpr std::int64_t kLastOpset = 23;
inline constexpr std::size_t kMaxNodes = 1 << 18;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;  ///< of one tensor at import

struct ReadOptions {
  /// Sizes of named dynamic dimensions (`--dim name=value`). A first axis that is not named here is fixed to 1; any other
  /// dynamic axis of an input must be named.
  std::map<std::string, std::int64_t> dims;
};

/// Reads a ModelProto that nobody vouches for. Nodes come out in a valid order, every input is typed, initialisers are
/// constants. Not yet done: types of inner values and constant folding (operators/import.hpp). Errors: malformed (does not
/// decode, cycle, missing or doubled value), unsupported (external data, opset, element type, subgraph, function), out_of_range
/// (sizes), each naming the node or tensor.
base::Result<Graph> read(base::ByteView model, const ReadOptions& options = {});

/// Reads a serialised TensorProto (the format of ONNX's conformance data).
base::Result<Value> read_tensor(base::ByteView bytes);

}  // namespace koinon::engine::onnx
