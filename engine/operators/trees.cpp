#include <algorithm>
#include <map>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// TreeEnsembleRegressor and TreeEnsembleClassifier of ai.onnx.ml, made of simpler nodes. Every comparison of every tree is made
// at once; a leaf is reached where the comparisons on its path agree, which a product with +1 and -1 counts exactly (the GEMM
// strategy of Nakandala et al. 2020, Hummingbird, OSDI).
namespace koinon::engine::operators {

namespace {

constexpr std::int64_t kMostWork = std::int64_t{1} << 26;  // trees * comparisons * leaves
constexpr std::size_t kMostNodes = 1 << 20;

/// A comparison on the way to a leaf, and the side that the leaf is on.
struct Turn {
  std::size_t node = 0;
  bool yes = false;
};

struct Leaf {
  std::vector<Turn> path;
  std::map<std::int64_t, double> weights;  ///< by output column
};

struct Tree {
  std::vector<std::int64_t> features;
  std::vector<float> thresholds;
  std::vector<bool> strict;  ///< x < threshold, not x <= threshold
  std::vector<Leaf> leaves;
};

/// The attributes that list nodes, by position.
struct Listed {
  std::vector<std::int64_t> trees, ids, features, yes, no;
  std::vector<float> values;
  std::vector<std::string> modes;
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> at;
  std::map<std::pair<std::int64_t, std::int64_t>, std::map<std::int64_t, double>> weights;
};

Result<std::vector<std::string>> texts(const Call& call, const std::string& name) {
  const auto found = call.node().attributes.find(name);
  if (found == call.node().attributes.end()) return std::vector<std::string>{};
  const auto* list = std::get_if<std::vector<std::string>>(&found->second);
  if (list == nullptr) return call.fail(Code::malformed, "attribute '{}' has the wrong kind", name);
  return *list;
}

Result<Listed> listed(const Call& call, const std::string& kind) {
  Listed l;
  l.trees = call.integers("nodes_treeids");
  l.ids = call.integers("nodes_nodeids");
  l.features = call.integers("nodes_featureids");
  l.yes = call.integers("nodes_truenodeids");
  l.no = call.integers("nodes_falsenodeids");
  l.values = call.reals("nodes_values");
  KOINON_TRY(l.modes, texts(call, "nodes_modes"));
  const auto n = l.trees.size();
  if (n == 0 || n > kMostNodes) return call.fail(Code::out_of_range, "{} tree nodes: 1 to 2^20 expected", n);
  for (auto size : {l.ids.size(), l.features.size(), l.yes.size(), l.no.size(), l.values.size(), l.modes.size()})
    if (size != n) return call.fail(Code::malformed, "lists of {} and {} tree nodes", n, size);
  for (std::size_t i = 0; i < n; ++i)
    if (!l.at.try_emplace({l.trees[i], l.ids[i]}, i).second)
      return call.fail(Code::malformed, "tree {} has two nodes {}", l.trees[i], l.ids[i]);
  const auto trees = call.integers(kind + "_treeids"), nodes = call.integers(kind + "_nodeids"),
             columns = call.integers(kind + "_ids");
  const auto weights = call.reals(kind + "_weights");
  if (nodes.size() != trees.size() || columns.size() != trees.size() || weights.size() != trees.size())
    return call.fail(Code::malformed, "lists of {} and {} weights", trees.size(), weights.size());
  for (std::size_t i = 0; i < trees.size(); ++i) {
    if (columns[i] < 0 || columns[i] >= 1 << 16) return call.fail(Code::out_of_range, "a weight for output {}", columns[i]);
    l.weights[{trees[i], nodes[i]}][columns[i]] += static_cast<double>(weights[i]);
  }
  return l;
}

/// The tree whose root is node `root` of the lists. Every node has one parent, so that no walk is endless.
Result<Tree> tree_of(const Call& call, const Listed& l, std::size_t root, std::int64_t features) {
  Tree tree;
  std::vector<std::pair<std::size_t, std::vector<Turn>>> left{{root, {}}};
  while (!left.empty()) {
    auto [i, path] = std::move(left.back());
    left.pop_back();
    const auto& mode = l.modes[i];
    if (mode == "LEAF") {
      const auto weights = l.weights.find({l.trees[i], l.ids[i]});
      tree.leaves.push_back({std::move(path), weights == l.weights.end() ? std::map<std::int64_t, double>{} : weights->second});
      continue;
    }
    const bool turned = mode == "BRANCH_GT" || mode == "BRANCH_GTE";
    if (!turned && mode != "BRANCH_LEQ" && mode != "BRANCH_LT")
      return call.fail(Code::unsupported, "a tree node of mode '{}'", mode);
    if (l.features[i] < 0 || l.features[i] >= features)
      return call.fail(Code::out_of_range, "feature {} of {}", l.features[i], features);
    if (path.size() > 64) return call.fail(Code::unsupported, "a tree deeper than 64");
    const auto number = tree.features.size();
    tree.features.push_back(l.features[i]);
    tree.thresholds.push_back(l.values[i]);
    tree.strict.push_back(mode == "BRANCH_LT" || mode == "BRANCH_GTE");
    for (const bool yes : {true, false}) {
      const auto child = l.at.find({l.trees[i], yes ? l.yes[i] : l.no[i]});
      if (child == l.at.end())
        return call.fail(Code::malformed, "tree {}: node {} has a child that is not there", l.trees[i], l.ids[i]);
      auto way = path;
      way.push_back({number, yes != turned});
      left.emplace_back(child->second, std::move(way));
    }
  }
  return tree;
}

Result<std::vector<Tree>> trees_of(const Call& call, const Listed& l, std::int64_t features) {
  std::vector<int> parents(l.ids.size(), 0);
  for (std::size_t i = 0; i < l.ids.size(); ++i) {
    if (l.modes[i] == "LEAF") continue;
    for (auto child : {l.yes[i], l.no[i]})
      if (const auto found = l.at.find({l.trees[i], child}); found != l.at.end() && ++parents[found->second] > 1)
        return call.fail(Code::malformed, "tree {}: node {} has two parents", l.trees[i], child);
  }
  std::vector<Tree> out;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (parents[i] > 0) continue;
    KOINON_TRY(auto tree, tree_of(call, l, i, features));
    out.push_back(std::move(tree));
  }
  if (out.empty()) return call.fail(Code::malformed, "no tree has a root");
  return out;
}

/// Which leaf of each tree each row of x reaches: float [n, trees * leaves], 1 or 0.
Result<int> reached(const Call& call, Expansion& to, const std::vector<Tree>& trees, std::int64_t leaves) {
  std::size_t most = 1;
  for (const auto& tree : trees) most = std::max(most, tree.features.size());
  const auto n = call.shape(0)[0], count = static_cast<std::int64_t>(trees.size()), nodes = static_cast<std::int64_t>(most);
  if (count * nodes * leaves > kMostWork)
    return call.fail(Code::unsupported, "{} trees of {} comparisons and {} leaves", count, nodes, leaves);
  Value features = Value::zeros({Element::i64, {count * nodes}}), limits = Value::zeros({Element::f32, {count * nodes}});
  Value strict = Value::zeros({Element::boolean, {count * nodes}}), signs = Value::zeros({Element::i8, {count, nodes, leaves}});
  Value wanted = Value::zeros({Element::i32, {count, 1, leaves}});
  std::ranges::fill(wanted.ints, nodes + 1);  // a leaf that is not there
  bool any_strict = false, any_loose = false;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    for (std::size_t i = 0; i < trees[t].features.size(); ++i) {
      const auto at = t * most + i;
      features.ints[at] = trees[t].features[i];
      limits.floats[at] = trees[t].thresholds[i];
      strict.ints[at] = trees[t].strict[i] ? 1 : 0;
      (trees[t].strict[i] ? any_strict : any_loose) = true;
    }
    for (std::size_t k = 0; k < trees[t].leaves.size(); ++k) {
      std::int64_t yes = 0;
      for (const auto& turn : trees[t].leaves[k].path) {
        signs.ints[(t * most + turn.node) * static_cast<std::size_t>(leaves) + k] = turn.yes ? 1 : -1;
        yes += turn.yes ? 1 : 0;
      }
      wanted.ints[t * static_cast<std::size_t>(leaves) + k] = yes;
    }
  }
  const int x = to.add("Gather", {call.input(0), to.constant(std::move(features))}, Attributes{{"axis", std::int64_t{1}}});
  const int edges = to.constant(std::move(limits));
  int truth = any_strict ? to.add("Less", {x, edges}) : to.add("LessOrEqual", {x, edges});
  if (any_strict && any_loose)
    truth = to.add("Where", {to.constant(std::move(strict)), truth, to.add("LessOrEqual", {x, edges})});
  const auto cast = [&](int v, Element element) {
    return to.add("Cast", {v}, Attributes{{"to", static_cast<std::int64_t>(element)}});
  };
  const int bits = to.transpose(to.reshape(cast(truth, Element::i8), {n, count, nodes}), {1, 0, 2});
  const int agreed = to.add("MatMulInteger", {bits, to.constant(std::move(signs))});
  const int hit = cast(to.add("Equal", {agreed, to.constant(std::move(wanted))}), Element::f32);
  return to.reshape(to.transpose(hit, {1, 0, 2}), {n, count * leaves});
}

