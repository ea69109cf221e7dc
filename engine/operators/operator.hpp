#pragma once
#include <span>

#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

class Expansion;
class Lowering;

/// An ONNX operator: what it is called, what it means, and how it becomes exact steps. One small file makes one (or one
/// family); table.cpp lists them.
struct Operator {
  std::string_view name;
  std::int64_t first_opset;  ///< the rule below holds from here
  std::int64_t last_opset;   ///< to here
  std::size_t min_inputs;    ///< the first so many must be present
  std::size_t max_inputs;
  /// Types of the outputs. Data is known only for constant inputs. Null where `expand` is all there is.
  Result<std::vector<Type>> (*infer)(const Call&);
  /// The outputs as the standard defines them, in float32 (inner sums in double, in a fixed order). Called after infer.
  Result<std::vector<Value>> (*compute)(const Call&);
  /// Adds the operator's steps; null where it only ever folds away.
  Status (*lower)(const Call&, Lowering&);
  /// Its value depends on the types of its inputs alone (Shape, Size).
  bool from_types = false;
  /// Puts other nodes in the place of one whose inputs are not all constant (expansion.hpp). When it adds none, the node stays.
  /// With `infer` and `compute` null, it does so whatever the inputs.
  Status (*expand)(const Call&, Expansion&) = nullptr;
};

/// The operator of a name for an opset. Errors: unsupported, naming the nearest known opset.
Result<const Operator*> find_operator(const Call& call);
/// Number of operators known, for reports.
std::span<const Operator* const> all_operators();

/// Checks a call's number of inputs and attributes and infers the types of its outputs, each bounded in size.
Result<std::vector<Type>> infer(const Operator& op, const Call& call);

inline constexpr std::int64_t kNewest = 1000;  ///< "every opset since"

}  // namespace koinon::engine::operators
