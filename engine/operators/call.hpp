#pragma once
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/onnx/graph.hpp"

namespace koinon::engine::operators {

using base::Code;
using base::Result;
using base::Status;
using onnx::Element;
using onnx::Shape;
using onnx::Type;
using onnx::Value;

/// One node as an operator sees it: attributes, types of its inputs, and the data of those that are known. Attributes of the
/// wrong kind are noted and give their default; the caller of an operator looks at `trouble` after type inference.
class Call {
 public:
  /// `values` has an entry for each input of the node; null where the data is not known yet.
  Call(const onnx::Graph& graph, const onnx::Node& node, std::vector<const Value*> values)
      : graph_(graph), node_(node), values_(std::move(values)) {}

  [[nodiscard]] const onnx::Node& node() const { return node_; }
  [[nodiscard]] std::int64_t opset() const { return node_.opset != 0 ? node_.opset : graph_.opset; }
  [[nodiscard]] std::size_t inputs() const { return node_.inputs.size(); }
  [[nodiscard]] std::size_t outputs() const { return node_.outputs.size(); }
  [[nodiscard]] bool has(std::size_t i) const { return i < node_.inputs.size() && node_.inputs[i] != onnx::kAbsent; }
  /// Precondition: has(i).
  [[nodiscard]] const Type& type(std::size_t i) const { return graph_.values[index(node_.inputs[i])].type; }
  [[nodiscard]] const Shape& shape(std::size_t i) const { return type(i).shape; }
  /// Null when the data is not known.
  [[nodiscard]] const Value* known(std::size_t i) const { return has(i) ? values_[i] : nullptr; }
  /// Precondition: known(i), which holds for every present input when an operator computes.
  [[nodiscard]] const Value& value(std::size_t i) const {
    KOINON_INVARIANT(known(i) != nullptr);
    return *values_[i];
  }
  /// Number of the graph's value that is input or output i.
  [[nodiscard]] int input(std::size_t i) const { return node_.inputs[i]; }
  [[nodiscard]] int output(std::size_t i) const { return node_.outputs[i]; }
  [[nodiscard]] const Type& output_type(std::size_t i) const { return graph_.values[index(node_.outputs[i])].type; }

  [[nodiscard]] bool given(const std::string& name) const { return node_.attributes.contains(name); }
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t otherwise) const { return read(name, otherwise); }
  [[nodiscard]] double real(const std::string& name, double otherwise) const {
    return static_cast<double>(read(name, static_cast<float>(otherwise)));
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const { return read(name, otherwise); }
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& name,
                                                   const std::vector<std::int64_t>& otherwise = {}) const {
    return read(name, otherwise);
  }
  [[nodiscard]] std::vector<float> reals(const std::string& name) const { return read(name, std::vector<float>{}); }
  [[nodiscard]] const Value* tensor(const std::string& name) const {
    const auto at = node_.attributes.find(name);
    return at == node_.attributes.end() ? nullptr : std::get_if<Value>(&at->second);
  }

  /// A graph inside the node; null when it is not there.
  [[nodiscard]] const onnx::Body* body(const std::string& name) const {
    const auto at = node_.attributes.find(name);
    return at == node_.attributes.end() ? nullptr : std::get_if<onnx::Body>(&at->second);
  }

  /// The integers of an input that must be constant, such as a shape. Errors: unsupported when it is not, out_of_range
  /// beyond 64.
  [[nodiscard]] Result<std::vector<std::int64_t>> constant_integers(std::size_t i, std::string_view what) const;
  /// An axis counted from the end when negative. Errors: out_of_range.
  [[nodiscard]] Result<std::size_t> axis(std::int64_t axis, std::size_t rank) const;
  /// The first attribute of a wrong kind.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

  /// An error that names the node.
  template <class... Args>
  [[nodiscard]] tl::unexpected<base::Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) const {
    return base::fail(code, "[onnx] {}: {}", onnx::node_text(node_), fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  template <class T>
  T read(const std::string& name, const T& otherwise) const {
    const auto at = node_.attributes.find(name);
    if (at == node_.attributes.end()) return otherwise;
    if (const auto* found = std::get_if<T>(&at->second)) return *found;
    if (!trouble_) trouble_ = name;
    return otherwise;
  }

  const onnx::Graph& graph_;
  const onnx::Node& node_;
  std::vector<const Value*> values_;
  mutable std::optional<std::string> trouble_;
};

/// The element type that an attribute such as Cast's `to` numbers. Errors: unsupported.
Result<Element> element_of(const Call& call, std::int64_t number);

}  // namespace koinon::engine::operators
