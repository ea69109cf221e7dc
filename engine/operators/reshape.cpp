#include <algorithm>

#include "engine/operators/lowering.hpp"
#include "engine/operators/table.hpp"

// Operators that give the same elements another shape: Reshape, Flatten, Squeeze, Unsqueeze.
namespace koinon::engine::operators {

namespace {

Result<Shape> reshaped(const Call& call) {
  KOINON_TRY(auto shape, call.constant_integers(1, "shape"));
  const auto& x = call.shape(0);
  std::optional<std::size_t> open;
  std::int64_t rest = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && call.integer("allowzero", 0) == 0) {
      if (i >= x.size()) return call.fail(Code::malformed, "axis {} copies one that the input does not have", i);
      shape[i] = x[i];
    }
    if (shape[i] < -1 || (shape[i] == -1 && open)) return call.fail(Code::malformed, "shape {}", tensor::shape_text(shape));
    if (shape[i] == -1)
      open = i;
    else if (__builtin_mul_overflow(rest, shape[i], &rest))
      return call.fail(Code::out_of_range, "shape {}", tensor::shape_text(shape));
  }
  if (open) shape[*open] = rest == 0 ? 0 : onnx::count(x) / rest;
  return shape;
}

Result<Shape> flattened(const Call& call) {
  const auto& x = call.shape(0);
  auto axis = call.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(x.size());
  if (axis < -rank || axis > rank) return call.fail(Code::out_of_range, "axis {}", axis);
  if (axis < 0) axis += rank;
  const auto split = x.begin() + axis;
  return Shape{onnx::count({x.begin(), split}), onnx::count({split, x.end()})};
}

/// Axes from the attribute (to opset 12) or the second input.
Result<std::vector<std::int64_t>> listed_axes(const Call& call) {
  if (call.has(1)) return call.constant_integers(1, "axes");
  return call.integers("axes");
}

Result<Shape> squeezed(const Call& call) {
  const auto& x = call.shape(0);
  KOINON_TRY(const auto list, listed_axes(call));
  std::vector<bool> drop(x.size(), false);
  for (std::size_t i = 0; i < x.size(); ++i) drop[i] = list.empty() && x[i] == 1;
  for (auto a : list) {
    KOINON_TRY(const auto axis, call.axis(a, x.size()));
    if (x[axis] != 1) return call.fail(Code::malformed, "axis {} has size {}: 1 expected", a, x[axis]);
    drop[axis] = true;
  }
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!drop[i]) out.push_back(x[i]);
  return out;
}

Result<Shape> unsqueezed(const Call& call) {
  const auto& x = call.shape(0);
  KOINON_TRY(const auto list, listed_axes(call));
  Shape out(x.size() + list.size(), 0);
  for (auto a : list) {
    KOINON_TRY(const auto axis, call.axis(a, out.size()));
    if (out[axis] == 1) return call.fail(Code::malformed, "axis {} twice", a);
    out[axis] = 1;
  }
  std::size_t next = 0;
  std::vector<bool> taken(out.size(), false);
  for (std::size_t i = 0; i < out.size(); ++i) taken[i] = out[i] == 1;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!taken[i]) out[i] = x[next++];
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  const auto& op = call.node().op;
  KOINON_TRY(auto shape, op == "Reshape"   ? reshaped(call)
                         : op == "Flatten" ? flattened(call)
                         : op == "Squeeze" ? squeezed(call)
                                           : unsqueezed(call));
  if (onnx::count(shape) != onnx::count(call.shape(0)))
    return call.fail(Code::malformed, "{} to {}", tensor::shape_text(call.shape(0)), tensor::shape_text(shape));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = call.value(0);
  y.shape = call.output_type(0).shape;
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& out = call.output_type(0).shape;
  const auto ref = to.plain(x);
  return to.set(call, x.shape == out ? ref : to.builder().reshape(ref, out), x.scale);
}

constexpr Operator kOperators[] = {{"Reshape", 5, kNewest, 2, 2, infer, compute, lower},
                                   {"Flatten", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"Squeeze", 1, kNewest, 1, 2, infer, compute, lower},
                                   {"Unsqueeze", 1, kNewest, 1, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> reshape_operators() { return kOperators; }

}  // namespace koinon::engine::operators
