#include "engine/operators/batch_norm.hpp"

#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/operators/table.hpp"

// BatchNormalization at inference: y = x * a[c] + b[c]. Behind a convolution quantise/simplify.cpp has folded it away.
namespace koinon::engine::operators {

Affine batch_norm_affine(const Call& call) {
  Affine out;
  for (std::int64_t c = 0; c < call.value(1).size(); ++c) {
    const double a = call.value(1).real(c) / std::sqrt(call.value(4).real(c) + call.real("epsilon", 1e-5));
    out.a.push_back(a);
    out.b.push_back(call.value(2).real(c) - call.value(3).real(c) * a);
  }
  return out;
}

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 2) return call.fail(Code::malformed, "input of shape {}", tensor::shape_text(x));
  if (call.integer("training_mode", 0) != 0) return call.fail(Code::unsupported, "training_mode");
  if (call.opset() < 9 && call.integer("spatial", 1) == 0) return call.fail(Code::unsupported, "spatial = 0");
  static_cast<void>(call.real("epsilon", 1e-5));
  for (std::size_t i = 0; i < 5; ++i) {
    if (i > 0 && call.shape(i) != Shape{x[1]})
      return call.fail(Code::malformed, "input {} of shape {}: [{}] expected", i, tensor::shape_text(call.shape(i)), x[1]);
    if (!onnx::is_float(call.type(i).element)) return call.fail(Code::malformed, "input {} is not a float", i);
  }
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  const auto affine = batch_norm_affine(call);
  Value y = call.value(0);
  const auto channels = static_cast<std::size_t>(y.shape[1]);
  std::size_t plane = 1;
  for (std::size_t i = 2; i < y.shape.size(); ++i) plane *= static_cast<std::size_t>(y.shape[i]);
  for (std::size_t i = 0; i < y.floats.size(); ++i) {
    const auto c = i / plane % channels;
    y.floats[i] = static_cast<float>(static_cast<double>(y.floats[i]) * affine.a[c] + affine.b[c]);
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  for (std::size_t i = 1; i < 5; ++i)
    if (call.known(i) == nullptr) return call.fail(Code::unsupported, "statistics that are computed at run time");
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto affine = batch_norm_affine(call);
  const auto channels = static_cast<std::int64_t>(affine.a.size());
  // A 1x1 convolution of one channel a group would say the same; a product and a sum are fewer bytes.
  const bool matrix = x.shape.size() == 2;
  const auto ref = matrix ? to.plain(x) : to.channels_last(x);
  const auto [a, unit] = Lowering::whole(Value::of_floats({channels}, {affine.a.begin(), affine.a.end()}), 16);
  const auto offsets = Value::of_floats({channels}, {affine.b.begin(), affine.b.end()});
  const auto product = coarsened(to, {to.builder().mul(ref, to.builder().weight(a)), x.scale.real() * unit}, offsets);
  KOINON_TRY(const auto b, to.units(call, offsets, product.unit));
  return to.emit(call, to.builder().add(product.ref, b), {product.unit}, !matrix);
}

constexpr Operator kOperators[] = {{"BatchNormalization", 7, kNewest, 5, 5, infer, compute, lower}};

}  // namespace

std::span<const Operator> batch_norm_operators() { return kOperators; }

}  // namespace koinon::engine::operators
