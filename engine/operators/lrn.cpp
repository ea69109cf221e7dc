#include <algorithm>

#include "engine/math/math.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// LRN: x / (bias + alpha / size * sum of squares over the channels near by) ^ beta, for x [n, c, ...].
namespace koinon::engine::operators {

namespace {

struct Response {
  std::int64_t size;
  double alpha, beta, bias;
  /// What an element is multiplied with for a sum of squares.
  [[nodiscard]] double factor(double squares) const {
    return math::pow(bias + alpha / static_cast<double>(size) * squares, -beta);
  }
};

Result<Response> response(const Call& call) {
  const Response out{call.integer("size", 0), call.real("alpha", 1e-4), call.real("beta", 0.75), call.real("bias", 1)};
  if (out.size < 1 || out.size > (1 << 20)) return call.fail(Code::malformed, "size {}", out.size);
  if (!(out.bias > 0) || !(out.alpha >= 0)) return call.fail(Code::unsupported, "bias {} and alpha {}", out.bias, out.alpha);
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto r, response(call));
  static_cast<void>(r);
  if (call.shape(0).size() < 2 || !onnx::is_float(call.type(0).element))
    return call.fail(Code::malformed, "{} of shape {}", onnx::element_name(call.type(0).element),
                     tensor::shape_text(call.shape(0)));
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto r, response(call));
  const auto& x = call.value(0);
  Value y = x;
  const auto channels = x.shape[1], plane = onnx::count({x.shape.begin() + 2, x.shape.end()});
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const auto c = i / plane % channels;
    const auto first = std::max<std::int64_t>(0, c - (r.size - 1) / 2), last = std::min(channels - 1, c + r.size / 2);
    double squares = 0;
    for (auto k = first; k <= last; ++k) squares += x.real(i + (k - c) * plane) * x.real(i + (k - c) * plane);
    y.floats[static_cast<std::size_t>(i)] = static_cast<float>(x.real(i) * r.factor(squares));
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto r, response(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  const auto ref = to.plain(x);
  auto params = program::ReduceParams::axes(program::ReduceOp::sum, x.shape, {});
  params.window[1] = r.size;
  params.pads_begin[1] = (r.size - 1) / 2;
  params.pads_end[1] = r.size / 2;
  const auto squares = long_reduce(to, b.mul(ref, ref), params);
  const auto bounded = clamp(to, squares, 0, std::max<std::int64_t>(1, reach(to, squares).high));
  const Fixed sums{bounded, x.scale.real() * x.scale.real()};
  // A table over the root of the squares is as fine as x, where one over the squares is coarse for small ones.
  const bool fine = to.target(call.output(0)).dtype() != DType::i8;
  const std::int64_t limit = fine ? (1 << 24) - 1 : 32767;
  const double unit = r.factor(0) / static_cast<double>(limit);
  const auto factor = fine ? tabulate(
                                 to, root(to, sums), [&](double v) { return r.factor(v * v); }, unit, limit)
                           : tabulate(to, sums, [&](double v) { return r.factor(v); }, unit, limit);
  return to.emit(call, b.mul(ref, factor.ref), {x.scale.real() * unit});
}

constexpr Operator kOperators[] = {{"LRN", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> lrn_operators() { return kOperators; }

}  // namespace koinon::engine::operators
