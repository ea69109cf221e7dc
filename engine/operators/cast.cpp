#include "engine/onnx/read.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/operators/table.hpp"

// Cast between numeric types: towards zero, saturating; to bool: not zero.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  const auto to = call.integer("to", 0);
  const bool known = (to >= 1 && to <= 7) || (to >= 9 && to <= 13) || to == 16;
  if (!known) return call.fail(Code::unsupported, "to element type {}", to);
  return std::vector<Type>{{static_cast<Element>(to), call.shape(0)}};
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto& x = call.value(0);
  if (onnx::is_float(x.element) && onnx::is_float(y.element)) {
    y.floats = x.floats;
    for (auto& v : y.floats) v = onnx::rounded(y.element, v);
  } else if (onnx::is_float(y.element)) {
    for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] = onnx::rounded(y.element, static_cast<float>(x.ints[i]));
  } else {
    for (std::size_t i = 0; i < y.ints.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      if (y.element == Element::boolean)
        y.ints[i] = x.real(at) != 0;
      else
        y.ints[i] = onnx::is_float(x.element) ? onnx::saturate(x.real(at)) : x.ints[i];
    }
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  if (!onnx::is_float(call.type(0).element) || !onnx::is_float(call.output_type(0).element))
    return call.fail(Code::unsupported, "{} to {} at run time", onnx::element_name(call.type(0).element),
                     onnx::element_name(call.output_type(0).element));
  KOINON_TRY(const auto x, to.in(call, 0));
  return to.set(call, x.ref, x.scale, x.channels_last);
}

constexpr Operator kOperators[] = {{"Cast", 6, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> cast_operators() { return kOperators; }

}  // namespace koinon::engine::operators
