#include "engine/operators/expansion.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/integer_range.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Cast between numeric types: a float towards zero, saturating; a whole number wraps round; to bool: not zero. CastLike.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto element, element_of(call, call.integer("to", 0)));
  return std::vector<Type>{{element, call.shape(0)}};
}

std::int64_t wrapped(Element element, std::int64_t v) {
  const auto limits = element_range(element);
  if (limits.high > std::int64_t{1} << 32) return v;
  const auto span = limits.high - limits.low + 1;
  const auto rest = (v % span - limits.low + span) % span;
  return limits.low + rest;
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
        y.ints[i] = onnx::is_float(x.element) ? onnx::saturate(x.real(at)) : wrapped(y.element, x.ints[i]);
    }
  }
  return std::vector<Value>{std::move(y)};
}

/// The whole part of x, towards zero, exactly: x is q m 2^e, so that is a shift of q m.
Ref truncated(Lowering& to, const Quantised& x) {
  auto& b = to.builder();
  const auto factor = scalar(to, x.scale.mantissa);
  const auto zero = scalar(to, 0);
  const auto product = b.mul(x.ref, factor, DType::i64);
  const auto down = [&](Ref v) {
    // What is worth less than 2^-62 is 0 either way.
    return x.scale.exponent == 0 ? v : b.shift(v, std::max(x.scale.exponent, -62), DType::i64);
  };
  const auto up_part = down(product);
  const auto negated = b.sub(zero, product, DType::i64);
  const auto down_part = b.sub(zero, down(negated), DType::i64);
  const auto negative = b.compare(product, zero, program::CompareOp::less);
  return b.select(negative, down_part, up_part);
}

/// Whole numbers as a float value: exact where they fit the target's integers, else in its unit.
Status to_float(const Call& call, Lowering& to, const Quantised& x) {
  const auto& target = to.target(call.output(0));
  const auto range = reach(to, x.ref);
  if (range.low >= target.low && range.high <= target.high) {
    auto ref = x.ref;
    if (!to.builder().error() && to.builder().info(ref).dtype != target.dtype())
      ref = to.builder().shift(ref, 0, target.dtype());
    return to.set(call, ref, Scale{}, x.channels_last);
  }
  return to.emit(call, x.ref, {1.0}, x.channels_last);
}

Status lower(const Call& call, Lowering& to) {
  const bool from_float = !is_whole(call, 0);
  const auto element = call.output_type(0).element;
  KOINON_TRY(const auto x, to.in(call, 0));
  if (from_float && onnx::is_float(element)) return to.set(call, x.ref, x.scale, x.channels_last);
  if (onnx::is_float(element)) return to_float(call, to, x);
  auto& b = to.builder();
  if (element == Element::boolean) {
    const auto zero = scalar(to, 0), one = scalar(to, 1);
    const auto none = b.compare(x.ref, zero, program::CompareOp::equal);
    return to.set_whole(call, b.sub(one, none), x.channels_last);
  }
  return to.set_whole(call, from_float ? truncated(to, x) : x.ref, x.channels_last);
}

Status expand_like(const Call& call, Expansion& to) {
  const auto element = static_cast<std::int64_t>(call.type(1).element);
  to.result(0, to.add("Cast", {call.input(0)}, Attributes{{"to", element}}));
  return {};
}

constexpr Operator kOperators[] = {{"Cast", 6, kNewest, 1, 1, infer, compute, lower},
                                   {"CastLike", 15, kNewest, 2, 2, nullptr, nullptr, nullptr, false, expand_like}};

}  // namespace

Result<Element> element_of(const Call& call, std::int64_t number) {
  const bool known = (number >= 1 && number <= 7) || (number >= 9 && number <= 13) || number == 16;
  if (!known)
    return call.fail(Code::unsupported, "element type {} (strings, complex numbers and 8-bit floats are not tensors here)",
                     number);
  return static_cast<Element>(number);
}

std::span<const Operator> cast_operators() { return kOperators; }

}  // namespace koinon::engine::operators
