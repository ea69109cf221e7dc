#include <algorithm>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// MaxUnpool: every element of x goes to the place that MaxPool took it from; the rest is 0.
namespace koinon::engine::operators {

namespace {

Result<Shape> shape_of(const Call& call) {
  const auto& x = call.shape(0);
  const auto kernel = call.integers("kernel_shape");
  const auto d = kernel.size();
  if (d < 1 || x.size() != d + 2 || call.shape(1) != x || onnx::is_float(call.type(1).element))
    return call.fail(Code::malformed, "input {} and places {} for a kernel of {} axes", tensor::shape_text(x),
                     tensor::shape_text(call.shape(1)), d);
  if (call.has(2)) return call.constant_integers(2, "output shape");
  const auto strides = call.integers("strides", std::vector<std::int64_t>(d, 1));
  const auto pads = call.integers("pads", std::vector<std::int64_t>(2 * d, 0));
  if (strides.size() != d || pads.size() != 2 * d) return call.fail(Code::malformed, "strides or pads of another length");
  Shape out = x;
  for (std::size_t i = 0; i < d; ++i) out[i + 2] = (x[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[d + i];
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(auto shape, shape_of(call));
  if (shape.size() != call.shape(0).size()) return call.fail(Code::malformed, "output shape {}", tensor::shape_text(shape));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

/// A place in the input that MaxPool saw, in the output asked for: both are counted over all planes, whose sizes may differ.
Result<std::int64_t> place(const Call& call, std::int64_t index, const Shape& pooled, const Shape& out) {
  if (index < 0 || index >= onnx::count(pooled))
    return call.fail(Code::out_of_range, "place {} of {} elements", index, onnx::count(pooled));
  const auto from = strides_of(pooled), to = strides_of(out);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto k = index / from[i] % pooled[i];
    if (k >= out[i])
      return call.fail(Code::out_of_range, "place {} lies outside the output {}", index, tensor::shape_text(out));
    at += k * to[i];
  }
  return at;
}

/// Shape of the tensor that places count in: what the attributes say, whatever the output shape asked for.
Shape pooled_shape(const Call& call) {
  const auto& x = call.shape(0);
  const auto kernel = call.integers("kernel_shape");
  const auto strides = call.integers("strides", std::vector<std::int64_t>(kernel.size(), 1));
  const auto pads = call.integers("pads", std::vector<std::int64_t>(2 * kernel.size(), 0));
  Shape out = x;
  for (std::size_t i = 0; i < kernel.size() && i < strides.size() && i + kernel.size() < pads.size(); ++i)
    out[i + 2] = (x[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[kernel.size() + i];
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto pooled = pooled_shape(call);
  for (std::int64_t i = 0; i < call.value(0).size(); ++i) {
    KOINON_TRY(const auto at, place(call, call.value(1).ints[static_cast<std::size_t>(i)], pooled, y.shape));
    y.floats[static_cast<std::size_t>(at)] = call.value(0).floats[static_cast<std::size_t>(i)];
  }
  return std::vector<Value>{std::move(y)};
}

// A scatter, whose places must differ: so it is for windows that do not overlap.
Status lower(const Call& call, Lowering& to) {
  const auto kernel = call.integers("kernel_shape");
  const auto strides = call.integers("strides", std::vector<std::int64_t>(kernel.size(), 1));
  for (std::size_t i = 0; i < kernel.size(); ++i)
    if (strides[i] < kernel[i]) return call.fail(Code::unsupported, "windows that overlap, whose places may repeat");
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto places, to.in(call, 1));
  auto& b = to.builder();
  const auto pooled = pooled_shape(call), out = call.output_type(0).shape;
  const auto count = onnx::count(x.shape), total = onnx::count(pooled);
  if (b.error()) return base::fail(*b.error());
  const auto index = b.reshape(clamp(to, to.plain(places), 0, total - 1), {count});
  const auto zeros = b.weight(IntTensor::zeros(b.info(x.ref).dtype, {total}));
  auto y = b.reshape(b.scatter(zeros, index, b.reshape(to.plain(x), {count}), 0), pooled);
  std::vector<std::int64_t> none(out.size(), 0), after;
  for (std::size_t i = 0; i < out.size(); ++i) after.push_back(std::max<std::int64_t>(0, out[i] - pooled[i]));
  y = b.pad(y, none, after);
  return to.set(call, b.slice(y, none, std::vector<std::int64_t>(out.size(), 1), out), x.scale);
}

constexpr Operator kOperators[] = {{"MaxUnpool", 9, kNewest, 2, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> max_unpool_operators() { return kOperators; }

}  // namespace koinon::engine::operators
