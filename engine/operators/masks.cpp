#include "engine/operators/masks.hpp"

#include <algorithm>
#include <limits>

#include "engine/onnx/read.hpp"

namespace koinon::engine::operators {

namespace {

using onnx::Element;
using onnx::Graph;
using onnx::Node;
using onnx::Value;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

int append(Graph& graph, Value value) {
  onnx::ValueInfo info{"mask." + std::to_string(graph.values.size()), value.type(), true, {}, -1};
  info.constant = std::move(value);
  graph.values.push_back(std::move(info));
  return static_cast<int>(graph.values.size()) - 1;
}

const Value* constant(const Graph& graph, int v) {
  if (v == onnx::kAbsent || !graph.values[at(v)].constant) return nullptr;
  return &*graph.values[at(v)].constant;
}

bool masks(float v) { return v <= kMask; }

Value minus_infinity(Element element) {
  Value out = Value::zeros({element, {}});
  out.floats[0] = -std::numeric_limits<float>::infinity();
  return out;
}

/// Where(condition, mask, x): the mask becomes minus infinity.
void set_where(Graph& graph, Node& node) {
  for (std::size_t i = 1; i <= 2; ++i) {
    const auto* fill = constant(graph, node.inputs[i]);
    if (fill == nullptr || fill->floats.empty() || !std::ranges::all_of(fill->floats, masks)) continue;
    Value value = *fill;
    std::ranges::fill(value.floats, -std::numeric_limits<float>::infinity());
    node.inputs[i] = append(graph, std::move(value));
  }
}

/// x + c with masks in c becomes Where(where they are, minus infinity, x + the rest); nothing when c has none.
std::vector<Node> split_add(Graph& graph, const Node& node) {
  for (std::size_t i = 0; i < 2; ++i) {
    const auto* added = constant(graph, node.inputs[i]);
    if (added == nullptr || !std::ranges::any_of(added->floats, masks)) continue;
    Value where = Value::zeros({Element::boolean, added->shape}), rest = *added;
    for (std::size_t k = 0; k < rest.floats.size(); ++k) {
      where.ints[k] = masks(rest.floats[k]);
      if (where.ints[k] != 0) rest.floats[k] = 0;
    }
    const auto type = graph.values[at(node.outputs[0])].type;
    const int condition = append(graph, std::move(where));
    const int fill = append(graph, minus_infinity(type.element));
    const bool plain = std::ranges::all_of(rest.floats, [](float v) { return v == 0; });
    const int other = node.inputs[1 - i];
    std::vector<Node> out;
    int sum = other;
    if (!plain) {
      Node add = node;
      add.inputs[i] = append(graph, std::move(rest));
      graph.values.push_back({node.name + ".sum", type, true, {}, -1});
      sum = static_cast<int>(graph.values.size()) - 1;
      add.outputs = {sum};
      out.push_back(std::move(add));
    }
    out.push_back({node.name + "/Where", "Where", {condition, fill, sum}, node.outputs, {}, onnx::kLastOpset});
    return out;
  }
  return {};
}

}  // namespace

void set_masks(Graph& graph) {
  std::vector<int> uses(graph.values.size(), 0);
  std::vector<bool> read(graph.values.size(), false);  // by a Softmax
  for (const auto& node : graph.nodes)
    for (int v : node.inputs) {
      if (v == onnx::kAbsent) continue;
      ++uses[at(v)];
      if (node.op == "Softmax") read[at(v)] = true;
    }
  for (int v : graph.outputs) ++uses[at(v)];
  std::vector<Node> nodes;
  for (auto& node : graph.nodes) {
    const bool masked = node.outputs.size() == 1 && node.outputs[0] != onnx::kAbsent && read[at(node.outputs[0])] &&
                        uses[at(node.outputs[0])] == 1 && is_float(graph.values[at(node.outputs[0])].type.element);
    if (masked && node.op == "Where") set_where(graph, node);
    auto instead = masked && node.op == "Add" ? split_add(graph, node) : std::vector<Node>{};
    if (instead.empty())
      nodes.push_back(std::move(node));
    else
      std::ranges::move(instead, std::back_inserter(nodes));
  }
  graph.nodes = std::move(nodes);
}

}  // namespace koinon::engine::operators
