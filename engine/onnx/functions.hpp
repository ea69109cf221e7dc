#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

/// Version of each operator set, by domain ("" for ai.onnx).
using Opsets = std::map<std::string, std::int64_t>;

/// The opsets that a model or function imports. A domain that is named twice takes the last version.
template <class Imports>
Opsets opsets_of(const Imports& imports) {
  Opsets out;
  for (const auto& import : imports) out[import.domain() == "ai.onnx" ? "" : import.domain()] = import.version();
  return out;
}

/// The functions that a model brings along.
class Functions {
 public:
  struct Function {
    const ::onnx::FunctionProto* proto = nullptr;
    Opsets opsets;
    /// Attributes with their defaults (field 11 of FunctionProto, which Debian's description does not know yet).
    std::vector<::onnx::AttributeProto> defaults;
  };

  /// Errors: malformed (a function that is there twice, or whose bytes do not decode). `model` must outlive the result.
  static base::Result<Functions> of(const ::onnx::ModelProto& model);
  /// Null when the model has no such function.
  [[nodiscard]] const Function* find(const std::string& domain, const std::string& name) const;

 private:
  std::map<std::pair<std::string, std::string>, Function> functions_;
};

/// The nodes that stand for a call of a function: its inner names begin with `prefix`, its formal inputs and outputs have the
/// names of the call's, and its attributes the call's values. Errors: malformed when the call has more inputs or outputs than
/// the function.
base::Result<std::vector<::onnx::NodeProto>> expand(const Functions::Function& function, const ::onnx::NodeProto& call,
                                                    const std::string& prefix);

}  // namespace koinon::engine::onnx
