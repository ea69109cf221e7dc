#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/operators/table.hpp"

// NonMaxSuppression: the boxes that are kept, best scores first. How many there are depends on data, so that a program, whose
// shapes are fixed, cannot hold it: it only folds away.
namespace koinon::engine::operators {

namespace {

struct Box {
  double top, left, bottom, right;
  [[nodiscard]] double area() const { return (bottom - top) * (right - left); }
};

struct Limits {
  std::int64_t most = 0;
  double overlap = 0;
  bool scored = false;
  double score = 0;
};

Limits limits(const Call& call) {
  const auto number = [&](std::size_t i) { return call.has(i) && call.value(i).size() > 0 ? call.value(i).real(0) : 0.0; };
  return {onnx::saturate(number(2)), number(3), call.has(4), number(4)};
}

Box box(const Call& call, std::int64_t batch, std::int64_t i) {
  const auto at = [&](std::int64_t k) { return call.value(0).real((batch * call.shape(0)[1] + i) * 4 + k); };
  if (call.integer("center_point_box", 0) != 0)
    return {at(1) - at(3) / 2, at(0) - at(2) / 2, at(1) + at(3) / 2, at(0) + at(2) / 2};
  return {std::min(at(0), at(2)), std::min(at(1), at(3)), std::max(at(0), at(2)), std::max(at(1), at(3))};
}

double overlap(const Box& a, const Box& b) {
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (height <= 0 || width <= 0) return 0;
  const double both = height * width, all = a.area() + b.area() - both;
  return all > 0 ? both / all : 0;
}

/// Boxes kept of one class in one batch, best first; of equal scores the lower index comes first.
std::vector<std::int64_t> kept(const Call& call, const Limits& limit, std::int64_t batch, std::int64_t cls) {
  const auto boxes = call.shape(0)[1], first = (batch * call.shape(1)[1] + cls) * boxes;
  const auto score = [&](std::int64_t i) { return call.value(1).real(first + i); };
  std::vector<std::int64_t> order(static_cast<std::size_t>(boxes)), out;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](auto a, auto b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  for (auto i : order) {
    if (static_cast<std::int64_t>(out.size()) >= limit.most) break;
    if (limit.scored && !(score(i) > limit.score)) continue;
    const auto mine = box(call, batch, i);
    if (std::ranges::none_of(out, [&](auto k) { return overlap(box(call, batch, k), mine) > limit.overlap; })) out.push_back(i);
  }
  return out;
}

std::vector<std::int64_t> selected(const Call& call) {
  std::vector<std::int64_t> out;
  const auto limit = limits(call);
  for (std::int64_t n = 0; n < call.shape(1)[0]; ++n)
    for (std::int64_t c = 0; c < call.shape(1)[1]; ++c)
      for (auto i : kept(call, limit, n, c)) out.insert(out.end(), {n, c, i});
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  const auto &boxes = call.shape(0), &scores = call.shape(1);
  if (boxes.size() != 3 || scores.size() != 3 || boxes[2] != 4 || scores[0] != boxes[0] || scores[2] != boxes[1])
    return call.fail(Code::malformed, "boxes {} and scores {}", tensor::shape_text(boxes), tensor::shape_text(scores));
  if (onnx::count(scores) > (1 << 12))
    return call.fail(Code::exhausted, "{} boxes to compare: at most 4096", onnx::count(scores));
  static_cast<void>(call.integer("center_point_box", 0));
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && call.known(i) == nullptr)
      return call.fail(Code::unsupported, "how many boxes are kept depends on data that is not constant (input {})", i);
  return std::vector<Type>{{Element::i64, {static_cast<std::int64_t>(selected(call).size()) / 3, 3}}};
}

Result<std::vector<Value>> compute(const Call& call) {
  return std::vector<Value>{Value::of_ints(call.output_type(0).shape, selected(call))};
}

constexpr Operator kOperators[] = {{"NonMaxSuppression", 10, kNewest, 2, 5, infer, compute, nullptr}};

}  // namespace

std::span<const Operator> non_max_suppression_operators() { return kOperators; }

}  // namespace koinon::engine::operators
