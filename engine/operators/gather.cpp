#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Gather (rows of an axis), GatherElements (one place for each element) and GatherND (rows of the leading axes).
namespace koinon::engine::operators {

namespace {

Status check_index(const Call& call) {
  const auto element = call.type(1).element;
  if (element == Element::i32 || element == Element::i64) return {};
  return call.fail(Code::malformed, "indices of {}: int32 or int64 expected", onnx::element_name(element));
}

/// A place counted from the end when negative. Errors: malformed when the axis does not have it.
Result<std::int64_t> place(const Call& call, std::int64_t index, std::int64_t n) {
  if (index < -n || index >= n) return call.fail(Code::malformed, "index {} on an axis of {}", index, n);
  return index < 0 ? index + n : index;
}

/// Elements of `from` at offsets, one after the other.
Value take(const Value& from, Shape shape, const std::vector<std::int64_t>& offsets) {
  Value out = Value::zeros({from.element, std::move(shape)});
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const auto at = static_cast<std::size_t>(offsets[i]);
    if (onnx::is_float(from.element))
      out.floats[i] = from.floats[at];
    else
      out.ints[i] = from.ints[at];
  }
  return out;
}

// Gather

Result<std::vector<Type>> infer_gather(const Call& call) {
  KOINON_CHECK(check_index(call));
  const auto &x = call.shape(0), &indices = call.shape(1);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.size()));
  const auto at = static_cast<std::ptrdiff_t>(axis);
  Shape out(x.begin(), x.begin() + at);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), x.begin() + at + 1, x.end());
  return std::vector<Type>{{call.type(0).element, std::move(out)}};
}

Result<std::vector<Value>> compute_gather(const Call& call) {
  const auto &x = call.value(0), &indices = call.value(1);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.shape.size()));
  const auto at = static_cast<std::ptrdiff_t>(axis);
  const auto outer = onnx::count({x.shape.begin(), x.shape.begin() + at});
  const auto inner = onnx::count({x.shape.begin() + at + 1, x.shape.end()});
  std::vector<std::int64_t> rows, offsets;
  for (auto i : indices.ints) {
    KOINON_TRY(const auto row, place(call, i, x.shape[axis]));
    rows.push_back(row);
  }
  for (std::int64_t o = 0; o < outer; ++o)
    for (auto row : rows)
      for (std::int64_t i = 0; i < inner; ++i) offsets.push_back((o * x.shape[axis] + row) * inner + i);
  return std::vector<Value>{take(x, call.output_type(0).shape, offsets)};
}

Status lower_gather(const Call& call, Lowering& to) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.shape(0).size()));
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto index, to.in(call, 1));
  const auto ref = to.plain(x);
  const auto rows = places(to, to.plain(index), call.shape(0)[axis]);
  return to.set(call, to.builder().gather(ref, rows, axis), x.scale);
}

// GatherElements

Result<std::vector<Type>> infer_elements(const Call& call) {
  KOINON_CHECK(check_index(call));
  const auto &x = call.shape(0), &indices = call.shape(1);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.size()));
  if (x.size() != indices.size()) return call.fail(Code::malformed, "{} axes, indices of {}", x.size(), indices.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i != axis && indices[i] > x[i])
      return call.fail(Code::malformed, "indices {} for a tensor {}", tensor::shape_text(indices), tensor::shape_text(x));
  return std::vector<Type>{{call.type(0).element, indices}};
}

Result<std::vector<Value>> compute_elements(const Call& call) {
  const auto &x = call.value(0), &indices = call.value(1);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.shape.size()));
  auto strides = strides_of(x.shape);
  const auto step = strides[axis];
  strides[axis] = 0;
  std::vector<std::int64_t> offsets(indices.ints.size());
  walk(indices.shape, strides, 0, [&](std::size_t i, std::size_t at) { offsets[i] = static_cast<std::int64_t>(at); });
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    KOINON_TRY(const auto row, place(call, indices.ints[i], x.shape[axis]));
    offsets[i] += row * step;
  }
  return std::vector<Value>{take(x, indices.shape, offsets)};
}

// Each row along the axis is a batch of its own: the axis goes last, and comes back.
Status lower_elements(const Call& call, Lowering& to) {
  const auto &shape = call.shape(0), &wanted = call.shape(1);
  const auto rank = shape.size();
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), rank));
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto index, to.in(call, 1));
  auto& b = to.builder();
  Ref data = to.plain(x), rows = places(to, to.plain(index), shape[axis]);
  Shape used = wanted;
  used[axis] = shape[axis];
  if (used != shape) data = b.slice(data, std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 1), used);
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < rank; ++i) order.push_back(static_cast<std::int64_t>(i));
  std::swap(order[axis], order[rank - 1]);
  if (axis + 1 != rank) {
    data = b.transpose(data, order);
    rows = b.transpose(rows, order);
  }
  Ref out = b.gather(data, rows, rank - 1, rank - 1);
  if (axis + 1 != rank) out = b.transpose(out, order);
  return to.set(call, out, x.scale);
}

// GatherND

struct Rows {
  std::size_t batch = 0, depth = 0;
  std::int64_t inner = 1;
};