/// Sums of the weights of the leaves that are reached: [n, columns].
Result<int> scores(const Call& call, Expansion& to, const Listed& l, std::int64_t columns) {
  if (call.shape(0).size() != 2 || !onnx::is_float(call.type(0).element))
    return call.fail(Code::unsupported, "input {}: rows of floats expected", tensor::shape_text(call.shape(0)));
  KOINON_TRY(const auto trees, trees_of(call, l, call.shape(0)[1]));
  std::size_t leaves = 1;
  for (const auto& tree : trees) leaves = std::max(leaves, tree.leaves.size());
  KOINON_TRY(const int hit, reached(call, to, trees, static_cast<std::int64_t>(leaves)));
  const auto aggregate = call.text("aggregate_function", "SUM");
  if (aggregate != "SUM" && aggregate != "AVERAGE") return call.fail(Code::unsupported, "aggregate_function '{}'", aggregate);
  const double share = aggregate == "AVERAGE" ? 1.0 / static_cast<double>(trees.size()) : 1;
  Value weights = Value::zeros({Element::f32, {static_cast<std::int64_t>(trees.size() * leaves), columns}});
  for (std::size_t t = 0; t < trees.size(); ++t)
    for (std::size_t k = 0; k < trees[t].leaves.size(); ++k)
      for (const auto& [column, weight] : trees[t].leaves[k].weights) {
        if (column >= columns) return call.fail(Code::out_of_range, "a weight for output {} of {}", column, columns);
        weights.floats[(t * leaves + k) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)] =
            static_cast<float>(weight * share);
      }
  int sum = to.add("MatMul", {hit, to.constant(std::move(weights))});
  if (const auto base = call.reals("base_values"); !base.empty()) {
    if (static_cast<std::int64_t>(base.size()) != columns)
      return call.fail(Code::malformed, "{} base values for {} outputs", base.size(), columns);
    sum = to.add("Add", {sum, to.constant(Value::of_floats({columns}, base))});
  }
  return sum;
}

