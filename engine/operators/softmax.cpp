#include <algorithm>
#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Softmax, LogSoftmax and Hardmax along one axis (before opset 13: over all axes from `axis` on, flattened).
namespace koinon::engine::operators {

namespace {

/// The input as [outer, n, inner], normalised along n.
struct View {
  std::int64_t outer = 1, n = 1, inner = 1;
};

Result<View> view(const Call& call) {
  const auto& x = call.shape(0);
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", call.opset() < 13 ? 1 : -1), x.size()));
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(axis);
  View out{onnx::count({x.begin(), at}), x[axis], 1};
  (call.opset() < 13 ? out.n : out.inner) *= onnx::count({at + 1, x.end()});
  if (!onnx::is_float(call.type(0).element) || onnx::count(x) < 1)
    return call.fail(Code::unsupported, "an empty or integer tensor");
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto v, view(call));
  static_cast<void>(v);
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto v, view(call));
  const bool log = call.node().op == "LogSoftmax";
  Value y = call.value(0);
  for (std::int64_t o = 0; o < v.outer; ++o)
    for (std::int64_t i = 0; i < v.inner; ++i) {
      float* first = y.floats.data() + o * v.n * v.inner + i;
      float top = *first;
      for (std::int64_t k = 1; k < v.n; ++k) top = std::max(top, first[k * v.inner]);
      double sum = 0;
      for (std::int64_t k = 0; k < v.n; ++k)
        sum += math::exp(static_cast<double>(first[k * v.inner]) - static_cast<double>(top));
      for (std::int64_t k = 0; k < v.n; ++k) {
        const double d = static_cast<double>(first[k * v.inner]) - static_cast<double>(top);
        first[k * v.inner] = static_cast<float>(log ? d - math::log(sum) : math::exp(d) / sum);
      }
    }
  return std::vector<Value>{std::move(y)};
}

Result<std::vector<Value>> compute_hardmax(const Call& call) {
  KOINON_TRY(const auto v, view(call));
  Value y = Value::zeros(call.output_type(0));
  for (std::int64_t o = 0; o < v.outer; ++o)
    for (std::int64_t i = 0; i < v.inner; ++i) {
      const auto first = static_cast<std::size_t>(o * v.n * v.inner + i), step = static_cast<std::size_t>(v.inner);
      const auto& x = call.value(0).floats;
      std::size_t best = 0;
      for (std::size_t k = 1; k < static_cast<std::size_t>(v.n); ++k)
        if (x[first + k * step] > x[first + best * step]) best = k;
      y.floats[first + best * step] = 1;
    }
  return std::vector<Value>{std::move(y)};
}

// exp(x - max) from a table, divided by its sum with 20 bits behind the point (30 for 16 bits, where the largest share may be
// small); or, for the logarithm, x - max - log(sum).
Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto v, view(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const Shape shape{v.outer, v.n, v.inner};
  const int bits = exponential_bits(to.target(call.output(0)));
  const auto one = (std::int64_t{1} << bits) - 1;
  const auto parts = exponentials(to, {b.reshape(to.plain(x), shape), x.scale.real()}, shape, {1}, bits);
  auto total = long_reduce(to, parts.terms.ref, program::ReduceOp::sum, shape, {1});
  total = clamp(to, total, one, v.n * one);
  if (call.node().op == "LogSoftmax") {
    const auto y = sum(to, {parts.below, x.scale.real()}, logarithm(to, {total, parts.terms.unit}), true);
    return to.emit(call, b.reshape(y.ref, x.shape), {y.unit});
  }
  const int digits = bits > 15 ? 30 : 20;
  const auto share = b.quotient(b.shift(parts.terms.ref, digits, DType::i64), total);
  return to.emit(call, b.reshape(share, x.shape), {std::ldexp(1.0, -digits)});
}

// 1 where an element's place along the axis is that of the largest.
Status lower_hardmax(const Call& call, Lowering& to) {
  KOINON_TRY(const auto v, view(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto best = b.argmax(b.reshape(to.plain(x), {v.outer, v.n, v.inner}), 1);
  IntTensor places = IntTensor::zeros(DType::i32, {1, v.n, 1});
  for (std::int64_t i = 0; i < v.n; ++i) places.set(i, i);
  const auto hit = b.compare(best, b.weight(std::move(places)), program::CompareOp::equal);
  return to.set(call, b.reshape(hit, x.shape), Scale{});
}

constexpr Operator kOperators[] = {{"Softmax", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"LogSoftmax", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"Hardmax", 1, kNewest, 1, 1, infer, compute_hardmax, lower_hardmax}};

}  // namespace

std::span<const Operator> softmax_operators() { return kOperators; }

}  // namespace koinon::engine::operators
