#pragma once
#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

/// NumPy's rule. Errors: malformed naming both shapes.
Result<Shape> broadcast(const Call& call, const Shape& a, const Shape& b);
/// Elements between neighbours along each axis, row-major.
std::vector<std::int64_t> strides_of(const Shape& shape);
/// Strides of `shape` seen as `out` (0 where it is repeated). Precondition: it broadcasts to out.
std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& out);

/// Calls f(flat index of out, offset) for every element of out in order, the offset following `strides`.
template <class F>
void walk(const Shape& out, const std::vector<std::int64_t>& strides, std::int64_t offset, F&& f) {
  const auto n = onnx::count(out);
  std::vector<std::int64_t> at(out.size(), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    f(static_cast<std::size_t>(i), static_cast<std::size_t>(offset));
    for (std::size_t d = out.size(); d-- > 0;) {
      offset += strides[d];
      if (++at[d] < out[d]) break;
      offset -= strides[d] * out[d];
      at[d] = 0;
    }
  }
}

/// Copies elements of `from` to a new value of `shape`, element by element along `strides` from `offset`.
Value pick(const Value& from, Shape shape, const std::vector<std::int64_t>& strides, std::int64_t offset = 0);
/// `value` repeated to `shape`.
Value broadcast_to(const Value& value, const Shape& shape);

}  // namespace koinon::engine::operators
