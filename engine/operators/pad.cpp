#include <algorithm>

#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Pad: constant, reflect and edge; negative pads crop.
namespace koinon::engine::operators {

namespace {

struct Pads {
  std::vector<std::int64_t> begin, end;
  double value = 0;
  std::string mode;
};

Result<Pads> read(const Call& call) {
  const auto rank = call.shape(0).size();
  std::vector<std::int64_t> list = call.integers("pads");
  Pads out{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0), call.real("value", 0),
           call.text("mode", "constant")};
  if (call.opset() >= 11) {
    if (!call.has(1)) return call.fail(Code::malformed, "no pads");
    KOINON_TRY(list, call.constant_integers(1, "pads"));
    if (call.has(2)) {
      if (call.known(2) == nullptr || call.known(2)->size() != 1)
        return call.fail(Code::unsupported, "its value must be one constant");
      out.value = call.known(2)->real(0);
    }
  }
  std::vector<std::int64_t> axes;
  if (call.has(3)) {
    KOINON_TRY(axes, call.constant_integers(3, "axes"));
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (list.size() != 2 * axes.size()) return call.fail(Code::malformed, "{} pads for {} axes", list.size(), axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    KOINON_TRY(const auto axis, call.axis(axes[i], rank));
    for (auto p : {list[i], list[axes.size() + i]})
      if (p < -onnx::count(call.shape(0)) || p > (1 << 24)) return call.fail(Code::out_of_range, "a pad of {}", p);
    out.begin[axis] = list[i];
    out.end[axis] = list[axes.size() + i];
  }
  if (out.mode != "constant" && out.mode != "reflect" && out.mode != "edge")
    return call.fail(Code::unsupported, "mode '{}'", out.mode);
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto pads, read(call));
  Type out = call.type(0);
  for (std::size_t i = 0; i < out.shape.size(); ++i) {
    const auto size = out.shape[i];
    out.shape[i] += pads.begin[i] + pads.end[i];
    if (out.shape[i] < 0 || size + std::min<std::int64_t>(pads.begin[i], 0) + std::min<std::int64_t>(pads.end[i], 0) < 0)
      return call.fail(Code::malformed, "axis {} of {} is cropped by more than it has", i, size);
    if (pads.mode == "reflect" && (pads.begin[i] >= size || pads.end[i] >= size))
      return call.fail(Code::malformed, "axis {} of {} is too short to reflect", i, size);
    if (pads.mode == "edge" && size < 1) return call.fail(Code::malformed, "axis {} is empty", i);
  }
  return std::vector<Type>{out};
}

/// Index on an axis of `size` that the padded index comes from; -1 for the constant.
std::int64_t source(const std::string& mode, std::int64_t at, std::int64_t size) {
  if (at >= 0 && at < size) return at;
  if (mode == "edge") return at < 0 ? 0 : size - 1;
  if (mode == "reflect") return at < 0 ? -at : 2 * (size - 1) - at;
  return -1;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto pads, read(call));
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  const auto in = strides_of(x.shape), out = strides_of(y.shape);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < in.size() && offset >= 0; ++d) {
      const auto at = source(pads.mode, i / out[d] % y.shape[d] - pads.begin[d], x.shape[d]);
      offset = at < 0 ? -1 : offset + at * in[d];
    }
    const auto to = static_cast<std::size_t>(i), from = static_cast<std::size_t>(std::max<std::int64_t>(offset, 0));
    if (onnx::is_float(y.element))
      y.floats[to] = offset < 0 ? static_cast<float>(pads.value) : x.floats[from];
    else
      y.ints[to] = offset < 0 ? onnx::saturate(pads.value) : x.ints[from];
  }
  return std::vector<Value>{std::move(y)};
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto pads, read(call));
  if (pads.mode != "constant") return call.fail(Code::unsupported, "mode '{}'", pads.mode);
  for (std::size_t i = 0; i < pads.begin.size(); ++i)
    if (pads.begin[i] < 0 || pads.end[i] < 0) return call.fail(Code::unsupported, "negative pads");
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& target = to.target(call.output(0));
  // The padding value may lie outside what x's unit can say, so x goes to the output's unit first.
  Ref ref = to.plain(x);
  Scale scale = x.scale;
  if (pads.value != 0) {
    scale = target.scale;
    ref = to.rescale(ref, {x.scale.real() / scale.real()}, target.low, target.high, target.dtype());
  }
  const auto value =
      std::clamp(onnx::saturate(pads.value / scale.real() + (pads.value < 0 ? -0.5 : 0.5)), target.low, target.high);
  return to.set(call, to.builder().pad(ref, pads.begin, pads.end, value), scale);
}

constexpr Operator kOperators[] = {{"Pad", 2, kNewest, 1, 4, infer, compute, lower}};

}  // namespace

std::span<const Operator> pad_operators() { return kOperators; }

}  // namespace koinon::engine::operators