Result<Rows> rows_of(const Call& call) {
  const auto &x = call.shape(0), &indices = call.shape(1);
  const auto batch = call.integer("batch_dims", 0);
  if (x.empty() || indices.empty() || batch < 0 || batch >= static_cast<std::int64_t>(std::min(x.size(), indices.size())))
    return call.fail(Code::malformed, "batch_dims {} of {} and {} axes", batch, x.size(), indices.size());
  Rows out{static_cast<std::size_t>(batch), 0, 1};
  if (!std::equal(x.begin(), x.begin() + batch, indices.begin()))
    return call.fail(Code::malformed, "batches of {} and {} differ", tensor::shape_text(x), tensor::shape_text(indices));
  if (indices.back() < 1 || indices.back() > static_cast<std::int64_t>(x.size()) - batch)
    return call.fail(Code::malformed, "{} coordinates for {} axes", indices.back(), x.size() - out.batch);
  out.depth = static_cast<std::size_t>(indices.back());
  for (std::size_t i = out.batch + out.depth; i < x.size(); ++i) out.inner *= x[i];
  return out;
}

Result<std::vector<Type>> infer_nd(const Call& call) {
  KOINON_CHECK(check_index(call));
  KOINON_TRY(const auto rows, rows_of(call));
  Shape out(call.shape(1).begin(), call.shape(1).end() - 1);
  out.insert(out.end(), call.shape(0).begin() + static_cast<std::ptrdiff_t>(rows.batch + rows.depth), call.shape(0).end());
  return std::vector<Type>{{call.type(0).element, std::move(out)}};
}

Result<std::vector<Value>> compute_nd(const Call& call) {
  KOINON_TRY(const auto rows, rows_of(call));
  const auto &x = call.value(0), &indices = call.value(1);
  const auto strides = strides_of(x.shape);
  const auto batches = onnx::count({x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(rows.batch)});
  const auto count = indices.size() / indices.shape.back();
  const auto whole = x.size() / std::max<std::int64_t>(batches, 1);
  std::vector<std::int64_t> offsets;
  for (std::int64_t r = 0; r < count; ++r) {
    auto offset = r / std::max<std::int64_t>(count / std::max<std::int64_t>(batches, 1), 1) * whole;
    for (std::size_t k = 0; k < rows.depth; ++k) {
      const auto axis = rows.batch + k;
      KOINON_TRY(const auto at, place(call, indices.ints[static_cast<std::size_t>(r) * rows.depth + k], x.shape[axis]));
      offset += at * strides[axis];
    }
    for (std::int64_t i = 0; i < rows.inner; ++i) offsets.push_back(offset + i);
  }
  return std::vector<Value>{take(x, call.output_type(0).shape, offsets)};
}

// The coordinates become one place in the indexed axes laid flat.
Status lower_nd(const Call& call, Lowering& to) {
  KOINON_TRY(const auto rows, rows_of(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto index, to.in(call, 1));
  const auto data = to.plain(x);
  return to.set(call, gather_flat(to, data, call.shape(0), to.plain(index), call.shape(1), rows.batch), x.scale);
}

constexpr Operator kOperators[] = {{"Gather", 1, kNewest, 2, 2, infer_gather, compute_gather, lower_gather},
                                   {"GatherElements", 11, kNewest, 2, 2, infer_elements, compute_elements, lower_elements},
                                   {"GatherND", 11, kNewest, 2, 2, infer_nd, compute_nd, lower_nd}};

}  // namespace

Ref flat_places(Lowering& to, const Shape& data, Ref index, const Shape& indices, std::size_t batch) {
  auto& b = to.builder();
  const auto depth = static_cast<std::size_t>(indices.back());
  Shape one = indices;
  one.back() = 1;
  const Shape out(indices.begin(), indices.end() - 1);
  std::optional<Ref> total;
  for (std::size_t k = 0; k < depth; ++k) {
    std::vector<std::int64_t> starts(indices.size(), 0);
    starts.back() = static_cast<std::int64_t>(k);
    Ref part = depth == 1 ? index : b.slice(index, starts, std::vector<std::int64_t>(indices.size(), 1), one);
    part = places(to, b.reshape(part, out), data[batch + k]);
    std::int64_t stride = 1;
    for (std::size_t i = batch + k + 1; i < batch + depth; ++i) stride *= data[i];
    if (stride != 1) {
      const auto by = whole_weight(to, {}, {stride});
      part = b.mul(part, by);
    }
    total = total ? b.add(*total, part) : part;
  }
  return *total;
}

Ref gather_flat(Lowering& to, Ref data, const Shape& shape, Ref index, const Shape& indices, std::size_t batch) {
  const auto place = flat_places(to, shape, index, indices, batch);
  const auto depth = static_cast<std::size_t>(indices.back());
  const auto at = [&](std::size_t i) { return shape.begin() + static_cast<std::ptrdiff_t>(i); };
  Shape flat(shape.begin(), at(batch));
  flat.push_back(onnx::count({at(batch), at(batch + depth)}));
  flat.insert(flat.end(), at(batch + depth), shape.end());
  if (flat != shape) data = to.builder().reshape(data, flat);
  return to.builder().gather(data, place, batch, batch);
}

std::span<const Operator> gather_operators() { return kOperators; }

}  // namespace koinon::engine::operators
