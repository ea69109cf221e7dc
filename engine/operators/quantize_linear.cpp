#include <algorithm>
#include <cmath>

#include "engine/operators/integer_range.hpp"
#include "engine/operators/quantisation.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// QuantizeLinear, DequantizeLinear (one scale, one for each place of an axis, or one for each block of an axis) and
// DynamicQuantizeLinear.
namespace koinon::engine::operators {

namespace {

/// Which scale an element of x has: its flat index in the scale's tensor.
struct Places {
  std::size_t axis = 0;
  std::int64_t block = 0;  ///< elements of the axis that share a scale; 0: the whole tensor
};

Result<Places> places_of(const Call& call) {
  const auto &x = call.shape(0), &s = call.shape(1);
  const auto block = call.integer("block_size", 0);
  const auto given = call.integer("axis", 1);
  if (onnx::count(s) == 1) return Places{};
  KOINON_TRY(const auto axis, call.axis(given, x.size()));
  if (s.size() == 1 && block == 0 && s[0] == x[axis]) return Places{axis, 1};
  if (block > 0 && s.size() == x.size()) {
    Shape wanted = x;
    wanted[axis] = (x[axis] + block - 1) / block;
    if (s == wanted) return Places{axis, block};
  }
  return call.fail(Code::malformed, "scales of shape {} for {} along axis {}", tensor::shape_text(s), tensor::shape_text(x),
                   axis);
}

/// Calls f(element, scale's index) for every element of x.
template <class F>
void each(const Call& call, const Places& at, F&& f) {
  const auto& x = call.shape(0);
  const auto n = onnx::count(x);
  const auto inner = at.block == 0 ? 1 : onnx::count({x.begin() + static_cast<std::ptrdiff_t>(at.axis) + 1, x.end()});
  const bool blocked = call.shape(1).size() > 1;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t k = 0;
    if (at.block > 0) {
      const auto place = i / inner % x[at.axis] / at.block;
      const auto blocks = (x[at.axis] + at.block - 1) / at.block;
      k = blocked ? (i / inner / x[at.axis] * blocks + place) * inner + i % inner : place;
    }
    f(i, k);
  }
}

Status check_zero(const Call& call) {
  if (!onnx::is_float(call.type(1).element)) return call.fail(Code::malformed, "a scale that is not a float");
  if (!call.has(2)) return {};
  if (onnx::count(call.shape(2)) != onnx::count(call.shape(1)))
    return call.fail(Code::malformed, "zero points of shape {} for scales of {}", tensor::shape_text(call.shape(2)),
                     tensor::shape_text(call.shape(1)));
  if (onnx::is_float(call.type(2).element)) return call.fail(Code::unsupported, "a float zero point");
  return {};
}

Result<std::vector<Type>> infer_quantize(const Call& call) {
  KOINON_TRY(const auto at, places_of(call));
  static_cast<void>(at);
  KOINON_CHECK(check_zero(call));
  const auto named = call.integer("output_dtype", 0);
  const auto element = call.has(2) ? call.type(2).element : named != 0 ? static_cast<Element>(named) : Element::u8;
  if (element != Element::u8 && element != Element::i8 && element != Element::u16 && element != Element::i16)
    return call.fail(Code::unsupported, "to element type {}", static_cast<int>(element));
  return std::vector<Type>{{element, call.shape(0)}};
}

Result<std::vector<Value>> compute_quantize(const Call& call) {
  KOINON_TRY(const auto at, places_of(call));
  Value y = Value::zeros(call.output_type(0));
  const auto limits = element_range(y.element);
  each(call, at, [&](std::int64_t i, std::int64_t k) {
    const auto share = static_cast<float>(call.value(0).real(i)) / call.value(1).floats[static_cast<std::size_t>(k)];
    const auto zero = call.has(2) ? call.value(2).ints[static_cast<std::size_t>(k)] : 0;
    const double q = round_even(static_cast<double>(share)) + static_cast<double>(zero);
    y.ints[static_cast<std::size_t>(i)] = std::clamp(onnx::saturate(q), limits.low, limits.high);
  });
  return std::vector<Value>{std::move(y)};
}

Result<Grid> grid_of(const Call& call, const Places& at) {
  if (call.shape(1).size() > 1 && onnx::count(call.shape(1)) > 1)
    return call.fail(Code::unsupported, "scales by block at run time");
  return read_grid(call, 1, 2, at.axis, onnx::count(call.shape(1)));
}

Status lower_quantize(const Call& call, Lowering& to) {
  KOINON_TRY(const auto at, places_of(call));
  KOINON_TRY(const auto grid, grid_of(call, at));
  KOINON_TRY(const auto x, to.in(call, 0));
  std::vector<double> ratios;
  for (double s : grid.scales) ratios.push_back(x.scale.real() / s);
  return quantise_to(call, to, to.plain(x), x.shape, grid.axis, ratios, grid.zeros);
}

Result<std::vector<Type>> infer_dequantize(const Call& call) {
  KOINON_TRY(const auto at, places_of(call));
  static_cast<void>(at);
  KOINON_CHECK(check_zero(call));
  if (onnx::is_float(call.type(0).element)) return call.fail(Code::unsupported, "a float tensor");
  const auto named = call.integer("output_dtype", 0);
  if (named != 0 && named != 1 && named != 10 && named != 16) return call.fail(Code::unsupported, "to element type {}", named);
  return std::vector<Type>{{named != 0 ? static_cast<Element>(named) : call.type(1).element, call.shape(0)}};
}

Result<std::vector<Value>> compute_dequantize(const Call& call) {
  KOINON_TRY(const auto at, places_of(call));
  Value y = Value::zeros(call.output_type(0));
  each(call, at, [&](std::int64_t i, std::int64_t k) {
    const auto zero = call.has(2) ? call.value(2).ints[static_cast<std::size_t>(k)] : 0;
    const auto q = static_cast<float>(call.value(0).ints[static_cast<std::size_t>(i)] - zero);
    y.floats[static_cast<std::size_t>(i)] = onnx::rounded(y.element, q * call.value(1).floats[static_cast<std::size_t>(k)]);
  });
  return std::vector<Value>{std::move(y)};
}

// With one scale the integers stay as they are; with several they are brought to one.
Status lower_dequantize(const Call& call, Lowering& to) {
  KOINON_TRY(const auto at, places_of(call));
  KOINON_TRY(const auto grid, grid_of(call, at));
  auto& b = to.builder();
  if (grid.scales.size() == 1) {
    if (auto x = centred(call, to, 0, 2, at.axis); x && !b.error()) {
      KOINON_TRY(const auto scale, Scale::from(grid.scales[0]));
      return to.set(call, *x, scale);
    }
  }
  KOINON_TRY(const auto q, to.in(call, 0));
  Shape shape(q.shape.size(), 1);
  if (grid.scales.size() > 1) shape[at.axis] = static_cast<std::int64_t>(grid.scales.size());
  IntTensor zeros = IntTensor::zeros(DType::i32, shape), factors = IntTensor::zeros(DType::i16, shape);
  const double unit = *std::ranges::max_element(grid.scales) / 32767;
  for (std::size_t i = 0; i < grid.scales.size(); ++i) {
    zeros.set(static_cast<std::int64_t>(i), grid.zero(i));
    factors.set(static_cast<std::int64_t>(i), onnx::saturate(std::floor(grid.scales[i] / unit + 0.5)));
  }
  const auto whole = to.plain(q);
  const auto distance = b.sub(whole, b.weight(std::move(zeros)));
  const auto y = fit(to, {b.mul(distance, b.weight(std::move(factors))), unit}, 46);
  return to.emit(call, y.ref, {y.unit});
}

/// Scale and zero point for values within [low, high].
struct Chosen {
  float scale;
  std::int64_t zero;
};

Chosen choose(float low, float high) {
  low = std::min(low, 0.0F);
  high = std::max(high, 0.0F);
  const float scale = (high - low) / 255.0F;
  if (!(scale > 0)) return {1.0F, 0};
  const double zero = round_even(static_cast<double>(-low / scale));
  return {scale, std::clamp<std::int64_t>(onnx::saturate(zero), 0, 255)};
}

Result<std::vector<Type>> infer_dynamic(const Call& call) {
  if (!onnx::is_float(call.type(0).element)) return call.fail(Code::malformed, "an integer tensor");
  return std::vector<Type>{{Element::u8, call.shape(0)}, {Element::f32, {}}, {Element::u8, {}}};
}

Result<std::vector<Value>> compute_dynamic(const Call& call) {
  float low = 0, high = 0;
  for (float v : call.value(0).floats) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const auto chosen = choose(low, high);
  Value y = Value::zeros({Element::u8, call.shape(0)});
  for (std::size_t i = 0; i < y.ints.size(); ++i) {
    const double q = round_even(static_cast<double>(call.value(0).floats[i] / chosen.scale)) + static_cast<double>(chosen.zero);
    y.ints[i] = std::clamp<std::int64_t>(onnx::saturate(q), 0, 255);
  }
  return std::vector<Value>{std::move(y), Value::of_floats({}, {chosen.scale}), Value::of_ints({}, {chosen.zero}, Element::u8)};
}

// A program's scales are fixed when it is built: the range that calibration saw stands for that of every run.
Status lower_dynamic(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& seen = to.target(call.input(0));
  const auto chosen = choose(static_cast<float>(seen.real_low), static_cast<float>(seen.real_high));
  const auto scale = static_cast<double>(chosen.scale);
  KOINON_CHECK(quantise_to(call, to, to.plain(x), x.shape, 0, {x.scale.real() / scale}, {chosen.zero}));
  auto& b = to.builder();
  KOINON_TRY(const auto unit, Scale::from(scale / 16384));
  KOINON_CHECK(to.set(call, b.shift(scalar(to, 16384, DType::i16), 0, DType::i16), unit, false, 1));
  return to.set_whole(call, b.shift(scalar(to, chosen.zero, DType::i16), 0, DType::i16), false, 2);
}

constexpr Operator kOperators[] = {
    {"QuantizeLinear", 10, kNewest, 2, 3, infer_quantize, compute_quantize, lower_quantize},
    {"DequantizeLinear", 10, kNewest, 2, 3, infer_dequantize, compute_dequantize, lower_dequantize},
    {"DynamicQuantizeLinear", 11, kNewest, 1, 1, infer_dynamic, compute_dynamic, lower_dynamic}};

}  // namespace

std::span<const Operator> quantize_linear_operators() { return kOperators; }

}  // namespace koinon::engine::operators
