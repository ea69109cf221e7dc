#include "engine/operators/expansion.hpp"

#include <algorithm>

#include "engine/onnx/read.hpp"

namespace koinon::engine::operators {

namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

}  // namespace

int Expansion::fresh(const std::string& name) {
  graph_.values.push_back({fmt::format("{}/{}.{}", call_.node().name, name, graph_.values.size()), {}, false, {}});
  return static_cast<int>(graph_.values.size()) - 1;
}

int Expansion::constant(Value value) {
  const int id = fresh("constant");
  auto& info = graph_.values[at(id)];
  info.type = value.type();
  info.typed = true;
  info.constant = std::move(value);
  return id;
}

int Expansion::integers(std::vector<std::int64_t> list) {
  const auto n = static_cast<std::int64_t>(list.size());
  return constant(Value::of_ints({n}, std::move(list)));
}

int Expansion::add(std::string op, std::vector<int> inputs, Attributes attributes) {
  return add(std::move(op), std::move(inputs), 1, std::move(attributes))[0];
}

std::vector<int> Expansion::add(std::string op, std::vector<int> inputs, std::size_t outputs, Attributes attributes) {
  std::vector<int> out;
  for (std::size_t i = 0; i < outputs; ++i) {
    out.push_back(fresh(op));
    made_.insert(out.back());
  }
  // What is left of a loop keeps its name, which would grow with each iteration.
  auto name = op == call_.node().op ? call_.node().name : fmt::format("{}/{}", call_.node().name, op);
  onnx::Node node{std::move(name), std::move(op), std::move(inputs), out, std::move(attributes), onnx::kLastOpset};
  nodes_.push_back(std::move(node));
  return out;
}

int Expansion::transpose(int value, std::vector<std::int64_t> order) {
  return add("Transpose", {value}, Attributes{{"perm", std::move(order)}});
}

int Expansion::slice(int value, std::vector<std::int64_t> starts, std::vector<std::int64_t> ends,
                     std::vector<std::int64_t> axes, std::vector<std::int64_t> steps) {
  std::vector<int> inputs{value, integers(std::move(starts)), integers(std::move(ends)), integers(std::move(axes))};
  if (!steps.empty()) inputs.push_back(integers(std::move(steps)));
  return add("Slice", std::move(inputs));
}

int Expansion::concat(std::vector<int> values, std::int64_t axis) {
  return add("Concat", std::move(values), Attributes{{"axis", axis}});
}

void Expansion::same(int value, int first) { graph_.values[at(value)].alike = first; }

Result<std::vector<int>> Expansion::body(const onnx::Body& body, const std::vector<int>& inputs) {
  const auto& inner = *body.graph;
  if (inner.inputs.size() != inputs.size())
    return call_.fail(Code::malformed, "a body of {} inputs where {} are given", inner.inputs.size(), inputs.size());
  std::vector<int> place(inner.values.size(), onnx::kAbsent);
  for (std::size_t i = 0; i < inputs.size(); ++i) place[at(inner.inputs[i])] = inputs[i];
  for (std::size_t i = 0; i < body.inner.size(); ++i) place[at(body.inner[i])] = body.outer[i];
  for (std::size_t v = 0; v < place.size(); ++v) {
    if (place[v] != onnx::kAbsent) continue;
    const auto& info = inner.values[v];
    const auto [found, is_new] = inlined_.try_emplace({body.graph, static_cast<int>(v)}, 0);
    if (!info.constant) {
      place[v] = fresh(info.name);
      made_.insert(place[v]);
      if (is_new) found->second = place[v];
      same(place[v], found->second);
      continue;
    }
    if (is_new) found->second = constant(*info.constant);
    place[v] = found->second;
  }
  const auto move = [&](std::vector<int>& list) {
    for (int& v : list)
      if (v != onnx::kAbsent) v = place[at(v)];
  };
  for (auto node : inner.nodes) {
    node.name = call_.node().name + "/" + node.name;
    move(node.inputs);
    move(node.outputs);
    for (auto& [name, attribute] : node.attributes)
      if (auto* nested = std::get_if<onnx::Body>(&attribute)) move(nested->outer);
    nodes_.push_back(std::move(node));
  }
  auto outputs = inner.outputs;
  move(outputs);
  return outputs;
}

void Expansion::rename(int from, int to) {
  const auto move = [&](std::vector<int>& list) { std::ranges::replace(list, from, to); };
  for (auto& node : nodes_) {
    move(node.inputs);
    move(node.outputs);
    for (auto& [name, attribute] : node.attributes)
      if (auto* nested = std::get_if<onnx::Body>(&attribute)) move(nested->outer);
  }
  if (graph_.values[at(to)].alike < 0) graph_.values[at(to)].alike = graph_.values[at(from)].alike;
  made_.erase(from);
}

void Expansion::result(std::size_t i, int value) {
  if (i >= call_.outputs() || call_.output(i) == onnx::kAbsent) return;
  if (made_.contains(value)) return rename(value, call_.output(i));
  const int copy = add("Identity", {value});
  rename(copy, call_.output(i));
}

}  // namespace koinon::engine::operators
