#include "engine/quantise/simplify.hpp"

#include <map>

#include "engine/operators/batch_norm.hpp"

namespace koinon::engine::quantise {

namespace {

using onnx::Graph;
using onnx::Node;
using onnx::Value;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

const Value* constant(const Graph& graph, const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || node.inputs[i] == onnx::kAbsent) return nullptr;
  const auto& value = graph.values[at(node.inputs[i])].constant;
  return value ? &*value : nullptr;
}

int append(Graph& graph, std::string name, Value value) {
  onnx::ValueInfo info{std::move(name), value.type(), true, {}};
  info.constant = std::move(value);
  graph.values.push_back(std::move(info));
  return static_cast<int>(graph.values.size()) - 1;
}

/// Folds `norm` into `conv`, which then makes norm's output.
bool fold_norm(Graph& graph, Node& conv, const Node& norm) {
  const auto* weights = constant(graph, conv, 1);
  const bool has_bias = conv.inputs.size() > 2 && conv.inputs[2] != onnx::kAbsent;
  if (weights == nullptr || (has_bias && constant(graph, conv, 2) == nullptr)) return false;
  std::vector<const Value*> values{nullptr};
  for (std::size_t i = 1; i < 5; ++i) {
    values.push_back(constant(graph, norm, i));
    if (values.back() == nullptr) return false;
  }
  const auto affine = operators::batch_norm_affine(operators::Call(graph, norm, std::move(values)));
  Value w = *weights;
  const auto filters = at(static_cast<int>(w.shape[0]));
  Value b = has_bias ? *constant(graph, conv, 2) : Value::zeros({w.element, {w.shape[0]}});
  const auto width = w.floats.size() / filters;
  for (std::size_t o = 0; o < filters; ++o) {
    for (std::size_t i = 0; i < width; ++i)
      w.floats[o * width + i] = static_cast<float>(static_cast<double>(w.floats[o * width + i]) * affine.a[o]);
    b.floats[o] = static_cast<float>(static_cast<double>(b.floats[o]) * affine.a[o] + affine.b[o]);
  }
  const auto name = graph.values[at(norm.outputs[0])].name;
  conv.inputs.resize(3, onnx::kAbsent);
  conv.inputs[1] = append(graph, name + ".weights", std::move(w));
  conv.inputs[2] = append(graph, name + ".bias", std::move(b));
  conv.outputs[0] = norm.outputs[0];
  return true;
}

/// Makes the constant of `add` the bias of `product` when it is one row.
bool fold_bias(const Graph& graph, Node& product, const Node& add) {
  const std::size_t side = add.inputs[0] == product.outputs[0] ? 1 : 0;
  const auto* bias = constant(graph, add, side);
  const auto* weights = constant(graph, product, 1);
  const auto& out = graph.values[at(product.outputs[0])].type.shape;
  if (bias == nullptr || weights == nullptr || weights->shape.size() != 2 || product.inputs.size() != 2 || out.empty())
    return false;
  if (bias->shape != onnx::Shape{out.back()} || graph.values[at(add.outputs[0])].type.shape != out) return false;
  product.inputs.push_back(add.inputs[side]);
  product.outputs[0] = add.outputs[0];
  return true;
}

}  // namespace

Graph simplify(Graph graph) {
  std::map<int, int> uses;
  for (const auto& node : graph.nodes)
    for (int v : node.inputs) ++uses[v];
  for (int v : graph.outputs) ++uses[v];
  std::vector<Node> kept;
  std::map<int, std::size_t> maker;  // value to its place in kept
  for (auto& node : graph.nodes) {
    bool folded = false;
    for (int v : node.inputs) {
      if (folded || !maker.contains(v) || uses[v] != 1) continue;
      auto& before = kept[maker[v]];
      if (node.op == "BatchNormalization" && before.op == "Conv" && v == node.inputs[0])
        folded = fold_norm(graph, before, node);
      if (node.op == "Add" && before.op == "MatMul") folded = fold_bias(graph, before, node);
      if (folded) maker[before.outputs[0]] = maker[v];
    }
    if (folded) continue;
    if (!node.outputs.empty()) maker[node.outputs[0]] = kept.size();
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
  return graph;
}

}  // namespace koinon::engine::quantise
