#include "engine/operators/import.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

#include "engine/operators/expansion.hpp"
#include "engine/operators/masks.hpp"

namespace koinon::engine::operators {

namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Roughly how many element operations a node costs.
std::int64_t cost(const Call& call, const std::vector<Type>& outputs) {
  std::int64_t elements = 1;
  for (const auto& type : outputs) elements = std::min(std::int64_t{1} << 40, elements + onnx::count(type.shape));
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i)) elements = std::min(std::int64_t{1} << 40, elements + onnx::count(call.shape(i)));
  const auto& op = call.node().op;
  std::int64_t each = 4;
  if (op == "Conv") each = onnx::count(call.shape(1)) / std::max<std::int64_t>(1, call.shape(1)[0]) + 1;
  if ((op == "MatMul" || op == "Gemm") && !call.shape(0).empty()) each = *std::ranges::max_element(call.shape(0)) + 1;
  if (op.ends_with("Pool")) each = onnx::count(Shape(call.shape(0).begin() + 2, call.shape(0).end())) + 1;
  std::int64_t out = 0;
  return __builtin_mul_overflow(elements, each, &out) ? INT64_MAX : out;
}

/// Infers, folds and expands node by node; a folded or expanded node disappears.
class Importer {
 public:
  Importer(onnx::Graph graph, std::int64_t budget) : graph_(std::move(graph)), budget_(budget) {}

  Result<onnx::Graph> run() {
    for (const int v : graph_.inputs)
      if (!holds(onnx::count(graph_.values[at(v)].type.shape)))
        return base::fail(Code::out_of_range,
                          "[onnx] the inputs have {} elements together: at most {}; smaller sizes (--dim) are needed", live_,
                          kMaxLive);
    std::vector<onnx::Node> kept;
    std::vector<onnx::Node> todo(std::make_move_iterator(graph_.nodes.rbegin()), std::make_move_iterator(graph_.nodes.rend()));
    for (std::size_t visited = 0; !todo.empty(); ++visited) {
      if (visited > onnx::kMaxNodes)
        return base::fail(Code::out_of_range,
                          "[onnx] more than {} nodes with loops unrolled: fewer time steps or iterations are needed",
                          onnx::kMaxNodes);
      auto node = std::move(todo.back());
      todo.pop_back();
      KOINON_TRY(auto outcome, visit(node));
      if (outcome.kept) kept.push_back(std::move(node));
      std::ranges::move(outcome.nodes.rbegin(), outcome.nodes.rend(), std::back_inserter(todo));
    }
    graph_.nodes = std::move(kept);
    set_masks(graph_);
    drop_unused();
    return std::move(graph_);
  }

 private:
  /// What became of a node: it stays, or these take its place.
  struct Outcome {
    bool kept = false;
    std::vector<onnx::Node> nodes;
  };

  Result<Outcome> visit(const onnx::Node& node) {
    std::vector<const Value*> values;
    bool constant = true;
    for (int v : node.inputs) {
      const auto* info = v == onnx::kAbsent ? nullptr : &graph_.values[at(v)];
      values.push_back(info != nullptr && info->constant ? &*info->constant : nullptr);
      if (info != nullptr && !info->constant) constant = false;
    }
    const Call call(graph_, node, std::move(values));
    KOINON_TRY(const auto* op, find_operator(call));
    KOINON_TRY(auto types, infer(*op, call));
    for (std::size_t i = 0; i < node.outputs.size() && op->infer != nullptr; ++i) {
      if (node.outputs[i] == onnx::kAbsent) continue;
      graph_.values[at(node.outputs[i])].type = types[i];
      graph_.values[at(node.outputs[i])].typed = true;
    }
    if (op->compute != nullptr && (constant || op->from_types)) {
      KOINON_TRY(const bool folded, fold(*op, call, types));
      if (folded) return Outcome{};
    }
    Outcome out{true, {}};
    if (op->expand != nullptr) {
      Expansion expansion(graph_, call, inlined_);
      KOINON_CHECK(op->expand(call, expansion));
      out = Outcome{expansion.empty(), expansion.take()};
    }
    for (std::size_t i = 0; out.kept && i < types.size(); ++i)
      if (!holds(onnx::count(types[i].shape)))
        return call.fail(
            Code::out_of_range,
            "the values up to here have {} elements together: at most {}; smaller inputs (--dim) or a part of the model are "
            "needed",
            live_, kMaxLive);
    return out;
  }

