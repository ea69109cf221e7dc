#include <algorithm>
#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Add, Sub, Mul, Div with NumPy's broadcasting.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  if (call.type(0).element != call.type(1).element)
    return call.fail(Code::malformed, "element types {} and {}", onnx::element_name(call.type(0).element),
                     onnx::element_name(call.type(1).element));
  if (call.type(0).element == Element::boolean) return call.fail(Code::malformed, "boolean operands");
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), call.shape(1)));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

/// Whole numbers wrap round; a division truncates, and by zero gives 0.
std::int64_t whole(char op, std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  switch (op) {
    case 'A': return static_cast<std::int64_t>(x + y);
    case 'S': return static_cast<std::int64_t>(x - y);
    case 'M': return static_cast<std::int64_t>(x * y);
    default: return b == 0 ? 0 : b == -1 ? static_cast<std::int64_t>(0 - x) : a / b;
  }
}

/// The value of `v` as an element of a narrow type, wrapped round.
std::int64_t wrap(Element element, std::int64_t v) {
  switch (element) {
    case Element::u8: return static_cast<std::uint8_t>(v);
    case Element::i8: return static_cast<std::int8_t>(v);
    case Element::u16: return static_cast<std::uint16_t>(v);
    case Element::i16: return static_cast<std::int16_t>(v);
    case Element::u32: return static_cast<std::uint32_t>(v);
    case Element::i32: return static_cast<std::int32_t>(v);
    default: return v;
  }
}

float real(char op, float a, float b) {
  switch (op) {
    case 'A': return a + b;
    case 'S': return a - b;
    case 'M': return a * b;
    default: return a / b;
  }
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const char op = call.node().op[0];
  const auto a = broadcast_to(call.value(0), y.shape), b = broadcast_to(call.value(1), y.shape);
  for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] = real(op, a.floats[i], b.floats[i]);
  for (std::size_t i = 0; i < y.ints.size(); ++i) y.ints[i] = wrap(y.element, whole(op, a.ints[i], b.ints[i]));
  return std::vector<Value>{std::move(y)};
}

/// A constant operand in the layout of x, so that it broadcasts to a tensor with channels last.
Value laid_out(const Value& c, const Quantised& x) {
  if (!x.channels_last) return c;
  Value full = c;
  full.shape.insert(full.shape.begin(), x.shape.size() - c.shape.size(), 1);
  const auto own = strides_of(full.shape);
  Shape shape{full.shape[0]};
  std::vector<std::int64_t> strides{own[0]};
  for (std::size_t i = 2; i < own.size(); ++i) {
    shape.push_back(full.shape[i]);
    strides.push_back(own[i]);
  }
  shape.push_back(full.shape[1]);
  strides.push_back(own[1]);
  return pick(full, shape, strides);
}

bool uniform(const Value& c) {
  return std::ranges::all_of(c.floats, [&](float v) { return v == c.floats[0]; }) && !c.floats.empty();
}

/// x + sign * c: the constant is expressed in a finer unit than x's, and x shifted to meet it.
Status add_constant(const Call& call, Lowering& to, const Quantised& x, Value c, bool negate_x, bool negate_c) {
  for (auto& v : c.floats) v = negate_c ? -v : v;
  const bool keep = x.channels_last && c.shape.size() <= x.shape.size();
  const auto ref = to.builder().shift(keep ? x.ref : to.plain(x), to.finer(), DType::i32);
  const auto fine = coarsened(to, {ref, x.scale.real() / static_cast<double>(1 << to.finer())}, c);
  KOINON_TRY(const auto constant, to.units(call, keep ? laid_out(c, x) : c, fine.unit));
  const auto acc = negate_x ? to.builder().sub(constant, fine.ref) : to.builder().add(fine.ref, constant);
  return to.emit(call, acc, {fine.unit}, keep);
}

