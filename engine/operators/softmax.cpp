#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Softmax and LogSoftmax along one axis (before opset 13: over all axes from `axis` on, flattened).
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

// exp(x - max) from a table in units of 2^-15, divided by its sum with 15 bits behind the point.
Status lower(const Call& call, Lowering& to) {
  if (call.node().op == "LogSoftmax") return call.fail(Code::unsupported, "not lowered to steps");
  KOINON_TRY(const auto v, view(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  Ref ref = b.reshape(to.plain(x), {v.outer, v.n, v.inner});
  const auto along = [&](program::ReduceOp op) { return program::ReduceParams::axes(op, {v.outer, v.n, v.inner}, {1}); };
  const auto below = b.sub(ref, b.reduce(ref, along(program::ReduceOp::max)));
  const std::int64_t floor = -2 * to.limit();
  const auto clamped = to.rescale(below, {1.0}, floor, 0, to.limit() > 127 ? DType::i32 : DType::i16);
  IntTensor table = IntTensor::zeros(DType::i16, {1 - floor});
  for (std::int64_t i = 0; i <= -floor; ++i)
    table.set(i, onnx::saturate(std::floor(32767.0 * math::exp(static_cast<double>(floor + i) * x.scale.real()) + 0.5)));
  const auto exps = b.lookup(clamped, b.table(std::move(table)), floor);
  const auto sum = b.reduce(exps, along(program::ReduceOp::sum), DType::i32);
  const auto positive = to.rescale(sum, {1.0}, 1, tensor::dtype_high(DType::i32), DType::i32);
  const auto share = b.quotient(b.shift(exps, 15), positive);
  return to.emit(call, b.reshape(share, x.shape), {1.0 / 32768});
}

constexpr Operator kOperators[] = {{"Softmax", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"LogSoftmax", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> softmax_operators() { return kOperators; }

}  // namespace koinon::engine::operators
