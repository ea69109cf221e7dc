#include <algorithm>
#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Add, Sub, Mul and Div of whole numbers, exactly; Mod of whole numbers and of floats.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

Ref negative(Lowering& to, Ref x) {
  const auto zero = scalar(to, 0);
  return to.builder().sub(zero, x);
}

/// x where `sign` is not below 0, else -x.
Ref with_sign(Lowering& to, Ref x, Ref sign) {
  if (reach(to, sign).low >= 0) return x;
  auto& b = to.builder();
  const auto zero = scalar(to, 0);
  const auto below = b.compare(sign, zero, CompareOp::less);
  const auto pair = one_type(to, {negative(to, x), x});
  return b.select(below, pair[0], pair[1]);
}

/// |b|, at least 1: the standard has no answer for a divisor of 0.
Ref divisor_of(Lowering& to, Ref b) {
  const auto size = absolute(to, b);
  const auto range = reach(to, size);
  if (range.low > 0) return size;
  const auto one = scalar(to, 1);
  const auto pair = one_type(to, {size, one});
  const auto none = to.builder().compare(pair[0], pair[1], CompareOp::less);
  const auto some = to.builder().select(none, pair[1], pair[0]);
  return clamp(to, some, 1, std::max<std::int64_t>(1, range.high));
}

/// The quotient towards zero, as C and ONNX have it.
Ref quotient(Lowering& to, Ref a, Ref b) {
  const auto size = absolute(to, a);
  const auto divisor = divisor_of(to, b);
  const auto q = to.builder().quotient(size, divisor);
  return with_sign(to, with_sign(to, q, a), b);
}

/// a mod b: of the sign of b, or with fmod of the sign of a.
Ref modulus(Lowering& to, Ref a, Ref b, bool fmod) {
  auto& builder = to.builder();
  const auto divisor = divisor_of(to, b);
  if (fmod) {
    const auto size = absolute(to, a);
    return with_sign(to, builder.divide(size, divisor).second, a);
  }
  // For b below 0 it is -((-a) mod -b).
  const auto turned = with_sign(to, a, b);
  return with_sign(to, builder.divide(turned, divisor).second, b);
}

// Mod

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_CHECK(same_elements(call, 0, 1));
  if (!is_whole(call, 0) && call.integer("fmod", 0) != 1) return call.fail(Code::malformed, "floats without fmod");
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), call.shape(1)));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

std::int64_t whole_mod(std::int64_t a, std::int64_t b, bool fmod) {
  if (b == 0 || b == -1) return 0;
  const auto rest = a % b;
  return !fmod && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const bool fmod = call.integer("fmod", 0) == 1;
  const auto a = broadcast_to(call.value(0), y.shape), b = broadcast_to(call.value(1), y.shape);
  for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] = onnx::rounded(y.element, std::fmod(a.floats[i], b.floats[i]));
  for (std::size_t i = 0; i < y.ints.size(); ++i) y.ints[i] = whole_mod(a.ints[i], b.ints[i], fmod);
  return std::vector<Value>{std::move(y)};
}

// Floats: x in units of b / 2^20, where b is a whole number of them.
Status lower_mod(const Call& call, Lowering& to) {
  if (is_whole(call, 0)) return lower_whole(call, to);
  const auto* divisor = call.known(1);
  if (divisor == nullptr || divisor->size() != 1 || !(std::fabs(divisor->real(0)) > 0))
    return call.fail(Code::unsupported, "a divisor that is not one constant other than 0");
  KOINON_TRY(const auto x, to.in(call, 0));
  const double unit = std::fabs(divisor->real(0)) / 0x1p20;
  const auto limit = std::int64_t{1} << 45;
  const auto fine = to.rescale(to.plain(x), {x.scale.real() / unit}, -limit, limit);
  const auto by = scalar(to, std::int64_t{1} << 20);
  auto rest = modulus(to, fine, by, true);
  if (to.builder().error()) return base::fail(*to.builder().error());
  if (to.builder().info(rest).shape != call.output_type(0).shape) rest = to.builder().reshape(rest, call.output_type(0).shape);
  return to.emit(call, rest, {unit});
}

constexpr Operator kOperators[] = {{"Mod", 10, kNewest, 2, 2, infer, compute, lower_mod}};

}  // namespace

Status lower_whole(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  auto& b = to.builder();
  const auto p = to.plain(x), q = to.plain(y);
  const auto& op = call.node().op;
  if (op == "Add") return to.set_whole(call, b.add(p, q));
  if (op == "Sub") return to.set_whole(call, b.sub(p, q));
  if (op == "Mul") return to.set_whole(call, b.mul(p, q));
  if (op == "Div") return to.set_whole(call, quotient(to, p, q));
  return to.set_whole(call, modulus(to, p, q, call.integer("fmod", 0) == 1));
}

std::span<const Operator> integer_arithmetic_operators() { return kOperators; }

}  // namespace koinon::engine::operators
