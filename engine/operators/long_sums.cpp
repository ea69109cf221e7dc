#include "engine/operators/long_sums.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace koinon::engine::operators {
namespace {

using program::ReduceOp;
using program::ReduceParams;

/// Elements [from, from + count) of an axis.
Ref stretch(Lowering& to, Ref x, std::size_t axis, std::int64_t from, std::int64_t count) {
  auto& b = to.builder();
  if (b.error()) return {};
  Shape sizes = b.info(x).shape;
  std::vector<std::int64_t> starts(sizes.size(), 0);
  starts[axis] = from;
  sizes[axis] = count;
  return b.slice(x, starts, std::vector<std::int64_t>(sizes.size(), 1), sizes);
}

/// The same of the last axis of a constant.
IntTensor columns_of(const IntTensor& x, std::int64_t from, std::int64_t count) {
  Shape shape = x.shape;
  const auto all = static_cast<std::size_t>(std::exchange(shape.back(), count)) * tensor::dtype_size(x.dtype);
  IntTensor out = IntTensor::zeros(x.dtype, std::move(shape));
  const auto part = static_cast<std::size_t>(count) * tensor::dtype_size(x.dtype);
  const auto skip = static_cast<std::size_t>(from) * tensor::dtype_size(x.dtype);
  for (std::size_t row = 0; row * part < out.bytes.size(); ++row)
    std::memcpy(out.bytes.data() + row * part, x.bytes.data() + row * all + skip, part);
  return out;
}

/// The sum of what `part(from, count)` gives for stretches of at most `most` of `all`.
Ref in_parts(Lowering& to, std::int64_t all, std::int64_t most, const std::function<Ref(std::int64_t, std::int64_t)>& part) {
  Ref out = part(0, std::min(all, most));
  for (std::int64_t from = most; from < all; from += most) {
    const auto next = part(from, std::min(all - from, most));
    out = to.builder().add(out, next);
  }
  return out;
}

const Shape& shape_of(Lowering& to, Ref x) {
  static const Shape kNone;
  return to.builder().error() ? kNone : to.builder().info(x).shape;
}

/// Channels of a filter that make at most kMostTerms terms; all, where nothing is to be or can be divided.
std::int64_t most_channels(const Shape& filters, const program::ConvParams& params) {
  const auto all = filters.back();
  std::int64_t taps = 1;
  for (std::size_t i = 1; i + 1 < filters.size(); ++i) taps *= filters[i];
  return params.groups != 1 || taps > kMostTerms || taps * all <= kMostTerms ? all : kMostTerms / taps;
}

bool covers(const ReduceParams& p, const Shape& shape, std::size_t axis) {
  return p.window[axis] == shape[axis] && p.dilations[axis] == 1 && p.pads_begin[axis] == 0 && p.pads_end[axis] == 0;
}

/// One axis of a reduction.
Ref reduce_axis(Lowering& to, Ref x, const ReduceParams& params, std::size_t axis) {
  auto& b = to.builder();
  if (b.error()) return {};
  const auto rank = params.window.size();
  ReduceParams one{params.op,
                   std::vector<std::int64_t>(rank, 1),
                   std::vector<std::int64_t>(rank, 1),
                   std::vector<std::int64_t>(rank, 1),
                   std::vector<std::int64_t>(rank, 0),
                   std::vector<std::int64_t>(rank, 0)};
  one.window[axis] = params.window[axis];
  one.strides[axis] = params.strides[axis];
  one.dilations[axis] = params.dilations[axis];
  one.pads_begin[axis] = params.pads_begin[axis];
  one.pads_end[axis] = params.pads_end[axis];
  const Shape shape = b.info(x).shape;
  const auto n = shape[axis];
  if (n <= kMostTerms || !covers(one, shape, axis)) return b.reduce(x, one);
  std::vector<Ref> parts;
  for (std::int64_t from = 0; from < n; from += kMostTerms) {
    one.window[axis] = std::min(kMostTerms, n - from);
    parts.push_back(b.reduce(stretch(to, x, axis, from, one.window[axis]), one));
  }
  // Parts have the type of the widest, as concat wants it.
  auto wide = DType::i8;
  for (auto part : parts)
    if (!b.error()) wide = std::max(wide, b.info(part).dtype);
  for (auto& part : parts)
    if (!b.error() && b.info(part).dtype != wide) part = b.shift(part, 0, wide);
  const auto together = b.concat(parts, axis);
  return reduce_axis(to, together, ReduceParams::axes(params.op, shape_of(to, together), {axis}), axis);
}

}  // namespace

