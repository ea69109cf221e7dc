#include <algorithm>
#include <cmath>

#include "engine/operators/expansion.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Where: one of two tensors, element by element. Max and Min of any number of tensors; Sum and Mean, which become sums of two.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

Result<std::vector<Type>> infer_where(const Call& call) {
  if (call.type(0).element != Element::boolean)
    return call.fail(Code::malformed, "a condition of {}", onnx::element_name(call.type(0).element));
  KOINON_CHECK(same_elements(call, 1, 2));
  KOINON_TRY(const auto both, broadcast(call, call.shape(1), call.shape(2)));
  KOINON_TRY(auto out, broadcast(call, call.shape(0), both));
  return std::vector<Type>{{call.type(1).element, std::move(out)}};
}

Result<std::vector<Value>> compute_where(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto c = broadcast_to(call.value(0), y.shape), a = broadcast_to(call.value(1), y.shape),
             b = broadcast_to(call.value(2), y.shape);
  for (std::size_t i = 0; i < y.floats.size(); ++i) y.floats[i] = c.ints[i] != 0 ? a.floats[i] : b.floats[i];
  for (std::size_t i = 0; i < y.ints.size(); ++i) y.ints[i] = c.ints[i] != 0 ? a.ints[i] : b.ints[i];
  return std::vector<Value>{std::move(y)};
}

Ref spread(Lowering& to, Ref ref, const Shape& shape) {
  auto& b = to.builder();
  if (b.error() || b.info(ref).shape == shape) return ref;
  return b.broadcast(ref, shape);
}

/// A branch in the integers of the output. Minus infinity (a mask) is an integer so far below all others that its exponential
/// is 0 beside any of them.
Result<Ref> branch(const Call& call, Lowering& to, std::size_t i) {
  const auto& target = to.target(call.output(0));
  if (call.known(i) == nullptr) {
    KOINON_TRY(const auto x, to.in(call, i));
    return at_target(to, x, target);
  }
  const double far = std::min(32.0 / target.scale.real(), 0x1p28);
  const auto infinity = 2 * target.low - target.high - onnx::saturate(far);
  std::vector<std::int64_t> values;
  for (float v : call.value(i).floats) {
    const bool minus_infinity = std::isinf(v) && v < 0;
    const double q = std::floor(static_cast<double>(v) / target.scale.real() + 0.5);
    values.push_back(minus_infinity ? infinity : std::clamp(onnx::saturate(q), target.low, target.high));
  }
  return whole_weight(to, call.shape(i), values);
}

Status lower_where(const Call& call, Lowering& to) {
  KOINON_TRY(const auto condition, to.in(call, 0));
  std::vector<Ref> pair;
  if (is_whole(call, 1)) {
    KOINON_TRY(pair, alike(call, to, {1, 2}));
  } else {
    for (std::size_t i = 1; i <= 2; ++i) {
      KOINON_TRY(const auto ref, branch(call, to, i));
      pair.push_back(ref);
    }
    pair = one_type(to, pair);
  }
  const auto ref = to.builder().select(to.plain(condition), pair[0], pair[1]);
  return to.set(call, spread(to, ref, call.output_type(0).shape), scale_of(call, to));
}

// Max and Min

Result<std::vector<Type>> infer_extreme(const Call& call) {
  Type out = call.type(0);
  for (std::size_t i = 1; i < call.inputs(); ++i) {
    if (!call.has(i)) return call.fail(Code::malformed, "input {} is missing", i);
    KOINON_CHECK(same_elements(call, 0, i));
    KOINON_TRY(out.shape, broadcast(call, out.shape, call.shape(i)));
  }
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute_extreme(const Call& call) {
  Value y = broadcast_to(call.value(0), call.output_type(0).shape);
  const bool max = call.node().op == "Max";
  for (std::size_t k = 1; k < call.inputs(); ++k) {
    const auto x = broadcast_to(call.value(k), y.shape);
    for (std::size_t i = 0; i < y.floats.size(); ++i) {
      const bool better = max ? x.floats[i] > y.floats[i] : x.floats[i] < y.floats[i];
      if (better || std::isnan(x.floats[i])) y.floats[i] = x.floats[i];
    }
    for (std::size_t i = 0; i < y.ints.size(); ++i)
      y.ints[i] = max ? std::max(x.ints[i], y.ints[i]) : std::min(x.ints[i], y.ints[i]);
  }
  return std::vector<Value>{std::move(y)};
}

Status lower_extreme(const Call& call, Lowering& to) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < call.inputs(); ++i) all.push_back(i);
  KOINON_TRY(const auto refs, alike(call, to, all));
  auto& b = to.builder();
  const bool max = call.node().op == "Max";
  Ref best = refs[0];
  for (std::size_t i = 1; i < refs.size(); ++i) {
    const auto worse = b.compare(max ? best : refs[i], max ? refs[i] : best, CompareOp::less);
    best = b.select(worse, refs[i], best);
  }
  return to.set(call, spread(to, best, call.output_type(0).shape), scale_of(call, to));
}

// Sum and Mean

Status expand_sum(const Call& call, Expansion& to) {
  int total = call.input(0);
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (!call.has(i)) return call.fail(Code::malformed, "input {} is missing", i);
  for (std::size_t i = 1; i < call.inputs(); ++i) total = to.add("Add", {total, call.input(i)});
  if (call.node().op == "Mean" && call.inputs() > 1) {
    const int count = to.add("CastLike", {to.real(static_cast<float>(call.inputs())), total});
    total = to.add("Div", {total, count});
  }
  to.result(0, total);
  return {};
}

constexpr Operator kOperators[] = {{"Where", 9, kNewest, 3, 3, infer_where, compute_where, lower_where},
                                   {"Max", 8, kNewest, 1, 4096, infer_extreme, compute_extreme, lower_extreme},
                                   {"Min", 8, kNewest, 1, 4096, infer_extreme, compute_extreme, lower_extreme},
                                   {"Sum", 8, kNewest, 1, 4096, nullptr, nullptr, nullptr, false, expand_sum},
                                   {"Mean", 8, kNewest, 1, 4096, nullptr, nullptr, nullptr, false, expand_sum}};

}  // namespace

std::span<const Operator> where_operators() { return kOperators; }

}  // namespace koinon::engine::operators
