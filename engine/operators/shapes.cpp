#include "engine/operators/shapes.hpp"

#include <algorithm>

namespace koinon::engine::operators {

Result<Shape> broadcast(const Call& call, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const auto y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return call.fail(Code::malformed, "shapes {} and {} do not broadcast", tensor::shape_text(a), tensor::shape_text(b));
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> out(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) out[i - 1] = out[i] * shape[i];
  return out;
}

std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& out) {
  const auto own = strides_of(shape);
  std::vector<std::int64_t> strides(out.size(), 0);
  const auto lead = out.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) strides[lead + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}

Value pick(const Value& from, Shape shape, const std::vector<std::int64_t>& strides, std::int64_t offset) {
  Value out = Value::zeros({from.element, std::move(shape)});
  if (onnx::is_float(from.element))
    walk(out.shape, strides, offset, [&](std::size_t i, std::size_t j) { out.floats[i] = from.floats[j]; });
  else
    walk(out.shape, strides, offset, [&](std::size_t i, std::size_t j) { out.ints[i] = from.ints[j]; });
  return out;
}

Value broadcast_to(const Value& value, const Shape& shape) { return pick(value, shape, broadcast_strides(value.shape, shape)); }

}  // namespace koinon::engine::operators
