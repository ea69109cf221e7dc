#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/operators/expansion.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Relu and Clip: clamps, which cost nothing behind a node that rescales anyway.
namespace koinon::engine::operators {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Bounds of the call; Clip has them as attributes before opset 11 and as inputs since.
std::optional<std::pair<double, double>> bounds(const Call& call) {
  if (call.node().op == "Relu") return std::pair{0.0, kInfinity};
  if (call.node().op != "Clip") return {};
  if (call.opset() < 11) return std::pair{call.real("min", -kInfinity), call.real("max", kInfinity)};
  double limits[2] = {-kInfinity, kInfinity};
  for (std::size_t i = 1; i <= 2; ++i) {
    if (!call.has(i)) continue;
    if (call.known(i) == nullptr || call.known(i)->size() != 1) return {};
    limits[i - 1] = call.value(i).real(0);
  }
  return std::pair{limits[0], limits[1]};
}

Result<std::vector<Type>> infer(const Call& call) {
  for (std::size_t i = 1; i < call.inputs(); ++i)
    if (call.has(i) && (onnx::count(call.shape(i)) != 1 || call.type(i).element != call.type(0).element))
      return call.fail(Code::malformed, "a bound that is not one {}", onnx::element_name(call.type(0).element));
  static_cast<void>(bounds(call));
  return std::vector<Type>{call.type(0)};
}

Result<std::vector<Value>> compute(const Call& call) {
  const auto limits = bounds(call);
  if (!limits) return call.fail(Code::malformed, "bounds without a value");
  Value y = call.value(0);
  const auto [low, high] = *limits;
  for (auto& v : y.floats) v = static_cast<float>(std::min(std::max(static_cast<double>(v), low), high));
  for (auto& v : y.ints) {
    if (static_cast<double>(v) < low) v = onnx::saturate(low);
    if (static_cast<double>(v) > high) v = onnx::saturate(high);
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  const auto limits = bounds(call);
  if (!limits) return call.fail(Code::unsupported, "bounds that are computed at run time");
  KOINON_TRY(const auto x, to.in(call, 0));
  if (is_whole(call, 0)) {
    const auto range = reach(to, x.ref);
    const auto low = std::max(range.low, onnx::saturate(std::ceil(limits->first)));
    const auto high = std::min(range.high, onnx::saturate(std::floor(limits->second)));
    return to.set_whole(call, clamp(to, x.ref, std::min(low, high), high), x.channels_last);
  }
  return to.emit(call, x.ref, {x.scale.real()}, x.channels_last, limits->first, limits->second);
}

/// Bounds that are computed at run time: the larger, then the smaller.
Status expand(const Call& call, Expansion& to) {
  if (bounds(call)) return {};
  int value = call.input(0);
  if (call.has(1)) value = to.add("Max", {value, call.input(1)});
  if (call.has(2)) value = to.add("Min", {value, call.input(2)});
  to.result(0, value);
  return {};
}

constexpr Operator kOperators[] = {{"Relu", 6, kNewest, 1, 1, infer, compute, lower},
                                   {"Clip", 6, kNewest, 1, 3, infer, compute, lower, false, expand}};

}  // namespace

std::optional<std::pair<double, double>> clamp_of(const Call& call) { return bounds(call); }

std::span<const Operator> clip_operators() { return kOperators; }

}  // namespace koinon::engine::operators
