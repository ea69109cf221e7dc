#include <algorithm>

#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Expand and Tile repeat elements; Split cuts an axis; Trilu keeps a triangle; EyeLike makes one.
namespace koinon::engine::operators {

namespace {

// Expand

Result<std::vector<Type>> infer_expand(const Call& call) {
  KOINON_TRY(const auto wanted, call.constant_integers(1, "shape"));
  for (auto d : wanted)
    if (d < 0) return call.fail(Code::malformed, "shape {}", tensor::shape_text(wanted));
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), wanted));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

Result<std::vector<Value>> compute_expand(const Call& call) {
  return std::vector<Value>{broadcast_to(call.value(0), call.output_type(0).shape)};
}

Status lower_expand(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& out = call.output_type(0).shape;
  const auto ref = to.plain(x);
  return to.set(call, out == x.shape ? ref : to.builder().broadcast(ref, out), x.scale);
}

// Tile

Result<std::vector<std::int64_t>> repeats(const Call& call) {
  KOINON_TRY(const auto list, call.constant_integers(1, "repeats"));
  if (list.size() != call.shape(0).size())
    return call.fail(Code::malformed, "{} repeats for {} axes", list.size(), call.shape(0).size());
  if (std::ranges::any_of(list, [](auto r) { return r < 0 || r > (1 << 28); }))
    return call.fail(Code::out_of_range, "repeats {}", tensor::shape_text(list));
  return list;
}

Result<std::vector<Type>> infer_tile(const Call& call) {
  KOINON_TRY(const auto times, repeats(call));
  Type out = call.type(0);
  for (std::size_t i = 0; i < times.size(); ++i)
    if (__builtin_mul_overflow(out.shape[i], times[i], &out.shape[i])) return call.fail(Code::out_of_range, "axis too long");
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute_tile(const Call& call) {
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  const auto in = strides_of(x.shape), out = strides_of(y.shape);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    std::int64_t from = 0;
    for (std::size_t d = 0; d < in.size(); ++d) from += i / out[d] % y.shape[d] % x.shape[d] * in[d];
    if (onnx::is_float(y.element))
      y.floats[static_cast<std::size_t>(i)] = x.floats[static_cast<std::size_t>(from)];
    else
      y.ints[static_cast<std::size_t>(i)] = x.ints[static_cast<std::size_t>(from)];
  }
  return std::vector<Value>{std::move(y)};
}

// Axis by axis: [outer, 1, rest] repeated to [outer, times, rest].
Status lower_tile(const Call& call, Lowering& to) {
  KOINON_TRY(const auto times, repeats(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  Ref ref = to.plain(x);
  Shape shape = x.shape;
  for (std::size_t d = 0; d < times.size(); ++d) {
    if (times[d] == 1) continue;
    const auto at = shape.begin() + static_cast<std::ptrdiff_t>(d);
    const auto outer = onnx::count({shape.begin(), at}), rest = onnx::count({at, shape.end()});
    ref = b.broadcast(b.reshape(ref, {outer, 1, rest}), {outer, times[d], rest});
    shape[d] *= times[d];
    ref = b.reshape(ref, shape);
  }
  return to.set(call, ref, x.scale);
}

// Split

Result<std::vector<std::int64_t>> parts(const Call& call) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  const auto n = call.shape(0)[axis];
  auto list = call.integers("split");
  if (call.has(1)) {
    KOINON_TRY(list, call.constant_integers(1, "split"));
  }
  if (list.empty()) {
    const auto count = call.integer("num_outputs", static_cast<std::int64_t>(call.outputs()));
    if (count < 1 || count != static_cast<std::int64_t>(call.outputs()))
      return call.fail(Code::malformed, "{} outputs where {} are made", call.outputs(), count);
    // The last part takes what is left when the axis does not divide.
    const auto each = (n + count - 1) / count;
    for (std::int64_t i = 0; i < count; ++i) list.push_back(std::clamp<std::int64_t>(n - i * each, 0, each));
  }
  std::int64_t total = 0;
  for (auto part : list) {
    if (part < 0 || part > n) return call.fail(Code::malformed, "a part of {} of an axis of {}", part, n);
    total += part;
  }
  if (total != n || list.size() < call.outputs())
    return call.fail(Code::malformed, "parts {} of an axis of {} for {} outputs", tensor::shape_text(list), n, call.outputs());
  return list;
}

Result<std::vector<Type>> infer_split(const Call& call) {
  KOINON_TRY(const auto list, parts(call));
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  std::vector<Type> out(list.size(), call.type(0));
  for (std::size_t i = 0; i < list.size(); ++i) out[i].shape[axis] = list[i];
  return out;
}

Result<std::vector<Value>> compute_split(const Call& call) {
  KOINON_TRY(const auto list, parts(call));
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  const auto strides = strides_of(call.shape(0));
  std::vector<Value> out;
  std::int64_t offset = 0;
  for (auto part : list) {
    Shape shape = call.shape(0);
    shape[axis] = part;
    out.push_back(pick(call.value(0), shape, strides, offset));
    offset += part * strides[axis];
  }
  return out;
}

Status lower_split(const Call& call, Lowering& to) {
  KOINON_TRY(const auto list, parts(call));
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto rank = x.shape.size();
  const auto ref = to.plain(x);
  std::vector<std::int64_t> starts(rank, 0);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i < call.outputs() && call.output(i) != onnx::kAbsent) {
      Shape shape = x.shape;
      shape[axis] = list[i];
      const auto part = to.builder().slice(ref, starts, std::vector<std::int64_t>(rank, 1), shape);
      KOINON_CHECK(to.set(call, part, x.scale, false, i));
    }
    starts[axis] += list[i];
  }
  return {};
}

