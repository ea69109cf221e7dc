#pragma once
#include <map>
#include <memory>
#include <set>

#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

using Attributes = std::map<std::string, onnx::Attribute>;

/// The nodes that take the place of one node at import. They are of the newest rules of their operators, and are inferred,
/// folded and expanded in their turn, before anything that follows the node.
class Expansion {
 public:
  /// Constants of bodies that were inlined before, so that an unrolled loop holds its weights once.
  using Inlined = std::map<std::pair<std::shared_ptr<const onnx::Graph>, int>, int>;

  Expansion(onnx::Graph& graph, const Call& call, Inlined& inlined) : graph_(graph), call_(call), inlined_(inlined) {}

  /// A constant; its number.
  int constant(Value value);
  /// A constant list of int64.
  int integers(std::vector<std::int64_t> list);
  /// A constant scalar: float, and int64.
  int real(float value) { return constant(Value::of_floats({}, {value})); }
  int whole(std::int64_t value) { return constant(Value::of_ints({}, {value})); }
  /// Adds a node with one output; the output's number.
  int add(std::string op, std::vector<int> inputs, Attributes attributes = {});
  /// Adds a node with several outputs.
  std::vector<int> add(std::string op, std::vector<int> inputs, std::size_t outputs, Attributes attributes);
  int reshape(int value, Shape shape) { return add("Reshape", {value, integers(std::move(shape))}); }
  int transpose(int value, std::vector<std::int64_t> order);
  int slice(int value, std::vector<std::int64_t> starts, std::vector<std::int64_t> ends, std::vector<std::int64_t> axes,
            std::vector<std::int64_t> steps = {});
  int concat(std::vector<int> values, std::int64_t axis);
  /// Gives two values one scale when they are quantised (onnx::ValueInfo::alike), because they are the same thing at two times.
  void same(int value, int first);
  /// Adds the nodes of a body whose inputs are `inputs`; the numbers of its outputs. Errors: malformed (number of inputs).
  Result<std::vector<int>> body(const onnx::Body& body, const std::vector<int>& inputs);
  /// Makes output i of the node. An output that is absent is nothing to do.
  void result(std::size_t i, int value);

  /// Nothing was added: the node stays.
  [[nodiscard]] bool empty() const { return nodes_.empty(); }
  std::vector<onnx::Node> take() { return std::move(nodes_); }

 private:
  int fresh(const std::string& name);
  void rename(int from, int to);

  onnx::Graph& graph_;
  const Call& call_;
  Inlined& inlined_;
  std::vector<onnx::Node> nodes_;
  std::set<int> made_;  ///< outputs of nodes_ that still have their own number
};

}  // namespace koinon::engine::operators
