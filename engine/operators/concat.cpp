#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Concat along an axis.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  if (!call.given("axis")) return call.fail(Code::malformed, "no axis");
  Type out = call.type(0);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), out.shape.size()));
  out.shape[axis] = 0;
  for (std::size_t i = 0; i < call.inputs(); ++i) {
    if (!call.has(i)) return call.fail(Code::malformed, "input {} is missing", i);
    Shape shape = call.shape(i);
    if (shape.size() != out.shape.size() || call.type(i).element != out.element)
      return call.fail(Code::malformed, "input {} has another rank or type", i);
    const auto size = shape[axis];
    shape[axis] = out.shape[axis];
    if (shape != out.shape) return call.fail(Code::malformed, "input {} of shape {}", i, tensor::shape_text(call.shape(i)));
    if (__builtin_add_overflow(out.shape[axis], size, &out.shape[axis])) return call.fail(Code::out_of_range, "axis too long");
  }
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), y.shape.size()));
  const auto strides = strides_of(y.shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < call.inputs(); ++i) {
    const auto& x = call.value(i);
    walk(x.shape, strides, offset, [&](std::size_t from, std::size_t at) {
      if (onnx::is_float(y.element))
        y.floats[at] = x.floats[from];
      else
        y.ints[at] = x.ints[from];
    });
    offset += x.shape[axis] * strides[axis];
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), call.output_type(0).shape.size()));
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (onnx::count(call.shape(i)) > 0) all.push_back(i);
  KOINON_TRY(const auto parts, alike(call, to, all));
  if (parts.empty()) return call.fail(Code::unsupported, "an empty result");
  return to.set(call, concatenated(to, parts, axis), scale_of(call, to));
}

constexpr Operator kOperators[] = {{"Concat", 4, kNewest, 1, 4096, infer, compute, lower}};

}  // namespace

std::span<const Operator> concat_operators() { return kOperators; }

}  // namespace koinon::engine::operators
