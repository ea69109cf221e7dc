#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "engine/onnx/graph.hpp"

namespace koinon::engine::onnx {

inline constexpr std::int64_t kFirstOpset = 1;
inline constexpr std::int64_t kLastOpset = 25;
inline constexpr std::size_t kMaxNodes = 1 << 18;                    ///< with functions expanded and loops unrolled
inline constexpr std::size_t kMaxNesting = 16;                       ///< of bodies, and of functions that call functions
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;  ///< of one tensor at import

struct ReadOptions {
  /// Sizes of dynamic dimensions (`--dim name=value`), by their name or as INPUT.AXIS, such as "x.2". A first axis that is not
  /// named here is fixed to 1; any other dynamic axis of an input must be named. A name that the model does not have, or that
  /// it fixes at another size, is refused.
  std::map<std::string, std::int64_t> dims;
  /// Inputs that are fixed to a value at import, by name; they are constants then, and no input of the program.
  std::map<std::string, Value> fixed;
  /// The same as plain numbers, of the input's own type and shape: one for all elements or one for each. An integer type takes
  /// whole numbers. A name that is no input is refused.
  std::map<std::string, std::vector<double>> numbers;
  /// Folder of the model, in which its external data lies; empty: external data is refused. Files outside it, through ".." or
  /// a link, are never read.
  std::filesystem::path folder;
};

/// Reads a ModelProto that nobody vouches for. Nodes come out in a valid order, every input is typed, initialisers are
/// constants, functions of the model are expanded. Not yet done: types of inner values, constant folding, bodies of If, Loop
/// and Scan (operators/import.hpp). Errors: malformed (does not decode, cycle, missing or doubled value, function that calls
/// itself), unsupported (opset, element type, domain, sparse tensor), out_of_range (sizes), denied (external data outside the
/// folder), each naming the node or tensor.
base::Result<Graph> read(base::ByteView model, const ReadOptions& options = {});

/// Reads a serialised TensorProto (the format of ONNX's conformance data).
base::Result<Value> read_tensor(base::ByteView bytes);

}  // namespace koinon::engine::onnx