Ref long_matmul(Lowering& to, Ref a, const IntTensor& rows, std::optional<Ref> bias) {
  auto& b = to.builder();
  const auto k = rows.shape.back();
  if (k <= kMostTerms) return b.matmul(a, b.weight(rows), bias);
  return in_parts(to, k, kMostTerms, [&](std::int64_t from, std::int64_t count) {
    const auto left = stretch(to, a, shape_of(to, a).size() - 1, from, count);
    const auto right = b.weight(columns_of(rows, from, count));
    return b.matmul(left, right, from == 0 ? bias : std::nullopt);
  });
}

Ref long_matmul(Lowering& to, Ref a, Ref b) {
  auto& builder = to.builder();
  if (builder.error()) return {};
  const auto k = shape_of(to, b).back();
  if (k <= kMostTerms) return builder.matmul(a, b);
  return in_parts(to, k, kMostTerms, [&](std::int64_t from, std::int64_t count) {
    const auto left = stretch(to, a, shape_of(to, a).size() - 1, from, count);
    const auto right = stretch(to, b, shape_of(to, b).size() - 1, from, count);
    return builder.matmul(left, right);
  });
}

Ref long_conv(Lowering& to, Ref x, const IntTensor& filters, const program::ConvParams& params, std::optional<Ref> bias) {
  auto& b = to.builder();
  const auto most = most_channels(filters.shape, params);
  if (most == filters.shape.back()) return b.conv(x, b.weight(filters), params, bias);
  return in_parts(to, filters.shape.back(), most, [&](std::int64_t from, std::int64_t count) {
    const auto left = stretch(to, x, shape_of(to, x).size() - 1, from, count);
    const auto right = b.weight(columns_of(filters, from, count));
    return b.conv(left, right, params, from == 0 ? bias : std::nullopt);
  });
}

Ref long_conv(Lowering& to, Ref x, Ref filters, const program::ConvParams& params, std::optional<Ref> bias) {
  auto& b = to.builder();
  if (b.error()) return {};
  const auto most = most_channels(shape_of(to, filters), params);
  if (most == shape_of(to, filters).back()) return b.conv(x, filters, params, bias);
  return in_parts(to, shape_of(to, filters).back(), most, [&](std::int64_t from, std::int64_t count) {
    const auto left = stretch(to, x, shape_of(to, x).size() - 1, from, count);
    const auto right = stretch(to, filters, shape_of(to, filters).size() - 1, from, count);
    return b.conv(left, right, params, from == 0 ? bias : std::nullopt);
  });
}

Ref long_reduce(Lowering& to, Ref x, const ReduceParams& params) {
  auto& b = to.builder();
  std::int64_t count = 1;
  for (auto n : params.window) count = n > kMostTerms / count ? kMostTerms + 1 : count * n;
  if (count <= kMostTerms) return b.reduce(x, params);
  for (auto axis = params.window.size(); axis-- > 0;)
    if (params.window[axis] > 1 || params.strides[axis] > 1) x = reduce_axis(to, x, params, axis);
  return x;
}

Ref long_reduce(Lowering& to, Ref x, ReduceOp op, const Shape& shape, const std::vector<std::size_t>& axes) {
  return long_reduce(to, x, ReduceParams::axes(op, shape, axes));
}

}  // namespace koinon::engine::operators
