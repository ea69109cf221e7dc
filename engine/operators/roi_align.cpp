#include <algorithm>
#include <array>
#include <cmath>

#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// RoiAlign: boxes [r, 4] (x1, y1, x2, y2) of pictures [n, c, h, w] cut into cells, each the mean (or the largest weighed
// corner) of points read between the picture's elements.
namespace koinon::engine::operators {

namespace {

struct Cells {
  std::int64_t height = 1, width = 1, ratio = 0;
  double scale = 1;
  bool half = true;  ///< places are the middles of elements
  bool mean = true;
};

Result<Cells> cells_of(const Call& call) {
  Cells c;
  c.height = call.integer("output_height", 1);
  c.width = call.integer("output_width", 1);
  c.ratio = call.integer("sampling_ratio", 0);
  c.scale = call.real("spatial_scale", 1);
  c.half = call.text("coordinate_transformation_mode", call.opset() >= 16 ? "half_pixel" : "output_half_pixel") == "half_pixel";
  const auto mode = call.text("mode", "avg");
  c.mean = mode == "avg";
  if (mode != "avg" && mode != "max") return call.fail(Code::malformed, "mode '{}'", mode);
  for (auto v : {c.height, c.width, c.ratio + 1})
    if (v < 1 || v > 1 << 12) return call.fail(Code::out_of_range, "cells or points of {}: up to 2^12", v);
  const auto &x = call.shape(0), &boxes = call.shape(1), &of = call.shape(2);
  if (x.size() != 4 || boxes.size() != 2 || boxes[1] != 4 || of != Shape{boxes[0]} || onnx::count(x) < 1)
    return call.fail(Code::malformed, "pictures {}, boxes {} and indices {}", tensor::shape_text(x), tensor::shape_text(boxes),
                     tensor::shape_text(of));
  return c;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto c, cells_of(call));
  return std::vector<Type>{{call.type(0).element, {call.shape(1)[0], call.shape(0)[1], c.height, c.width}}};
}

/// One axis of one box: where it starts, the size of a cell, and points in a cell.
struct Axis {
  double start, cell;
  std::int64_t points;
};

Axis axis_of(const Cells& c, double low, double high, std::int64_t cells) {
  const double shift = c.half ? 0.5 : 0;
  const double start = low * c.scale - shift;
  double length = high * c.scale - shift - start;
  if (!c.half) length = std::max(length, 1.0);
  const double cell = length / static_cast<double>(cells);
  const double points = c.ratio > 0 ? static_cast<double>(c.ratio) : std::clamp(std::ceil(cell), 1.0, 4096.0);
  return {start, cell, static_cast<std::int64_t>(points)};
}

struct Between {
  std::int64_t low = 0, high = 0;
  double rest = 0;
  bool outside = false;
};

Between between(double v, std::int64_t n) {
  const auto last = static_cast<double>(n - 1);
  if (!(v >= -1 && v <= static_cast<double>(n))) return {0, 0, 0, true};
  v = std::clamp(v, 0.0, last);
  const auto low = static_cast<std::int64_t>(v);
  return {low, std::min(low + 1, n - 1), v - static_cast<double>(low), false};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto c, cells_of(call));
  const auto& x = call.value(0);
  Value y = Value::zeros(call.output_type(0));
  const auto channels = x.shape[1], h = x.shape[2], w = x.shape[3];
  std::size_t out = 0;
  for (std::int64_t r = 0; r < y.shape[0]; ++r) {
    const auto box = [&](std::int64_t i) { return call.value(1).real(r * 4 + i); };
    const auto picture = onnx::saturate(call.value(2).real(r));
    if (picture < 0 || picture >= x.shape[0]) return call.fail(Code::out_of_range, "picture {} of {}", picture, x.shape[0]);
    const auto across = axis_of(c, box(0), box(2), c.width), down = axis_of(c, box(1), box(3), c.height);
    for (std::int64_t k = 0; k < channels * c.height * c.width; ++k) {
      const auto plane = (picture * channels + k / (c.height * c.width)) * h * w;
      const auto i = k / c.width % c.height, j = k % c.width;
      double sum = 0, top = -std::numeric_limits<double>::infinity();
      for (std::int64_t p = 0; p < down.points * across.points; ++p) {
        const auto at = [](const Axis& a, std::int64_t cell, std::int64_t point) {
          return a.start +
                 a.cell * (static_cast<double>(cell) + (static_cast<double>(point) + 0.5) / static_cast<double>(a.points));
        };
        const auto v = between(at(down, i, p / across.points), h), u = between(at(across, j, p % across.points), w);
        const double inside = v.outside || u.outside ? 0 : 1;
        const std::array<double, 4> corners{(1 - v.rest) * (1 - u.rest) * x.real(plane + v.low * w + u.low),
                                            (1 - v.rest) * u.rest * x.real(plane + v.low * w + u.high),
                                            v.rest * (1 - u.rest) * x.real(plane + v.high * w + u.low),
                                            v.rest * u.rest * x.real(plane + v.high * w + u.high)};
        for (double corner : corners) {
          sum += inside * corner;
          top = std::max(top, inside * corner);
        }
      }
      y.floats[out++] = static_cast<float>(c.mean ? sum / static_cast<double>(down.points * across.points) : top);
    }
  }
  return std::vector<Value>{std::move(y)};
}