// Trilu

/// 1 where the element stays.
Result<Value> triangle(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 2) return call.fail(Code::malformed, "{} axes: at least 2 expected", x.size());
  std::int64_t k = 0;
  if (call.has(1)) {
    KOINON_TRY(const auto list, call.constant_integers(1, "k"));
    if (list.size() != 1) return call.fail(Code::malformed, "{} numbers as k", list.size());
    k = std::clamp<std::int64_t>(list[0], -(1 << 28), 1 << 28);
  }
  const auto rows = x[x.size() - 2], columns = x.back();
  const bool upper = call.integer("upper", 1) != 0;
  Value out = Value::zeros({Element::boolean, {rows, columns}});
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      out.ints[static_cast<std::size_t>(r * columns + c)] = upper ? c >= r + k : c <= r + k;
  return out;
}

Status expand_triangle(const Call& call, Expansion& to) {
  KOINON_TRY(auto keep, triangle(call));
  const int mask = to.constant(std::move(keep));
  const int zero = to.constant(Value::zeros({call.type(0).element, {}}));
  to.result(0, to.add("Where", {mask, call.input(0), zero}));
  return {};
}

// EyeLike

Result<std::vector<Type>> infer_eye(const Call& call) {
  if (call.shape(0).size() != 2) return call.fail(Code::malformed, "{} axes: 2 expected", call.shape(0).size());
  const auto dtype = call.integer("dtype", static_cast<std::int64_t>(call.type(0).element));
  static_cast<void>(call.integer("k", 0));
  KOINON_TRY(const auto element, element_of(call, dtype));
  return std::vector<Type>{{element, call.shape(0)}};
}

Result<std::vector<Value>> compute_eye(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto columns = y.shape[1];
  const auto k = std::clamp<std::int64_t>(call.integer("k", 0), -(1 << 28), 1 << 28);
  for (std::int64_t r = 0; r < y.shape[0]; ++r) {
    const auto c = r + k;
    if (c < 0 || c >= columns) continue;
    const auto at = static_cast<std::size_t>(r * columns + c);
    if (onnx::is_float(y.element))
      y.floats[at] = 1;
    else
      y.ints[at] = 1;
  }
  return std::vector<Value>{std::move(y)};
}

constexpr Operator kOperators[] = {{"Expand", 8, kNewest, 2, 2, infer_expand, compute_expand, lower_expand},
                                   {"Tile", 6, kNewest, 2, 2, infer_tile, compute_tile, lower_tile},
                                   {"Split", 2, kNewest, 1, 2, infer_split, compute_split, lower_split},
                                   {"Trilu", 14, kNewest, 1, 2, nullptr, nullptr, nullptr, false, expand_triangle},
                                   {"EyeLike", 9, kNewest, 1, 1, infer_eye, compute_eye, nullptr, true}};

}  // namespace

std::span<const Operator> repeat_operators() { return kOperators; }

}  // namespace koinon::engine::operators
