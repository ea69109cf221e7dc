#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// ReduceMean, ReduceSum, ReduceMax, ReduceMin. Axes are an attribute, or an input since opset 13 (sum) or 18 (the others).
namespace koinon::engine::operators {

namespace {

/// The reduced axes, ascending. None given means all of them, or none with noop_with_empty_axes.
Result<std::vector<std::size_t>> axes(const Call& call) {
  const auto rank = call.shape(0).size();
  auto list = call.integers("axes");
  if (call.has(1)) {
    KOINON_TRY(list, call.constant_integers(1, "axes"));
  }
  std::vector<std::size_t> out;
  if (list.empty() && call.integer("noop_with_empty_axes", 0) == 0)
    for (std::size_t i = 0; i < rank; ++i) out.push_back(i);
  for (auto a : list) {
    KOINON_TRY(const auto axis, call.axis(a, rank));
    if (std::ranges::find(out, axis) != out.end()) return call.fail(Code::malformed, "axis {} twice", a);
    out.push_back(axis);
  }
  std::ranges::sort(out);
  return out;
}

Shape kept_shape(Shape shape, const std::vector<std::size_t>& reduced) {
  for (auto a : reduced) shape[a] = 1;
  return shape;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto reduced, axes(call));
  Type out{call.type(0).element, kept_shape(call.shape(0), reduced)};
  for (auto d : call.shape(0))
    if (d < 1) return call.fail(Code::unsupported, "an empty tensor");
  if (call.integer("keepdims", 1) == 0)
    for (std::size_t i = reduced.size(); i-- > 0;) out.shape.erase(out.shape.begin() + static_cast<std::ptrdiff_t>(reduced[i]));
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto reduced, axes(call));
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  const auto kept = kept_shape(x.shape, reduced);
  const bool max = call.node().op == "ReduceMax", min = call.node().op == "ReduceMin";
  const auto n = static_cast<std::size_t>(y.size());
  std::vector<double> total(n, max   ? -std::numeric_limits<double>::infinity()
                               : min ? std::numeric_limits<double>::infinity()
                                     : 0.0);
  walk(x.shape, broadcast_strides(kept, x.shape), 0, [&](std::size_t from, std::size_t at) {
    const auto v = x.real(static_cast<std::int64_t>(from));
    total[at] = max ? std::max(total[at], v) : min ? std::min(total[at], v) : total[at] + v;
  });
  const double divisor = call.node().op == "ReduceMean" ? static_cast<double>(x.size()) / static_cast<double>(n) : 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    if (onnx::is_float(y.element))
      y.floats[i] = static_cast<float>(total[i] / divisor);
    else
      y.ints[i] = onnx::saturate(total[i] / divisor);
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto reduced, axes(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto ref = to.plain(x);
  const auto& out = call.output_type(0).shape;
  const auto& op = call.node().op;
  const auto kind = op == "ReduceMax"   ? program::ReduceOp::max
                    : op == "ReduceMin" ? program::ReduceOp::min
                                        : program::ReduceOp::sum;
  if (reduced.empty()) return to.set(call, ref, x.scale);
  auto acc = b.reduce(ref, program::ReduceParams::axes(kind, x.shape, reduced));
  if (kept_shape(x.shape, reduced) != out) acc = b.reshape(acc, out);
  if (kind != program::ReduceOp::sum) return to.set(call, acc, x.scale);
  const double divisor =
      op == "ReduceMean" ? static_cast<double>(onnx::count(x.shape)) / static_cast<double>(onnx::count(out)) : 1.0;
  return to.emit(call, acc, {x.scale.real() / divisor});
}

constexpr Operator kOperators[] = {{"ReduceMean", 1, kNewest, 1, 2, infer, compute, lower},
                                   {"ReduceSum", 1, kNewest, 1, 2, infer, compute, lower},
                                   {"ReduceMax", 1, kNewest, 1, 2, infer, compute, lower},
                                   {"ReduceMin", 1, kNewest, 1, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> reduce_operators() { return kOperators; }

}  // namespace koinon::engine::operators
