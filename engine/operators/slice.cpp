#include <algorithm>
#include <limits>

#include "engine/operators/lowering.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Slice: starts, ends, axes and steps as attributes (opset 9) or constant inputs.
namespace koinon::engine::operators {

namespace {

struct Cut {
  std::vector<std::int64_t> starts, steps;
  Shape sizes;
};

Result<std::vector<std::int64_t>> list(const Call& call, std::size_t input, const std::string& attribute, std::size_t size,
                                       std::int64_t first, std::int64_t by) {
  if (call.opset() < 10 && call.given(attribute)) return call.integers(attribute);
  if (call.has(input)) return call.constant_integers(input, attribute);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(first + by * static_cast<std::int64_t>(i));
  return out;
}

Result<Cut> read(const Call& call) {
  const auto& x = call.shape(0);
  if (call.opset() < 10 ? !(call.given("starts") && call.given("ends")) : !(call.has(1) && call.has(2)))
    return call.fail(Code::malformed, "no starts or ends");
  KOINON_TRY(const auto starts, list(call, 1, "starts", 0, 0, 0));
  KOINON_TRY(const auto ends, list(call, 2, "ends", 0, 0, 0));
  KOINON_TRY(const auto axes, list(call, 3, "axes", starts.size(), 0, 1));
  KOINON_TRY(const auto steps, list(call, 4, "steps", starts.size(), 1, 0));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return call.fail(Code::malformed, "{} starts, {} ends, {} axes, {} steps", starts.size(), ends.size(), axes.size(),
                     steps.size());
  Cut cut{std::vector<std::int64_t>(x.size(), 0), std::vector<std::int64_t>(x.size(), 1), x};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    KOINON_TRY(const auto a, call.axis(axes[i], x.size()));
    const auto n = x[a];
    // A step as long as the axis takes one element, as any longer one does.
    const auto step = std::clamp<std::int64_t>(steps[i], -std::max<std::int64_t>(n, 1), std::max<std::int64_t>(n, 1));
    if (step == 0) return call.fail(Code::malformed, "a step of 0");
    const auto from_end = [&](std::int64_t v) { return v < 0 ? v + n : v; };
    const auto low = std::int64_t{step > 0 ? 0 : -1}, high = step > 0 ? n : n - 1;
    const auto start = std::clamp(from_end(starts[i]), std::int64_t{0}, std::max<std::int64_t>(high, 0));
    const auto end =
        std::clamp(from_end(std::max(ends[i], std::numeric_limits<std::int64_t>::min() / 2)), low, std::max(high, low));
    const auto span = step > 0 ? end - start : start - end;
    cut.starts[a] = start;
    cut.steps[a] = step;
    cut.sizes[a] = span <= 0 ? 0 : (span + std::abs(step) - 1) / std::abs(step);
  }
  return cut;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto cut, read(call));
  return std::vector<Type>{{call.type(0).element, cut.sizes}};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto cut, read(call));
  auto strides = strides_of(call.shape(0));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    offset += cut.starts[i] * strides[i];
    strides[i] *= cut.steps[i];
  }
  std::vector<Value> out;
  out.push_back(pick(call.value(0), cut.sizes, strides, offset));
  return out;
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto cut, read(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  return to.set(call, to.builder().slice(to.plain(x), cut.starts, cut.steps, cut.sizes), x.scale);
}

constexpr Operator kOperators[] = {{"Slice", 1, kNewest, 1, 5, infer, compute, lower}};

}  // namespace

std::span<const Operator> slice_operators() { return kOperators; }

}  // namespace koinon::engine::operators