Status multiply_constant(const Call& call, Lowering& to, const Quantised& x, const Value& c) {
  const bool keep = x.channels_last && c.shape.size() <= x.shape.size();
  const auto ref = keep ? x.ref : to.plain(x);
  if (uniform(c) && c.floats[0] > 0 && call.output_type(0).shape == x.shape)
    return to.emit(call, ref, {x.scale.real() * static_cast<double>(c.floats[0])}, keep);
  auto [data, scale] = Lowering::whole(keep ? laid_out(c, x) : c, to.factor_bits());
  const auto acc = to.builder().mul(ref, to.builder().weight(std::move(data)));
  return to.emit(call, acc, {x.scale.real() * scale}, keep);
}

/// Operands in one layout: channels last when both have it and one shape, else as ONNX says.
struct Pair {
  Ref a, b;
  bool channels_last;
};
Pair meet(Lowering& to, const Quantised& a, const Quantised& b) {
  if (a.channels_last && b.channels_last && a.shape.size() == b.shape.size()) return {a.ref, b.ref, true};
  return {to.plain(a), to.plain(b), false};
}

Status lower_sum(const Call& call, Lowering& to) {
  if (is_whole(call, 0)) return lower_whole(call, to);
  const bool minus = call.node().op == "Sub";
  if (call.known(1) != nullptr) {
    KOINON_TRY(const auto x, to.in(call, 0));
    return add_constant(call, to, x, call.value(1), false, minus);
  }
  if (call.known(0) != nullptr) {
    KOINON_TRY(const auto x, to.in(call, 1));
    return add_constant(call, to, x, call.value(0), minus, false);
  }
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  // Both are brought to a unit finer than the coarser one.
  const double unit = std::max(x.scale.real(), y.scale.real()) / static_cast<double>(1 << to.finer());
  const auto limit = std::int64_t{1} << 30;
  const auto [a, b, last] = meet(to, x, y);
  const auto left = to.rescale(a, {x.scale.real() / unit}, -limit, limit, DType::i32);
  const auto right = to.rescale(b, {y.scale.real() / unit}, -limit, limit, DType::i32);
  return to.emit(call, minus ? to.builder().sub(left, right) : to.builder().add(left, right), {unit}, last);
}

Status lower_mul(const Call& call, Lowering& to) {
  if (is_whole(call, 0)) return lower_whole(call, to);
  for (std::size_t i = 0; i < 2; ++i) {
    if (call.known(i) == nullptr) continue;
    KOINON_TRY(const auto x, to.in(call, 1 - i));
    return multiply_constant(call, to, x, call.value(i));
  }
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  const auto [a, b, last] = meet(to, x, y);
  return to.emit(call, to.builder().mul(a, b), {x.scale.real() * y.scale.real()}, last);
}

Status lower_div(const Call& call, Lowering& to) {
  if (is_whole(call, 0)) return lower_whole(call, to);
  if (call.known(1) != nullptr) {
    KOINON_TRY(const auto x, to.in(call, 0));
    Value inverse = call.value(1);
    for (auto& v : inverse.floats) {
      if (v == 0.0F) return call.fail(Code::out_of_range, "division by a constant zero");
      v = 1.0F / v;
    }
    return multiply_constant(call, to, x, inverse);
  }
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  const auto [a, b, last] = meet(to, x, y);
  if (to.target(call.input(1)).real_low <= 0) {
    const auto either = ratio(to, {a, x.scale.real()}, {b, y.scale.real()}, 30);
    return to.emit(call, either.ref, {either.unit}, last);
  }
  auto& builder = to.builder();
  const auto divisor = to.rescale(b, {1.0}, 1, to.limit());
  const auto acc = builder.quotient(builder.shift(a, 16, DType::i64), divisor);
  return to.emit(call, acc, {x.scale.real() / y.scale.real() / 65536}, last);
}

constexpr Operator kOperators[] = {{"Add", 7, kNewest, 2, 2, infer, compute, lower_sum},
                                   {"Sub", 7, kNewest, 2, 2, infer, compute, lower_sum},
                                   {"Mul", 7, kNewest, 2, 2, infer, compute, lower_mul},
                                   {"Div", 7, kNewest, 2, 2, infer, compute, lower_div}};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace koinon::engine::operators