Result<int> transformed(const Call& call, Expansion& to, int scores) {
  const auto transform = call.text("post_transform", "NONE");
  if (transform == "NONE") return scores;
  if (transform == "LOGISTIC") return to.add("Sigmoid", {scores});
  if (transform == "SOFTMAX") return to.add("Softmax", {scores}, Attributes{{"axis", std::int64_t{-1}}});
  return call.fail(Code::unsupported, "post_transform '{}'", transform);
}

Status expand_regressor(const Call& call, Expansion& to) {
  KOINON_TRY(const auto l, listed(call, "target"));
  KOINON_TRY(const int sum, scores(call, to, l, std::clamp<std::int64_t>(call.integer("n_targets", 1), 1, 1 << 16)));
  KOINON_TRY(const int y, transformed(call, to, sum));
  to.result(0, y);
  return {};
}

Status expand_classifier(const Call& call, Expansion& to) {
  KOINON_TRY(const auto l, listed(call, "class"));
  const auto labels = call.integers("classlabels_int64s");
  if (labels.empty()) return call.fail(Code::unsupported, "labels that are strings");
  const auto classes = static_cast<std::int64_t>(labels.size());
  std::int64_t columns = 0;
  bool positive = true, one = true;
  for (const auto& [leaf, weights] : l.weights)
    for (const auto& [column, weight] : weights) {
      one = one && column == l.weights.begin()->second.begin()->first;
      columns = std::max(columns, column + 1);
      positive = positive && weight >= 0;
    }
  if (classes != 2 || !one || columns == 0) {
    KOINON_TRY(const int sum, scores(call, to, l, classes));
    KOINON_TRY(const int y, transformed(call, to, sum));
    const int place = to.add("ArgMax", {sum}, Attributes{{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
    to.result(0, to.add("Gather", {to.integers(labels), place}));
    to.result(1, y);
    return {};
  }
  // Two classes, of which one has scores: the other has what is left.
  auto single = l;
  for (auto& [leaf, weights] : single.weights) weights = {{0, weights.begin()->second}};
  KOINON_TRY(const int sum, scores(call, to, single, 1));
  KOINON_TRY(const int y, transformed(call, to, sum));
  const bool share = positive && call.text("post_transform", "NONE") == "NONE";
  const int chosen = to.add("Greater", {sum, to.real(share ? 0.5F : 0.0F)});
  const int flat = to.add("Squeeze", {chosen, to.integers({1})});
  to.result(
      0, to.add("Where", {flat, to.constant(Value::of_ints({}, {labels[1]})), to.constant(Value::of_ints({}, {labels[0]}))}));
  const bool logistic = call.text("post_transform", "NONE") == "LOGISTIC";
  const int rest = share || logistic ? to.add("Sub", {to.real(1), y}) : to.add("Neg", {y});
  to.result(1, to.concat({rest, y}, 1));
  return {};
}

constexpr Operator kOperators[] = {
    {"ai.onnx.ml.TreeEnsembleRegressor", 1, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_regressor},
    {"ai.onnx.ml.TreeEnsembleClassifier", 1, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_classifier}};

}  // namespace

std::span<const Operator> trees_operators() { return kOperators; }

}  // namespace koinon::engine::operators
