#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Pow: a to the b, with NumPy's broadcasting; the result has the type of a.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  for (std::size_t i : {0U, 1U})
    if (call.type(i).element == Element::boolean) return call.fail(Code::malformed, "boolean operands");
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), call.shape(1)));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

/// a^b for b >= 0, modulo 2^64.
std::int64_t whole_power(std::int64_t a, std::int64_t b) {
  std::uint64_t out = 1, factor = static_cast<std::uint64_t>(a);
  for (; b > 0; b >>= 1) {
    if ((b & 1) != 0) out *= factor;
    factor *= factor;
  }
  return static_cast<std::int64_t>(out);
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto a = broadcast_to(call.value(0), y.shape), b = broadcast_to(call.value(1), y.shape);
  for (std::size_t i = 0; i < y.floats.size(); ++i)
    y.floats[i] = static_cast<float>(math::pow(a.real(static_cast<std::int64_t>(i)), b.real(static_cast<std::int64_t>(i))));
  for (std::size_t i = 0; i < y.ints.size(); ++i) {
    const bool exact = !b.ints.empty() && b.ints[i] >= 0;
    y.ints[i] = exact ? whole_power(a.ints[i], b.ints[i])
                      : onnx::saturate(math::pow(static_cast<double>(a.ints[i]), b.real(static_cast<std::int64_t>(i))));
  }
  return std::vector<Value>{std::move(y)};
}

/// A table of f over one operand, the other being one constant number.
Status one_table(const Call& call, Lowering& to, std::size_t operand, const std::function<double(double)>& f) {
  KOINON_TRY(const auto x, to.in(call, operand));
  const auto& target = to.target(call.output(0));
  const auto y = tabulate(to, {x.ref, x.scale.real()}, f, target.scale.real(), target.high);
  const auto& out = call.output_type(0).shape;
  if (out == x.shape) return to.set(call, y.ref, target.scale, x.channels_last);
  return to.set(call, to.builder().reshape(to.plain({y.ref, target.scale, x.shape, x.channels_last}), out), target.scale);
}

/// Whole numbers to a constant whole power, by multiplication.
Status lower_whole(const Call& call, Lowering& to) {
  const auto* exponent = call.known(1);
  if (exponent == nullptr || exponent->size() != 1 || exponent->real(0) != std::floor(exponent->real(0)) ||
      !(exponent->real(0) >= 1 && exponent->real(0) <= 64))
    return call.fail(Code::unsupported, "whole numbers to an exponent that is not one constant from 1 to 64");
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto base = to.plain(x);
  auto y = base;
  for (auto n = onnx::saturate(exponent->real(0)); n > 1; --n) y = to.builder().mul(y, base);
  return to.set_whole(call, to.builder().reshape(y, call.output_type(0).shape));
}

// Squares by multiplication, so that a wide range keeps its small values; other constants by a table; else
// exp(b log a), which needs a > 0.
Status lower(const Call& call, Lowering& to) {
  const auto* exponent = call.known(1);
  const auto* base = call.known(0);
  if (!onnx::is_float(call.output_type(0).element)) return lower_whole(call, to);
  if (exponent != nullptr && exponent->size() == 1) {
    const double e = exponent->real(0);
    if (e == 2) {
      KOINON_TRY(const auto x, to.in(call, 0));
      const bool keep = call.output_type(0).shape == x.shape;
      const auto value = keep ? x.ref : to.plain(x);
      auto square = to.builder().mul(value, value);
      if (!keep) square = to.builder().reshape(square, call.output_type(0).shape);
      return to.emit(call, square, {x.scale.real() * x.scale.real()}, keep && x.channels_last);
    }
    return one_table(call, to, 0, [e](double v) { return math::pow(v, e); });
  }
  if (base != nullptr && base->size() == 1) {
    const double a = base->real(0);
    return one_table(call, to, 1, [a](double v) { return math::pow(a, v); });
  }
  if (to.target(call.input(0)).real_low < 0)
    return call.fail(Code::unsupported, "a base that can be negative (down to {}) with an exponent that is not one constant",
                     to.target(call.input(0)).real_low);
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  const auto logs = logarithm(to, {to.plain(x), x.scale.real()});
  // A whole exponent can have any 32 bits: one beyond 1023 takes every base but 1 out of every range.
  const auto exponents = onnx::is_float(call.type(1).element) ? to.plain(y) : clamp(to, to.plain(y), -1023, 1023);
  const auto product_of = product(to, logs, {exponents, y.scale.real()});
  // The exponent is clamped to where the result leaves its range, so that the table's steps are fine.
  const auto& target = to.target(call.output(0));
  const double top = math::log(target.scale.real() * static_cast<double>(target.high));
  const double bottom = math::log(target.scale.real() / 4);
  const double unit = (top - bottom) / 65000;
  const auto low = onnx::saturate(std::floor(bottom / unit)), high = onnx::saturate(std::ceil(top / unit));
  const auto narrow = fit(to, product_of, 46);
  const auto index = to.rescale(narrow.ref, {narrow.unit / unit}, low, high, DType::i32);
  const auto out = tabulate(to, {index, unit}, [](double v) { return math::exp(v); }, target.scale.real(), target.high);
  return to.set(call, out.ref, target.scale);
}

constexpr Operator kOperators[] = {{"Pow", 7, kNewest, 2, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> pow_operators() { return kOperators; }

}  // namespace koinon::engine::operators
