#include "engine/operators/integer_range.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

namespace koinon::engine::operators {

namespace {

using onnx::Element;
using program::Range;

constexpr std::int64_t kBits32 = std::int64_t{1} << 31;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Operators that move integers about without changing them.
bool moves(std::string_view op) {
  static constexpr std::string_view kMoves[] = {"Cast",  "CastLike", "Concat",  "Expand", "Flatten",   "Identity", "Reshape",
                                                "Slice", "Split",    "Squeeze", "Tile",   "Transpose", "Unsqueeze"};
  return std::ranges::find(kMoves, op) != std::end(kMoves);
}

struct Axes {
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  std::int64_t longest = 0;
  void add(std::int64_t n) {
    shortest = std::min(shortest, n);
    longest = std::max(longest, n);
  }
};

/// Adds the axes that a node indexes by its input 1.
void indexed(const onnx::Graph& graph, const onnx::Node& node, Axes& axes) {
  const auto& shape = graph.values[at(node.inputs[0])].type.shape;
  const auto number = [&](const char* name, std::int64_t otherwise) {
    const auto found = node.attributes.find(name);
    const auto* value = found == node.attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
    return value == nullptr ? otherwise : *value;
  };
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (node.op.ends_with("ND")) {
    const auto first = number("batch_dims", 0), depth = graph.values[at(node.inputs[1])].type.shape.back();
    for (auto i = first; i < std::min(rank, first + depth); ++i) axes.add(shape[static_cast<std::size_t>(i)]);
    return;
  }
  auto axis = number("axis", 0);
  if (axis < 0) axis += rank;
  if (axis >= 0 && axis < rank) axes.add(shape[static_cast<std::size_t>(axis)]);
}

/// Axes that a value indexes, through whatever moves it.
std::optional<Axes> find_axes(const onnx::Graph& graph, int value) {
  Axes axes;
  std::set<int> reached{value};
  for (const auto& node : graph.nodes) {  // in an order in which makers come first
    const bool index = node.op == "Gather" || node.op == "GatherElements" || node.op == "GatherND" || node.op == "Scatter" ||
                       node.op == "ScatterElements" || node.op == "ScatterND";
    if (index && node.inputs.size() > 1 && reached.contains(node.inputs[1])) indexed(graph, node, axes);
    if (!moves(node.op) && !(index && reached.contains(node.inputs[0]))) continue;
    if (std::ranges::any_of(node.inputs, [&](int v) { return reached.contains(v); }))
      reached.insert(node.outputs.begin(), node.outputs.end());
  }
  if (axes.longest == 0) return {};
  return axes;
}

}  // namespace

Range element_range(Element element) {
  switch (element) {
    case Element::boolean: return {0, 1};
    case Element::u8: return {0, 255};
    case Element::i8: return {-128, 127};
    case Element::u16: return {0, 65535};
    case Element::i16: return {-32768, 32767};
    case Element::u32: return {0, 2 * kBits32 - 1};
    case Element::i32: return {-kBits32, kBits32 - 1};
    case Element::u64: return {0, std::int64_t{1} << 62};
    default: return {-(std::int64_t{1} << 62), std::int64_t{1} << 62};
  }
}

Range integer_range(const onnx::Graph& graph, int input) {
  auto range = element_range(graph.values[at(input)].type.element);
  range.low = std::max(range.low, -kBits32);
  range.high = std::min(range.high, kBits32 - 1);
  if (const auto axes = find_axes(graph, input)) {
    range.low = std::max(range.low, -axes->longest);
    range.high = std::min(range.high, axes->longest - 1);
  }
  return range;
}

Range sample_range(const onnx::Graph& graph, int input) {
  const auto range = integer_range(graph, input);
  const auto axes = find_axes(graph, input);
  const auto high = axes ? axes->shortest - 1 : std::int64_t{15};
  return {std::max<std::int64_t>(range.low, 0), std::min(range.high, high)};
}

}  // namespace koinon::engine::operators
