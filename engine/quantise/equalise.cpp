#include "engine/quantise/equalise.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace koinon::engine::quantise {

namespace {

using onnx::Graph;
using onnx::Node;
using onnx::Value;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

const Value* constant(const Graph& graph, const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || node.inputs[i] == onnx::kAbsent) return nullptr;
  const auto& value = graph.values[at(node.inputs[i])].constant;
  return value && onnx::is_float(value->element) ? &*value : nullptr;
}

/// Weights of a linear layer seen as [inputs, outputs] channels.
struct Layer {
  std::size_t node = 0;
  std::int64_t in = 0, out = 0;
  std::int64_t in_stride = 0, out_stride = 0, inner = 1;  ///< element (i, o, k) lies at i * in_stride + o * out_stride + k

  template <class F>
  void each(std::int64_t input, std::int64_t output, F&& f) const {
    for (std::int64_t k = 0; k < inner; ++k) f(static_cast<std::size_t>(input * in_stride + output * out_stride + k));
  }
};

std::int64_t integer(const Node& node, const std::string& name, std::int64_t otherwise) {
  const auto found = node.attributes.find(name);
  const auto* value = found == node.attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  return value == nullptr ? otherwise : *value;
}

/// The layer that a node is; nothing where channels do not match one to one (groups, products of variables).
std::optional<Layer> layer_of(const Graph& graph, std::size_t n) {
  const Node& node = graph.nodes[n];
  const bool linear = node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul";
  const auto* w = linear ? constant(graph, node, 1) : nullptr;
  if (w == nullptr || (node.inputs.size() > 2 && node.inputs[2] != onnx::kAbsent && constant(graph, node, 2) == nullptr))
    return {};
  if (node.op == "Conv") {
    if (integer(node, "group", 1) != 1) return {};
    const auto taps = onnx::count({w->shape.begin() + 2, w->shape.end()});
    return Layer{n, w->shape[1], w->shape[0], taps, w->shape[1] * taps, taps};
  }
  if (w->shape.size() != 2) return {};
  const bool across = node.op == "Gemm" && integer(node, "transB", 0) != 0;
  if (node.op == "Gemm" && integer(node, "transA", 0) != 0) return {};
  if (across) return Layer{n, w->shape[1], w->shape[0], 1, w->shape[1], 1};
  return Layer{n, w->shape[0], w->shape[1], w->shape[1], 1, 1};
}

bool commutes(const Node& node) {
  static const std::set<std::string> kOps = {"Relu",          "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool",
                                             "GlobalMaxPool", "Identity",  "Dropout"};
  return kOps.contains(node.op) && node.outputs.size() == 1;
}

/// Pairs of layers, and the value that the second reads.
struct Pair {
  Layer first, second;
};

std::vector<Pair> find_pairs(const Graph& graph) {
  std::map<int, int> uses;
  std::map<int, std::size_t> user;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (int v : onnx::operands(graph.nodes[n])) {
      ++uses[v];
      user[v] = n;
    }
  for (int v : graph.outputs) ++uses[v];
  std::vector<Pair> out;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto first = layer_of(graph, n);
    if (!first) continue;
    int value = graph.nodes[n].outputs[0];
    while (uses[value] == 1 && user.contains(value) && commutes(graph.nodes[user[value]]))
      value = graph.nodes[user[value]].outputs[0];
    if (uses[value] != 1 || !user.contains(value) || graph.nodes[user[value]].inputs[0] != value) continue;
    const auto second = layer_of(graph, user[value]);
    if (second && second->in == first->out) out.push_back({*first, *second});
  }
  return out;
}

/// Replaces constant input i of a node by another.
void replace(Graph& graph, Node& node, std::size_t i, Value value) {
  onnx::ValueInfo info{graph.values[at(node.inputs[i])].name + ".equalised", value.type(), true, {}};
  info.constant = std::move(value);
  graph.values.push_back(std::move(info));
  node.inputs[i] = static_cast<int>(graph.values.size()) - 1;
}

