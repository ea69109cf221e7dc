#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, made of simpler nodes: what a loss is worth. How it is trained with is
// no part of a program (engine/train).
namespace koinon::engine::operators {

namespace {

struct Loss {
  int scores = 0;              ///< [n, c, d...], logarithms of probabilities
  int target = 0;              ///< [n, d...], integers
  int weight = onnx::kAbsent;  ///< [c]
  Shape shape;                 ///< of the scores
  Element labels = Element::i64;
};

Result<Loss> loss_of(const Call& call) {
  Loss l{call.input(0), call.input(1), call.has(2) ? call.input(2) : onnx::kAbsent, call.shape(0), call.type(1).element};
  const auto& target = call.shape(1);
  bool fits = l.shape.size() >= 2 && target.size() + 1 == l.shape.size() && !onnx::is_float(l.labels);
  for (std::size_t i = 0; fits && i < target.size(); ++i) fits = target[i] == l.shape[i == 0 ? 0 : i + 1];
  if (!fits)
    return call.fail(Code::malformed, "scores {} and labels {}", tensor::shape_text(l.shape), tensor::shape_text(target));
  if (call.has(2) && call.shape(2) != Shape{l.shape[1]})
    return call.fail(Code::malformed, "weights {} of {} classes", tensor::shape_text(call.shape(2)), l.shape[1]);
  return l;
}

int label(Expansion& to, const Loss& l, std::int64_t v) { return to.constant(Value::of_ints({}, {v}, l.labels)); }

/// Output 0: the loss of each place, or their weighted mean or sum.
Status lose(const Call& call, Expansion& to, const Loss& l) {
  int places = to.add("Unsqueeze", {l.target, to.integers({1})});
  int ignored = onnx::kAbsent;
  if (call.given("ignore_index")) {
    ignored = to.add("Equal", {places, label(to, l, call.integer("ignore_index", 0))});
    places = to.add("Where", {ignored, label(to, l, 0), places});
  }
  const int one = to.add(
      "Squeeze", {to.add("GatherElements", {l.scores, places}, Attributes{{"axis", std::int64_t{1}}}), to.integers({1})});
  int loss = to.add("Neg", {one}), weight = onnx::kAbsent;
  if (l.weight != onnx::kAbsent) weight = to.add("Gather", {l.weight, to.add("Squeeze", {places, to.integers({1})})});
  if (ignored != onnx::kAbsent) {
    const int all = weight != onnx::kAbsent ? weight : to.real(1);
    weight = to.add("Where", {to.add("Squeeze", {ignored, to.integers({1})}), to.real(0), all});
  }
  if (weight != onnx::kAbsent) loss = to.add("Mul", {loss, weight});
  const auto reduction = call.text("reduction", "mean");
  const auto reduced = [&](const char* op, int v) { return to.add(op, {v}, Attributes{{"keepdims", std::int64_t{0}}}); };
  if (reduction == "none") {
    to.result(0, loss);
  } else if (reduction == "sum") {
    to.result(0, reduced("ReduceSum", loss));
  } else if (reduction != "mean") {
    return call.fail(Code::malformed, "reduction '{}'", reduction);
  } else if (weight == onnx::kAbsent) {
    to.result(0, reduced("ReduceMean", loss));
  } else {
    to.result(0, to.add("Div", {reduced("ReduceSum", loss), reduced("ReduceSum", weight)}));
  }
  return {};
}

Status expand_likelihood(const Call& call, Expansion& to) {
  KOINON_TRY(const auto l, loss_of(call));
  return lose(call, to, l);
}

Status expand_cross_entropy(const Call& call, Expansion& to) {
  KOINON_TRY(auto l, loss_of(call));
  l.scores = to.add("LogSoftmax", {l.scores}, Attributes{{"axis", std::int64_t{1}}});
  KOINON_CHECK(lose(call, to, l));
  to.result(1, l.scores);
  return {};
}

constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", 12, kNewest, 2, 3, nullptr, nullptr, nullptr, false, expand_likelihood},
    {"SoftmaxCrossEntropyLoss", 12, kNewest, 2, 3, nullptr, nullptr, nullptr, false, expand_cross_entropy}};

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace koinon::engine::operators