  /// Counts what a run holds; false beyond the bound. A value has at most onnx::kMaxElements.
  bool holds(std::int64_t elements) {
    live_ += elements;
    return live_ <= kMaxLive;
  }

  Result<bool> fold(const Operator& op, const Call& call, const std::vector<Type>& types) {
    const auto price = op.from_types ? 1 : cost(call, types);
    if (price > budget_) {
      if (op.lower == nullptr)
        return call.fail(Code::exhausted, "folding it would take {} operations: {} left", price, budget_);
      return false;
    }
    budget_ -= price;
    KOINON_TRY(auto results, op.compute(call));
    for (std::size_t i = 0; i < call.outputs() && i < results.size(); ++i)
      if (call.output(i) != onnx::kAbsent) graph_.values[at(call.output(i))].constant = std::move(results[i]);
    return true;
  }

  void drop_unused() {
    std::vector<bool> used(graph_.values.size(), false);
    for (int v : graph_.outputs) used[at(v)] = true;
    std::vector<onnx::Node> kept;
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      auto& node = graph_.nodes[i];
      if (std::ranges::none_of(node.outputs, [&](int v) { return v != onnx::kAbsent && used[at(v)]; })) continue;
      for (int v : node.inputs)
        if (v != onnx::kAbsent) used[at(v)] = true;
      kept.push_back(std::move(node));
    }
    std::ranges::reverse(kept);
    graph_.nodes = std::move(kept);
    for (std::size_t v = 0; v < used.size(); ++v)
      if (!used[v]) graph_.values[v].constant.reset();
  }

  onnx::Graph graph_;
  std::int64_t budget_;
  std::int64_t live_ = 0;
  Expansion::Inlined inlined_;
};

}  // namespace

Result<onnx::Graph> import_model(base::ByteView model, const ImportOptions& options) {
  KOINON_TRY(auto graph, onnx::read(model, options.read));
  return Importer(std::move(graph), options.fold_budget).run();
}

Result<Values> run_reference(const onnx::Graph& graph, const std::vector<Value>& inputs, bool keep_all) {
  if (inputs.size() != graph.inputs.size())
    return base::fail(Code::invalid_argument, "[reference] {} inputs: {} expected", inputs.size(), graph.inputs.size());
  Values values(graph.values.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& info = graph.values[at(graph.inputs[i])];
    if (inputs[i].type() != info.type)
      return base::fail(Code::invalid_argument, "[reference] input '{}' is {} {}: {} {} expected", info.name,
                        onnx::element_name(inputs[i].element), tensor::shape_text(inputs[i].shape),
                        onnx::element_name(info.type.element), tensor::shape_text(info.type.shape));
    values[at(graph.inputs[i])] = inputs[i];
  }
  std::vector<std::size_t> last_use(graph.values.size(), 0);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (int v : graph.nodes[n].inputs)
      if (v != onnx::kAbsent) last_use[at(v)] = n;
  for (int v : graph.outputs) last_use[at(v)] = SIZE_MAX;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto& node = graph.nodes[n];
    std::vector<const Value*> operands;
    for (int v : node.inputs) {
      const Value* data = nullptr;
      if (v != onnx::kAbsent) data = graph.values[at(v)].constant ? &*graph.values[at(v)].constant : &*values[at(v)];
      operands.push_back(data);
    }
    const Call call(graph, node, std::move(operands));
    KOINON_TRY(const auto* op, find_operator(call));
    KOINON_TRY(auto results, op->compute(call));
    for (std::size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
      if (node.outputs[i] != onnx::kAbsent) values[at(node.outputs[i])] = std::move(results[i]);
    for (int v : node.inputs)
      if (!keep_all && v != onnx::kAbsent && last_use[at(v)] == n) values[at(v)].reset();
  }
  for (int v : graph.outputs)
    if (graph.values[at(v)].constant) values[at(v)] = graph.values[at(v)].constant;
  return values;
}

}  // namespace koinon::engine::operators
