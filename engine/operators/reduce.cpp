#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/math/math.hpp"
#include "engine/operators/expansion.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// ReduceL1, L2, LogSum, LogSumExp, Max, Mean, Min, Prod, Sum, SumSquare. Axes are an attribute, or an input since opset 13
// (sum) or 18 (the others).
namespace koinon::engine::operators {

namespace {

enum class Kind { l1, l2, log_sum, log_sum_exp, max, mean, min, prod, sum, sum_square };

struct Row {
  std::string_view name;
  Kind kind;
};
constexpr Row kRows[] = {{"ReduceL1", Kind::l1},          {"ReduceL2", Kind::l2},
                         {"ReduceLogSum", Kind::log_sum}, {"ReduceLogSumExp", Kind::log_sum_exp},
                         {"ReduceMax", Kind::max},        {"ReduceMean", Kind::mean},
                         {"ReduceMin", Kind::min},        {"ReduceProd", Kind::prod},
                         {"ReduceSum", Kind::sum},        {"ReduceSumSquare", Kind::sum_square}};

Kind kind_of(const Call& call) { return std::ranges::find(kRows, std::string_view(call.node().op), &Row::name)->kind; }

/// The reduced axes, ascending. None given means all of them, or none with noop_with_empty_axes.
Result<std::vector<std::size_t>> axes(const Call& call) {
  const auto rank = call.shape(0).size();
  auto list = call.integers("axes");
  if (call.has(1)) {
    KOINON_TRY(list, call.constant_integers(1, "axes"));
  }
  std::vector<std::size_t> out;
  if (list.empty() && call.integer("noop_with_empty_axes", 0) == 0)
    for (std::size_t i = 0; i < rank; ++i) out.push_back(i);
  for (auto a : list) {
    KOINON_TRY(const auto axis, call.axis(a, rank));
    if (std::ranges::find(out, axis) != out.end()) return call.fail(Code::malformed, "axis {} twice", a);
    out.push_back(axis);
  }
  std::ranges::sort(out);
  return out;
}

Shape kept_shape(Shape shape, const std::vector<std::size_t>& reduced) {
  for (auto a : reduced) shape[a] = 1;
  return shape;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto reduced, axes(call));
  Type out{call.type(0).element, kept_shape(call.shape(0), reduced)};
  for (auto d : call.shape(0))
    if (d < 1) return call.fail(Code::unsupported, "an empty tensor");
  if (call.integer("keepdims", 1) == 0)
    for (std::size_t i = reduced.size(); i-- > 0;) out.shape.erase(out.shape.begin() + static_cast<std::ptrdiff_t>(reduced[i]));
  return std::vector<Type>{out};
}

double start(Kind kind) {
  if (kind == Kind::max || kind == Kind::log_sum_exp) return -std::numeric_limits<double>::infinity();
  if (kind == Kind::min) return std::numeric_limits<double>::infinity();
  return kind == Kind::prod ? 1.0 : 0.0;
}

double step(Kind kind, double total, double v) {
  switch (kind) {
    case Kind::l1: return total + std::fabs(v);
    case Kind::l2:
    case Kind::sum_square: return total + v * v;
    case Kind::max:
    case Kind::log_sum_exp: return v > total || std::isnan(v) ? v : total;
    case Kind::min: return v < total || std::isnan(v) ? v : total;
    case Kind::prod: return total * v;
    default: return total + v;
  }
}

double finish(Kind kind, double total, double count) {
  switch (kind) {
    case Kind::l2: return std::sqrt(total);
    case Kind::log_sum: return math::log(total);
    case Kind::mean: return total / count;
    default: return total;
  }
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto reduced, axes(call));
  const auto kind = kind_of(call);
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  const auto n = static_cast<std::size_t>(y.size());
  const auto strides = broadcast_strides(kept_shape(x.shape, reduced), x.shape);
  std::vector<double> total(n, start(kind));
  walk(x.shape, strides, 0,
       [&](std::size_t from, std::size_t at) { total[at] = step(kind, total[at], x.real(static_cast<std::int64_t>(from))); });
  if (kind == Kind::log_sum_exp) {
    // log sum exp x = top + log sum exp(x - top), which cannot overflow.
    std::vector<double> sums(n, 0);
    walk(x.shape, strides, 0,
         [&](std::size_t from, std::size_t at) { sums[at] += math::exp(x.real(static_cast<std::int64_t>(from)) - total[at]); });
    for (std::size_t i = 0; i < n; ++i) total[i] += math::log(sums[i]);
  }
  const double count = static_cast<double>(x.size()) / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double v = finish(kind, total[i], count);
    if (onnx::is_float(y.element))
      y.floats[i] = static_cast<float>(v);
    else
      y.ints[i] = onnx::saturate(v);
  }
  return std::vector<Value>{std::move(y)};
}

