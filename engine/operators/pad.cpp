#include <algorithm>

#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// Pad: constant, reflect, edge and wrap; negative pads crop.
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
  if (out.mode != "constant" && out.mode != "reflect" && out.mode != "edge" && out.mode != "wrap")
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
    if (pads.mode != "constant" && size < 1) return call.fail(Code::malformed, "axis {} is empty", i);
  }
  return std::vector<Type>{out};
}

/// Index on an axis of `size` that the padded index comes from; -1 for the constant.
std::int64_t source(const std::string& mode, std::int64_t at, std::int64_t size) {
  if (at >= 0 && at < size) return at;
  if (mode == "edge") return at < 0 ? 0 : size - 1;
  if (mode == "reflect") return at < 0 ? -at : 2 * (size - 1) - at;
  if (mode == "wrap") return (at % size + size) % size;
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

/// Modes that repeat elements: a gather along each padded axis. Cropping is part of it.
Ref repeated(Lowering& to, Ref ref, const Pads& pads, const Shape& in, const Shape& out) {
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (pads.begin[d] == 0 && pads.end[d] == 0) continue;
    std::vector<std::int64_t> from;
    for (std::int64_t i = 0; i < out[d]; ++i) from.push_back(source(pads.mode, i - pads.begin[d], in[d]));
    const auto places = whole_weight(to, {out[d]}, from);
    ref = to.builder().gather(ref, places, d);
  }
  return ref;
}

/// What is left when negative pads are cropped away, and those pads set to 0.
Ref cropped(Lowering& to, Ref ref, Pads& pads, const Shape& in) {
  std::vector<std::int64_t> starts;
  Shape sizes = in;
  for (std::size_t d = 0; d < in.size(); ++d) {
    starts.push_back(std::max<std::int64_t>(-pads.begin[d], 0));
    sizes[d] += std::min<std::int64_t>(pads.begin[d], 0) + std::min<std::int64_t>(pads.end[d], 0);
    pads.begin[d] = std::max<std::int64_t>(pads.begin[d], 0);
    pads.end[d] = std::max<std::int64_t>(pads.end[d], 0);
  }
  return sizes == in ? ref : to.builder().slice(ref, starts, std::vector<std::int64_t>(in.size(), 1), sizes);
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(auto pads, read(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  Ref ref = to.plain(x);
  if (pads.mode != "constant") return to.set(call, repeated(to, ref, pads, call.shape(0), call.output_type(0).shape), x.scale);
  ref = cropped(to, ref, pads, call.shape(0));
  if (is_whole(call, 0)) {
    const auto value = onnx::saturate(pads.value);
    const auto fill = whole_weight(to, {}, {value});
    const auto pair = one_type(to, {ref, fill});
    return to.set_whole(call, to.builder().pad(pair[0], pads.begin, pads.end, value));
  }
  const auto& target = to.target(call.output(0));
  // The padding value may lie outside what x's unit can say, so x goes to the output's unit first.
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
