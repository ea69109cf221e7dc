#include <algorithm>
#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Comparisons (Equal, Less, Greater and their like), And, Or, Xor, Not, IsNaN, IsInf: boolean tensors.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

enum class Relation { equal, less, less_equal, greater, greater_equal };

Relation relation(const Call& call) {
  const auto& op = call.node().op;
  if (op == "Equal") return Relation::equal;
  if (op == "Less") return Relation::less;
  if (op == "LessOrEqual") return Relation::less_equal;
  return op == "Greater" ? Relation::greater : Relation::greater_equal;
}

/// The same relation with its sides exchanged.
Relation turned(Relation r) {
  switch (r) {
    case Relation::less: return Relation::greater;
    case Relation::less_equal: return Relation::greater_equal;
    case Relation::greater: return Relation::less;
    case Relation::greater_equal: return Relation::less_equal;
    default: return r;
  }
}

template <class T>
bool holds(Relation r, T a, T b) {
  switch (r) {
    case Relation::equal: return a == b;
    case Relation::less: return a < b;
    case Relation::less_equal: return a <= b;
    case Relation::greater: return a > b;
    default: return a >= b;
  }
}

Result<std::vector<Type>> infer_pair(const Call& call) {
  KOINON_CHECK(same_elements(call, 0, 1));
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), call.shape(1)));
  return std::vector<Type>{{Element::boolean, std::move(shape)}};
}

Result<std::vector<Value>> compute_comparison(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto a = broadcast_to(call.value(0), y.shape), b = broadcast_to(call.value(1), y.shape);
  const auto r = relation(call);
  for (std::size_t i = 0; i < y.ints.size(); ++i)
    y.ints[i] = onnx::is_float(a.element) ? holds(r, a.floats[i], b.floats[i]) : holds(r, a.ints[i], b.ints[i]);
  return std::vector<Value>{std::move(y)};
}

Ref compared(Lowering& to, Relation r, Ref a, Ref b) {
  auto& builder = to.builder();
  switch (r) {
    case Relation::equal: return builder.compare(a, b, CompareOp::equal);
    case Relation::less: return builder.compare(a, b, CompareOp::less);
    case Relation::less_equal: return builder.compare(a, b, CompareOp::less_equal);
    case Relation::greater: return builder.compare(b, a, CompareOp::less);
    default: return builder.compare(b, a, CompareOp::less_equal);
  }
}

/// x against a constant, exact for the real number that x's integer stands for: q s < c is q < ceil(c / s), and so on. Equal
/// asks for the integer nearest to c.
Ref against(Lowering& to, Relation r, const Quantised& x, const Value& c) {
  std::vector<std::int64_t> limits;
  const double unit = x.scale.real();
  for (std::int64_t i = 0; i < c.size(); ++i) {
    const double v = std::clamp(c.real(i) / unit, -0x1p40, 0x1p40);
    const bool up = r == Relation::less || r == Relation::greater_equal;
    limits.push_back(onnx::saturate(r == Relation::equal ? std::floor(v + 0.5) : up ? std::ceil(v) : std::floor(v)));
  }
  const auto ref = to.plain(x);
  const auto limit = whole_weight(to, c.shape, limits);
  return compared(to, r, ref, limit);
}

/// Two values of different units: both in 2^-k of the finer one, exactly where their scales allow.
Ref across(Lowering& to, Relation r, const Quantised& x, const Quantised& y) {
  auto& b = to.builder();
  const auto a = to.plain(x), c = to.plain(y);
  if (x.scale == y.scale) return compared(to, r, a, c);
  const int apart = x.scale.exponent - y.scale.exponent;
  const auto exact = [&](Ref ref, const Scale& scale, int up) {
    const auto by = scalar(to, scale.mantissa);
    const auto product = b.mul(ref, by, DType::i64);
    return up > 0 ? b.shift(product, up, DType::i64) : product;
  };
  if (std::abs(apart) <= 16) {
    const auto left = exact(a, x.scale, std::max(apart, 0));
    const auto right = exact(c, y.scale, std::max(-apart, 0));
    return compared(to, r, left, right);
  }
  const double unit = std::max(x.scale.real(), y.scale.real()) / 65536;
  const auto limit = std::int64_t{1} << 40;
  const auto left = to.rescale(a, {x.scale.real() / unit}, -limit, limit);
  const auto right = to.rescale(c, {y.scale.real() / unit}, -limit, limit);
  return compared(to, r, left, right);
}

