#include "engine/operators/axis_map.hpp"

#include <algorithm>
#include <cmath>

#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"

namespace koinon::engine::operators {

bool AxisMap::copies() const {
  return std::ranges::all_of(rows, [](const auto& row) { return row.size() == 1 && row[0].weight == 1; });
}

bool AxisMap::identity() const {
  if (out() != in || !copies()) return false;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i][0].from != static_cast<std::int64_t>(i)) return false;
  return true;
}

namespace {

std::vector<double> apply_one(const std::vector<double>& x, const Shape& shape, const AxisMap& map) {
  const auto at = shape.begin() + static_cast<std::ptrdiff_t>(map.axis);
  const auto outer = onnx::count({shape.begin(), at}), inner = onnx::count({at + 1, shape.end()});
  std::vector<double> out(static_cast<std::size_t>(outer * map.out() * inner), 0.0);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t p = 0; p < map.out(); ++p)
      for (const auto& tap : map.rows[static_cast<std::size_t>(p)]) {
        const double* from = x.data() + (o * map.in + tap.from) * inner;
        double* into = out.data() + (o * map.out() + p) * inner;
        for (std::int64_t i = 0; i < inner; ++i) into[i] += from[i] * tap.weight;
      }
  return out;
}

Ref swap_to_last(Lowering& to, Ref x, std::size_t axis, std::size_t rank) {
  if (axis + 1 == rank) return x;
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < rank; ++i) order.push_back(static_cast<std::int64_t>(i));
  std::swap(order[axis], order[rank - 1]);
  return to.builder().transpose(x, order);
}

IntTensor matrix(const AxisMap& map, double unit) {
  IntTensor out = IntTensor::zeros(DType::i16, {map.out(), map.in});
  for (std::size_t p = 0; p < map.rows.size(); ++p)
    for (const auto& tap : map.rows[p]) {
      const auto at = static_cast<std::int64_t>(p) * map.in + tap.from;
      const auto sum = out.at(at) + onnx::saturate(std::floor(tap.weight / unit + 0.5));
      out.set(at, std::clamp<std::int64_t>(sum, -32767, 32767));
    }
  return out;
}

}  // namespace

Value apply(const Value& x, const std::vector<AxisMap>& maps, double fill) {
  std::vector<double> data;
  for (std::int64_t i = 0; i < x.size(); ++i) data.push_back(x.real(i));
  Shape shape = x.shape;
  for (const auto& map : maps) {
    data = apply_one(data, shape, map);
    shape[map.axis] = map.out();
  }
  for (const auto& map : maps) {
    if (map.outside.empty()) continue;
    const auto inner = onnx::count({shape.begin() + static_cast<std::ptrdiff_t>(map.axis) + 1, shape.end()});
    for (std::size_t i = 0; i < data.size(); ++i)
      if (map.outside[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % map.out())]) data[i] = fill;
  }
  Value out = Value::zeros({x.element, shape});
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (onnx::is_float(x.element))
      out.floats[i] = onnx::rounded(x.element, static_cast<float>(data[i]));
    else
      out.ints[i] = onnx::saturate(data[i]);
  }
  return out;
}

Fixed lower_maps(Lowering& to, Fixed x, Shape& shape, const std::vector<AxisMap>& maps) {
  auto& b = to.builder();
  for (const auto& map : maps) {
    if (map.identity()) continue;
    if (map.copies()) {
      IntTensor places = IntTensor::zeros(DType::i32, {map.out()});
      for (std::size_t p = 0; p < map.rows.size(); ++p) places.set(static_cast<std::int64_t>(p), map.rows[p][0].from);
      x.ref = b.gather(x.ref, b.weight(std::move(places)), map.axis);
    } else {
      double top = 0;
      for (const auto& row : map.rows)
        for (const auto& tap : row) top = std::max(top, std::fabs(tap.weight));
      const double unit = top < 1.9 ? 0x1p-14 : top / 32000;
      x = fit(to, x, 15);
      // A matrix product takes 16 bits: the last of a range of 2^15 is cut.
      if (!b.error() && b.info(x.ref).dtype > DType::i16) x.ref = clamp(to, x.ref, -32768, 32767);
      auto y = swap_to_last(to, x.ref, map.axis, shape.size());
      if (shape.size() == 1) y = b.reshape(y, {1, map.in});
      y = long_matmul(to, y, matrix(map, unit));
      if (shape.size() == 1) y = b.reshape(y, {map.out()});
      x = {swap_to_last(to, y, map.axis, shape.size()), x.unit * unit};
    }
    shape[map.axis] = map.out();
  }
  return x;
}

}  // namespace koinon::engine::operators