/// Places of all points of one axis of every box: [r, cells * points].
int points_of(const Call& call, Expansion& to, const Cells& c, std::int64_t low_column, std::int64_t cells) {
  const auto n = cells * c.ratio;
  const auto column = [&](std::int64_t i) {
    const int v = to.slice(call.input(1), {i}, {i + 1}, {1});
    return to.add("Mul", {v, to.real(static_cast<float>(c.scale))});
  };
  const int start = column(low_column);
  int length = to.add("Sub", {column(low_column + 2), start});
  if (!c.half) length = to.add("Max", {length, to.real(1)});
  Value steps = Value::zeros({Element::f32, {1, n}});
  for (std::int64_t i = 0; i < n; ++i)
    steps.floats[static_cast<std::size_t>(i)] = static_cast<float>((static_cast<double>(i) + 0.5) / static_cast<double>(n));
  const int along = to.add("Add", {to.add("Mul", {length, to.constant(std::move(steps))}), start});
  return c.half ? to.add("Sub", {along, to.real(0.5F)}) : along;
}

/// 1 where points lie within one element of the picture, else 0.
int within(Expansion& to, int points, std::int64_t n) {
  const int low = to.add("GreaterOrEqual", {points, to.real(-1)});
  const int high = to.add("LessOrEqual", {points, to.real(static_cast<float>(n))});
  return to.add("Cast", {to.add("And", {low, high})}, Attributes{{"to", std::int64_t{1}}});
}

int scaled(Expansion& to, int points, std::int64_t n) {
  const int unit = to.add("Mul", {points, to.real(2.0F / static_cast<float>(n))});
  return to.add("Add", {unit, to.real(1.0F / static_cast<float>(n) - 1)});
}

// With a fixed number of points and means, GridSample reads them and a pooling takes the means.
Status expand(const Call& call, Expansion& to) {
  KOINON_TRY(const auto c, cells_of(call));
  if (!c.mean || c.ratio == 0) return {};
  const auto& x = call.shape(0);
  const auto r = call.shape(1)[0], rows = c.height * c.ratio, columns = c.width * c.ratio;
  const int across = points_of(call, to, c, 0, c.width), down = points_of(call, to, c, 1, c.height);
  const auto spread = [&](int points, const Shape& one) {
    return to.add("Expand", {to.reshape(points, one), to.integers({r, rows, columns, 1})});
  };
  const int grid =
      to.concat({spread(scaled(to, across, x[3]), {r, 1, columns, 1}), spread(scaled(to, down, x[2]), {r, rows, 1, 1})}, 3);
  const int pictures = to.add("Gather", {call.input(0), call.input(2)}, Attributes{{"axis", std::int64_t{0}}});
  int read = to.add("GridSample", {pictures, grid},
                    Attributes{{"padding_mode", std::string("border")}, {"align_corners", std::int64_t{0}}});
  read = to.add("Mul", {read, to.reshape(within(to, across, x[3]), {r, 1, 1, columns})});
  read = to.add("Mul", {read, to.reshape(within(to, down, x[2]), {r, 1, rows, 1})});
  const std::vector<std::int64_t> window{c.ratio, c.ratio};
  to.result(0, to.add("AveragePool", {read}, Attributes{{"kernel_shape", window}, {"strides", window}}));
  return {};
}

constexpr Operator kOperators[] = {{"RoiAlign", 10, kNewest, 3, 3, infer, compute, nullptr, false, expand}};

}  // namespace

std::span<const Operator> roi_align_operators() { return kOperators; }

}  // namespace koinon::engine::operators