Status lower_comparison(const Call& call, Lowering& to) {
  const auto r = relation(call);
  if (!is_whole(call, 0)) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (call.known(i) == nullptr) continue;
      KOINON_TRY(const auto x, to.in(call, 1 - i));
      return to.set(call, against(to, i == 1 ? r : turned(r), x, call.value(i)), Scale{});
    }
  }
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  return to.set(call, across(to, r, x, y), Scale{});
}

Result<std::vector<Type>> infer_logic(const Call& call) {
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.type(i).element != Element::boolean)
      return call.fail(Code::malformed, "an operand of {}: bool expected", onnx::element_name(call.type(i).element));
  if (call.inputs() == 1) return std::vector<Type>{call.type(0)};
  return infer_pair(call);
}

Result<std::vector<Value>> compute_logic(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto a = broadcast_to(call.value(0), y.shape);
  const auto b = call.inputs() > 1 ? broadcast_to(call.value(1), y.shape) : a;
  const auto& op = call.node().op;
  for (std::size_t i = 0; i < y.ints.size(); ++i) {
    const bool p = a.ints[i] != 0, q = b.ints[i] != 0;
    y.ints[i] = op == "And" ? p && q : op == "Or" ? p || q : op == "Xor" ? p != q : !p;
  }
  return std::vector<Value>{std::move(y)};
}

Status lower_logic(const Call& call, Lowering& to) {
  auto& b = to.builder();
  const auto& op = call.node().op;
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto p = to.plain(x);
  const auto zero = scalar(to, 0, DType::i8), one = scalar(to, 1, DType::i8);
  if (op == "Not") return to.set(call, b.compare(p, zero, CompareOp::equal), Scale{});
  KOINON_TRY(const auto y, to.in(call, 1));
  const auto q = to.plain(y);
  if (op == "And") return to.set(call, b.mul(p, q), Scale{});
  const auto sum = b.add(p, q);
  return to.set(call, op == "Or" ? b.compare(zero, sum, CompareOp::less) : b.compare(sum, one, CompareOp::equal), Scale{});
}

Result<std::vector<Type>> infer_kind(const Call& call) {
  if (is_whole(call, 0)) return call.fail(Code::malformed, "a tensor of {}", onnx::element_name(call.type(0).element));
  static_cast<void>(call.integer("detect_negative", 1) + call.integer("detect_positive", 1));
  return std::vector<Type>{{Element::boolean, call.shape(0)}};
}

Result<std::vector<Value>> compute_kind(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const bool nan = call.node().op == "IsNaN";
  const bool negative = call.integer("detect_negative", 1) != 0, positive = call.integer("detect_positive", 1) != 0;
  for (std::size_t i = 0; i < y.ints.size(); ++i) {
    const float v = call.value(0).floats[i];
    y.ints[i] = nan ? std::isnan(v) : std::isinf(v) && (v < 0 ? negative : positive);
  }
  return std::vector<Value>{std::move(y)};
}

// A program's numbers are all finite: never.
Status lower_kind(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto ref = to.plain(x);
  return to.set(call, to.builder().compare(ref, ref, CompareOp::less), Scale{});
}

constexpr Operator kOperators[] = {{"Equal", 7, kNewest, 2, 2, infer_pair, compute_comparison, lower_comparison},
                                   {"Less", 7, kNewest, 2, 2, infer_pair, compute_comparison, lower_comparison},
                                   {"LessOrEqual", 12, kNewest, 2, 2, infer_pair, compute_comparison, lower_comparison},
                                   {"Greater", 7, kNewest, 2, 2, infer_pair, compute_comparison, lower_comparison},
                                   {"GreaterOrEqual", 12, kNewest, 2, 2, infer_pair, compute_comparison, lower_comparison},
                                   {"And", 7, kNewest, 2, 2, infer_logic, compute_logic, lower_logic},
                                   {"Or", 7, kNewest, 2, 2, infer_logic, compute_logic, lower_logic},
                                   {"Xor", 7, kNewest, 2, 2, infer_logic, compute_logic, lower_logic},
                                   {"Not", 1, kNewest, 1, 1, infer_logic, compute_logic, lower_logic},
                                   {"IsNaN", 9, kNewest, 1, 1, infer_kind, compute_kind, lower_kind},
                                   {"IsInf", 10, kNewest, 1, 1, infer_kind, compute_kind, lower_kind}};

}  // namespace

std::span<const Operator> logic_operators() { return kOperators; }

}  // namespace koinon::engine::operators