/// What the reduction of `x` is, with the reduced axes of size 1.
Result<Fixed> reduced_value(const Call& call, Lowering& to, Fixed x, const std::vector<std::size_t>& reduced) {
  auto& b = to.builder();
  const auto& shape = call.shape(0);
  const auto total = [&](Ref ref) { return long_reduce(to, ref, program::ReduceOp::sum, shape, reduced); };
  double count = 1;
  for (auto a : reduced) count *= static_cast<double>(shape[a]);
  switch (kind_of(call)) {
    case Kind::l1: return Fixed{total(absolute(to, x.ref)), x.unit};
    case Kind::sum_square: return Fixed{total(b.mul(x.ref, x.ref)), x.unit * x.unit};
    case Kind::l2: return root(to, {total(b.mul(x.ref, x.ref)), x.unit * x.unit});
    case Kind::log_sum: return logarithm(to, {total(x.ref), x.unit});
    case Kind::log_sum_exp: {
      const auto parts = exponentials(to, x, shape, reduced, exponential_bits(to.target(call.output(0))));
      return sum(to, parts.top, logarithm(to, {total(parts.terms.ref), parts.terms.unit}));
    }
    case Kind::mean: return Fixed{total(x.ref), x.unit / count};
    case Kind::sum: return Fixed{total(x.ref), x.unit};
    default: return call.fail(Code::internal, "no such reduction");
  }
}

Status lower_whole(const Call& call, Lowering& to, Ref x, const std::vector<std::size_t>& reduced) {
  auto& b = to.builder();
  const auto kind = kind_of(call);
  if (kind == Kind::l1) x = absolute(to, x);
  if (kind == Kind::sum_square) x = b.mul(x, x);
  if (kind != Kind::l1 && kind != Kind::sum_square && kind != Kind::sum)
    return call.fail(Code::unsupported, "integers that are not known at import");
  const auto total = long_reduce(to, x, program::ReduceOp::sum, call.shape(0), reduced);
  return to.set_whole(call, b.reshape(total, call.output_type(0).shape));
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto reduced, axes(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto ref = to.plain(x);
  const auto& out = call.output_type(0).shape;
  const auto kind = kind_of(call);
  const bool same_shape = kept_shape(x.shape, reduced) == out;
  if (kind == Kind::max || kind == Kind::min) {
    const auto op = kind == Kind::max ? program::ReduceOp::max : program::ReduceOp::min;
    const auto best = reduced.empty() ? ref : long_reduce(to, ref, op, x.shape, reduced);
    const auto shaped = same_shape ? best : b.reshape(best, out);
    return onnx::is_float(call.type(0).element) ? to.set(call, shaped, x.scale) : to.set_whole(call, shaped);
  }
  if (!onnx::is_float(call.type(0).element)) return lower_whole(call, to, ref, reduced);
  KOINON_TRY(const auto y, reduced_value(call, to, {ref, x.scale.real()}, reduced));
  if (to.builder().error()) return base::fail(*to.builder().error());
  // A rescaled sum lies below 2^47.
  const auto narrow = fit(to, y, 46);
  return to.emit(call, same_shape ? narrow.ref : b.reshape(narrow.ref, out), {narrow.unit});
}

// A product of n elements is made of products of two, so that calibration sees the range of each.
Status expand_product(const Call& call, Expansion& to) {
  KOINON_TRY(const auto reduced, axes(call));
  const Shape shape = call.shape(0), out = call.output_type(0).shape;
  int x = call.input(0);
  for (auto a : reduced) {
    const auto axis = static_cast<std::int64_t>(a);
    for (auto n = shape[a]; n > 1; n = (n + 1) / 2) {
      const auto part = [&](std::int64_t from, std::int64_t end) { return to.slice(x, {from}, {end}, {axis}); };
      const int both = to.add("Mul", {part(0, n / 2), part(n / 2, n / 2 * 2)});
      x = n % 2 == 0 ? both : to.concat({both, part(n - 1, n)}, axis);
    }
  }
  to.result(0, to.reshape(x, out));
  return {};
}

}  // namespace

std::span<const Operator> reduce_operators() {
  static const std::vector<Operator> all = [] {
    std::vector<Operator> out;
    for (const auto& row : kRows) {
      const bool product = row.kind == Kind::prod;
      out.push_back(
          {row.name, 1, kNewest, 1, 2, infer, compute, product ? nullptr : lower, false, product ? expand_product : nullptr});
    }
    return out;
  }();
  return all;
}

}  // namespace koinon::engine::operators
