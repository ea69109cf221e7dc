#include <algorithm>
#include <cmath>

#include "engine/operators/axis_map.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Resize (opset 10 on) and Upsample (7 to 9): nearest, linear and cubic, every coordinate mode, antialias. All of them work
// axis by axis.
namespace koinon::engine::operators {

namespace {

enum class Coordinate { half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, tf_half_pixel, crop };
enum class Nearest { prefer_floor, prefer_ceil, floor, ceil, simple };

/// How one axis is resized.
struct AxisPlan {
  std::size_t axis = 0;
  std::int64_t in = 1, out = 1;
  double scale = 1;
  double start = 0, end = 1;  ///< region of interest, as shares of the axis
};

struct Plan {
  std::vector<AxisPlan> axes;
  std::string mode;
  Coordinate coordinate = Coordinate::half_pixel;
  Nearest nearest = Nearest::prefer_floor;
  double cubic_a = -0.75, fill = 0;
  bool exclude_outside = false, antialias = false;
};

Result<Coordinate> coordinate_of(const Call& call) {
  static const std::map<std::string, Coordinate> names{{"half_pixel", Coordinate::half_pixel},
                                                       {"half_pixel_symmetric", Coordinate::half_pixel_symmetric},
                                                       {"pytorch_half_pixel", Coordinate::pytorch_half_pixel},
                                                       {"align_corners", Coordinate::align_corners},
                                                       {"asymmetric", Coordinate::asymmetric},
                                                       {"tf_half_pixel_for_nn", Coordinate::tf_half_pixel},
                                                       {"tf_crop_and_resize", Coordinate::crop}};
  if (call.node().op == "Upsample" || call.opset() < 11) return Coordinate::asymmetric;
  const auto text = call.text("coordinate_transformation_mode", "half_pixel");
  const auto found = names.find(text);
  if (found == names.end()) return call.fail(Code::malformed, "coordinate_transformation_mode '{}'", text);
  return found->second;
}

Result<Nearest> nearest_of(const Call& call) {
  static const std::map<std::string, Nearest> names{{"round_prefer_floor", Nearest::prefer_floor},
                                                    {"round_prefer_ceil", Nearest::prefer_ceil},
                                                    {"floor", Nearest::floor},
                                                    {"ceil", Nearest::ceil}};
  if (call.node().op == "Upsample") return Nearest::floor;
  if (call.opset() < 11) return Nearest::simple;
  const auto text = call.text("nearest_mode", "round_prefer_floor");
  const auto found = names.find(text);
  if (found == names.end()) return call.fail(Code::malformed, "nearest_mode '{}'", text);
  return found->second;
}

/// The numbers of an input that must be constant; empty when it is absent or empty.
Result<std::vector<double>> constants(const Call& call, std::size_t i, std::string_view what) {
  if (!call.has(i)) return std::vector<double>{};
  if (call.known(i) == nullptr) return call.fail(Code::unsupported, "its {} must be constant", what);
  std::vector<double> out;
  for (std::int64_t k = 0; k < std::min<std::int64_t>(call.value(i).size(), 64); ++k) out.push_back(call.value(i).real(k));
  return out;
}

/// Sizes from `scales` or `sizes`, one for each of the axes.
Status measure(const Call& call, Plan& plan, const std::vector<double>& scales, std::vector<double> sizes) {
  const auto n = plan.axes.size();
  if ((scales.size() != n || !sizes.empty()) && (sizes.size() != n || !scales.empty()))
    return call.fail(Code::malformed, "{} scales and {} sizes for {} axes: one of the two expected", scales.size(),
                     sizes.size(), n);
  const auto policy = call.text("keep_aspect_ratio_policy", "stretch");
  if (!sizes.empty() && policy != "stretch") {
    const bool larger = policy == "not_smaller";
    if (!larger && policy != "not_larger") return call.fail(Code::malformed, "keep_aspect_ratio_policy '{}'", policy);
    double ratio = larger ? 0 : 1e30;
    for (std::size_t i = 0; i < n; ++i) {
      const double r = sizes[i] / static_cast<double>(plan.axes[i].in);
      ratio = larger ? std::max(ratio, r) : std::min(ratio, r);
    }
    for (std::size_t i = 0; i < n; ++i) sizes[i] = std::floor(ratio * static_cast<double>(plan.axes[i].in) + 0.5);
  }
  for (std::size_t i = 0; i < n; ++i) {
    auto& axis = plan.axes[i];
    const auto in = static_cast<double>(axis.in);
    axis.scale = sizes.empty() ? scales[i] : sizes[i] / in;
    // A scale is a float32: 0.6 of 10 must be 6 although the nearest float lies above or below.
    const double out = sizes.empty() ? std::floor(in * scales[i] + 1e-6) : sizes[i];
    if (!(axis.scale > 0) || !(out >= 1) || out > 1e6)
      return call.fail(Code::out_of_range, "axis {} of {} elements to {}", axis.axis, in, out);
    axis.out = static_cast<std::int64_t>(out);
  }
  return {};
}

Status region(const Call& call, Plan& plan) {
  if (plan.coordinate != Coordinate::crop) return {};
  KOINON_TRY(const auto roi, constants(call, 1, "region of interest"));
  const auto n = plan.axes.size();
  if (roi.size() != 2 * n) return call.fail(Code::malformed, "a region of {} numbers: {} expected", roi.size(), 2 * n);
  for (std::size_t i = 0; i < n; ++i) {
    plan.axes[i].start = roi[i];
    plan.axes[i].end = roi[n + i];
    if (!(std::fabs(roi[i]) < 1e6) || !(std::fabs(roi[n + i]) < 1e6))
      return call.fail(Code::out_of_range, "region of interest");
  }
  return {};
}

Result<Plan> plan_of(const Call& call) {
  const auto& x = call.shape(0);
  const bool old = call.node().op == "Upsample" || call.opset() < 11;
  Plan plan;
  plan.mode = call.text("mode", "nearest");
  if (plan.mode == "bilinear" || plan.mode == "trilinear") plan.mode = "linear";
  if (plan.mode != "nearest" && plan.mode != "linear" && plan.mode != "cubic")
    return call.fail(Code::malformed, "mode '{}'", plan.mode);
  KOINON_TRY(plan.coordinate, coordinate_of(call));
  KOINON_TRY(plan.nearest, nearest_of(call));
  plan.cubic_a = call.real("cubic_coeff_a", -0.75);
  plan.fill = call.real("extrapolation_value", 0);
  plan.exclude_outside = call.integer("exclude_outside", 0) != 0;
  plan.antialias = call.integer("antialias", 0) != 0;
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  for (auto a : call.integers("axes", axes)) {
    KOINON_TRY(const auto axis, call.axis(a, x.size()));
    if (x[axis] < 1) return call.fail(Code::unsupported, "an empty axis");
    plan.axes.push_back({axis, x[axis], x[axis], 1, 0, 1});
  }
  KOINON_CHECK(region(call, plan));
  std::vector<double> scales, sizes;
  if (call.opset() < 9 && call.given("scales")) {
    for (float v : call.reals("scales")) scales.push_back(static_cast<double>(v));
  } else {
    KOINON_TRY(scales, constants(call, old ? 1 : 2, "scales"));
  }
  if (!old) {
    KOINON_TRY(sizes, constants(call, 3, "sizes"));
  }
  KOINON_CHECK(measure(call, plan, scales, sizes));
  return plan;
}

/// Place on the input axis that output place `at` looks at.
double original(const Plan& plan, const AxisPlan& axis, std::int64_t at) {
  const auto x = static_cast<double>(at), in = static_cast<double>(axis.in);
  const double length = axis.scale * in;  // of the output, before it is cut to a whole number
  switch (plan.coordinate) {
    case Coordinate::half_pixel: return (x + 0.5) / axis.scale - 0.5;
    case Coordinate::half_pixel_symmetric: {
      const double adjust = static_cast<double>(axis.out) / length;
      return in / 2 * (1 - adjust) + (x + 0.5) / axis.scale - 0.5;
    }
    case Coordinate::pytorch_half_pixel: return length > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
    case Coordinate::align_corners: return length > 1 ? x * (in - 1) / (length - 1) : 0;
    case Coordinate::asymmetric: return x / axis.scale;
    case Coordinate::tf_half_pixel: return (x + 0.5) / axis.scale;
    default:
      if (axis.out == 1) return 0.5 * (axis.start + axis.end) * (in - 1);
      return axis.start * (in - 1) + x * (axis.end - axis.start) * (in - 1) / (length - 1);
  }
}

double cubic(double a, double distance) {
  const double t = std::fabs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

std::int64_t nearest_place(const Plan& plan, const AxisPlan& axis, double x) {
  switch (plan.nearest) {
    case Nearest::prefer_floor: return onnx::saturate(std::ceil(x - 0.5));
    case Nearest::prefer_ceil: return onnx::saturate(std::floor(x + 0.5));
    case Nearest::floor: return onnx::saturate(std::floor(x));
    case Nearest::ceil: return onnx::saturate(std::ceil(x));
    default: return onnx::saturate(axis.scale < 1 ? std::ceil(x) : std::floor(x));
  }
}

/// Weights of the input places around x.
std::vector<AxisMap::Tap> taps(const Plan& plan, const AxisPlan& axis, double x) {
  const auto clip = [&](std::int64_t i) { return std::clamp<std::int64_t>(i, 0, axis.in - 1); };
  if (plan.mode == "nearest") return {{clip(nearest_place(plan, axis, x)), 1.0}};
  const bool is_cubic = plan.mode == "cubic";
  const double shrink = plan.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double reach = is_cubic ? 2.0 : 1.0;
  const auto first = onnx::saturate(std::floor(x)) + onnx::saturate(std::floor(-reach / shrink)) + 1;
  const auto last = onnx::saturate(std::floor(x)) + onnx::saturate(std::ceil(reach / shrink));
  std::vector<AxisMap::Tap> out;
  double total = 0;
  for (auto i = first; i <= last; ++i) {
    const double distance = (static_cast<double>(i) - x) * shrink;
    const double w = is_cubic ? cubic(plan.cubic_a, distance) : std::max(0.0, 1 - std::fabs(distance));
    if (w == 0 || (plan.exclude_outside && (i < 0 || i >= axis.in))) continue;
    total += w;
    const auto from = clip(i);
    if (!out.empty() && out.back().from == from)
      out.back().weight += w;
    else
      out.push_back({from, w});
  }
  for (auto& tap : out) tap.weight = total != 0 ? tap.weight / total : 0;
  return out;
}

std::vector<AxisMap> maps(const Plan& plan) {
  std::vector<AxisMap> out;
  for (const auto& axis : plan.axes) {
    AxisMap map{axis.axis, axis.in, {}, {}};
    // An axis that keeps its size is left alone, except where a region is cut out of it.
    if (axis.in == axis.out && axis.scale == 1 && plan.coordinate != Coordinate::crop) continue;
    for (std::int64_t p = 0; p < axis.out; ++p) {
      const double x = original(plan, axis, p);
      map.rows.push_back(taps(plan, axis, x));
      if (plan.coordinate == Coordinate::crop) map.outside.push_back(x < 0 || x > static_cast<double>(axis.in - 1));
    }
    out.push_back(std::move(map));
  }
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto plan, plan_of(call));
  Type out = call.type(0);
  for (const auto& axis : plan.axes) out.shape[axis.axis] = axis.out;
  return std::vector<Type>{out};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto plan, plan_of(call));
  return std::vector<Value>{apply(call.value(0), maps(plan), plan.fill)};
}

/// 1 where no axis is outside, and 0 elsewhere; absent when nothing is outside.
std::optional<IntTensor> inside(const std::vector<AxisMap>& all, const Shape& shape) {
  IntTensor out = IntTensor::zeros(DType::i8, shape);
  bool any = false;
  for (std::int64_t i = 0; i < out.size(); ++i) {
    bool within = true;
    for (const auto& map : all) {
      const auto inner = onnx::count({shape.begin() + static_cast<std::ptrdiff_t>(map.axis) + 1, shape.end()});
      within = within && (map.outside.empty() || !map.outside[static_cast<std::size_t>(i / inner % map.out())]);
    }
    out.set(i, within ? 1 : 0);
    any = any || !within;
  }
  if (!any) return {};
  return out;
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto plan, plan_of(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto all = maps(plan);
  Shape shape = x.shape;
  auto y = lower_maps(to, {to.plain(x), x.scale.real()}, shape, all);
  auto& b = to.builder();
  const auto mask = inside(all, shape);
  if (mask) {
    const auto fill = scalar(to, onnx::saturate(std::floor(plan.fill / y.unit + 0.5)), DType::i32);
    const auto chosen = b.weight(*mask);
    const auto wide = b.shift(y.ref, 0, DType::i32);
    y.ref = b.select(chosen, wide, fill);
  }
  if (!onnx::is_float(call.type(0).element)) {
    if (!std::ranges::all_of(all, &AxisMap::copies)) return call.fail(Code::unsupported, "integers between two places");
    return to.set_whole(call, y.ref);
  }
  if (!mask && std::ranges::all_of(all, &AxisMap::copies)) return to.set(call, y.ref, x.scale);
  return to.emit(call, y.ref, {y.unit});
}

constexpr Operator kOperators[] = {{"Resize", 10, kNewest, 1, 4, infer, compute, lower},
                                   {"Upsample", 7, 9, 1, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace koinon::engine::operators