/// Largest magnitude of each channel of a layer's input: axis 1 of a picture, the last of a matrix.
void see_channels(const Value& x, const Layer& layer, bool picture, std::vector<double>& most) {
  const std::int64_t inner = picture ? onnx::count({x.shape.begin() + 2, x.shape.end()}) : 1;
  for (std::size_t i = 0; i < x.floats.size(); ++i) {
    const double v = std::fabs(static_cast<double>(x.floats[i]));
    auto& channel = most[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % layer.in)];
    if (std::isfinite(v)) channel = std::max(channel, v);
  }
}

void apply(Graph& graph, const Pair& pair, const std::vector<double>& factors) {
  Node &first = graph.nodes[pair.first.node], &second = graph.nodes[pair.second.node];
  Value w = *constant(graph, first, 1), v = *constant(graph, second, 1);
  for (std::int64_t c = 0; c < pair.first.out; ++c) {
    const double s = factors[static_cast<std::size_t>(c)];
    for (std::int64_t i = 0; i < pair.first.in; ++i)
      pair.first.each(i, c, [&](std::size_t k) { w.floats[k] = static_cast<float>(static_cast<double>(w.floats[k]) / s); });
    for (std::int64_t o = 0; o < pair.second.out; ++o)
      pair.second.each(c, o, [&](std::size_t k) { v.floats[k] = static_cast<float>(static_cast<double>(v.floats[k]) * s); });
  }
  if (constant(graph, first, 2) != nullptr) {
    Value b = *constant(graph, first, 2);
    if (b.size() == 1 && pair.first.out > 1)
      b = Value::of_floats({pair.first.out}, std::vector<float>(factors.size(), b.floats[0]));
    for (std::size_t i = 0; i < b.floats.size(); ++i)
      b.floats[i] = static_cast<float>(static_cast<double>(b.floats[i]) / factors[i % factors.size()]);
    replace(graph, first, 2, std::move(b));
  }
  replace(graph, first, 1, std::move(w));
  replace(graph, second, 1, std::move(v));
}

}  // namespace

base::Result<std::size_t> equalise(onnx::Graph& graph, const std::vector<std::vector<Value>>& samples) {
  const auto pairs = find_pairs(graph);
  if (pairs.empty()) return std::size_t{0};
  std::vector<std::vector<double>> most;
  for (const auto& pair : pairs) most.emplace_back(static_cast<std::size_t>(pair.second.in), 0.0);
  for (const auto& sample : samples) {
    KOINON_TRY(const auto values, operators::run_reference(graph, sample, true));
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      const Node& second = graph.nodes[pairs[p].second.node];
      see_channels(*values[at(second.inputs[0])], pairs[p].second, second.op == "Conv", most[p]);
    }
  }
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const auto& layer = pairs[p].second;
    const Value& weights = *constant(graph, graph.nodes[layer.node], 1);
    std::vector<double> factors(static_cast<std::size_t>(layer.in), 1.0);
    double top = 0;
    for (std::int64_t c = 0; c < layer.in; ++c) {
      double w = 0;
      for (std::int64_t o = 0; o < layer.out; ++o)
        layer.each(c, o, [&](std::size_t k) { w = std::max(w, std::fabs(static_cast<double>(weights.floats[k]))); });
      const double a = most[p][static_cast<std::size_t>(c)];
      if (a > 0 && w > 0) factors[static_cast<std::size_t>(c)] = std::sqrt(a / w);
      top = std::max(top, factors[static_cast<std::size_t>(c)]);
    }
    // Relative to the largest, and bounded, so that a channel that calibration barely saw is not blown up.
    for (auto& f : factors) f = std::max(f / top, 1.0 / 64);
    apply(graph, pairs[p], factors);
  }
  return pairs.size();
}

}  // namespace koinon::engine::quantise
