#include <algorithm>
#include <cmath>

#include "engine/operators/fixed.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// GridSample: x [n, c, spatial...] read at the places that a grid [n, out..., d] names, in [-1, 1] over each axis, the last
// axis of x first. Nearest, linear (any number of axes) and cubic (two).
namespace koinon::engine::operators {

namespace {

enum class Mode { nearest, linear, cubic };
enum class Padding { zeros, border, reflection };

struct Sampling {
  Mode mode = Mode::linear;
  Padding padding = Padding::zeros;
  bool corners = false;
};

Result<Sampling> sampling(const Call& call) {
  Sampling s;
  const auto mode = call.text("mode", "linear"), padding = call.text("padding_mode", "zeros");
  if (mode == "nearest")
    s.mode = Mode::nearest;
  else if (mode == "bicubic" || mode == "cubic")
    s.mode = Mode::cubic;
  else if (mode != "bilinear" && mode != "linear")
    return call.fail(Code::malformed, "mode '{}'", mode);
  if (padding == "border")
    s.padding = Padding::border;
  else if (padding == "reflection")
    s.padding = Padding::reflection;
  else if (padding != "zeros")
    return call.fail(Code::malformed, "padding_mode '{}'", padding);
  s.corners = call.integer("align_corners", 0) != 0;
  return s;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto s, sampling(call));
  const auto &x = call.shape(0), &grid = call.shape(1);
  if (x.size() < 3 || grid.size() != x.size() || grid[0] != x[0] || grid.back() != static_cast<std::int64_t>(x.size()) - 2)
    return call.fail(Code::malformed, "input {} and grid {}", tensor::shape_text(x), tensor::shape_text(grid));
  for (std::size_t i : {0U, 1U})
    if (!onnx::is_float(call.type(i).element)) return call.fail(Code::unsupported, "integer tensors");
  if (s.mode == Mode::cubic && x.size() != 4) return call.fail(Code::unsupported, "cubic over {} axes", x.size() - 2);
  if (onnx::count(x) < 1) return call.fail(Code::unsupported, "an empty tensor");
  Shape out{x[0], x[1]};
  out.insert(out.end(), grid.begin() + 1, grid.end() - 1);
  return std::vector<Type>{{call.type(0).element, out}};
}

/// Place on an axis of n for a coordinate in [-1, 1].
double unnormalised(const Sampling& s, double v, double n) { return s.corners ? (v + 1) / 2 * (n - 1) : ((v + 1) * n - 1) / 2; }

/// v mirrored at the edges of an axis, as often as it takes.
double reflected(const Sampling& s, double v, double n) {
  const double low = s.corners ? 0 : -0.5, high = s.corners ? n - 1 : n - 0.5, span = high - low;
  if (!(span > 0)) return 0;
  const double distance = v < low ? low - v : v - high;
  if (v >= low && v <= high) return v;
  const double turns = std::floor(distance / span), rest = distance - turns * span;
  const bool back = turns - 2 * std::floor(turns / 2) != 0;
  return (v < low) != back ? low + rest : high - rest;
}

struct Tap {
  std::int64_t at;
  double weight;
};

double cubic(double t) {
  constexpr double kA = -0.75;
  t = std::fabs(t);
  if (t <= 1) return ((kA + 2) * t - (kA + 3)) * t * t + 1;
  return t < 2 ? ((kA * t - 5 * kA) * t + 8 * kA) * t - 4 * kA : 0;
}

/// Places of one axis that a coordinate reads, -1 where it reads 0.
std::vector<Tap> taps(const Sampling& s, double v, std::int64_t n) {
  const auto size = static_cast<double>(n);
  double x = unnormalised(s, v, size);
  if (!(std::fabs(x) < 1e9)) x = -1e9;
  if (s.mode != Mode::cubic && s.padding == Padding::border) x = std::clamp(x, 0.0, size - 1);
  if (s.mode != Mode::cubic && s.padding == Padding::reflection) x = std::clamp(reflected(s, x, size), 0.0, size - 1);
  const double down = std::floor(x);
  std::vector<Tap> out;
  const auto add = [&](double place, double weight) {
    auto at = onnx::saturate(place);
    if (at < 0 || at >= n) {
      if (s.padding == Padding::zeros) at = -1;
      if (s.padding == Padding::border) at = std::clamp<std::int64_t>(at, 0, n - 1);
      if (s.padding == Padding::reflection) at = std::clamp<std::int64_t>(onnx::saturate(reflected(s, place, size)), 0, n - 1);
    }
    out.push_back({at, weight});
  };
  if (s.mode == Mode::nearest) {
    const double rest = x - down;
    const bool up = rest > 0.5 || (rest == 0.5 && down - 2 * std::floor(down / 2) != 0);
    add(up ? down + 1 : down, 1);
  } else if (s.mode == Mode::linear) {
    add(down, 1 - (x - down));
    add(down + 1, x - down);
  } else {
    for (int i = -1; i <= 2; ++i) add(down + i, cubic(down + i - x));
  }
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto s, sampling(call));
  const auto &x = call.value(0), &grid = call.value(1);
  Value y = Value::zeros(call.output_type(0));
  const auto d = x.shape.size() - 2;
  const Shape in(x.shape.begin() + 2, x.shape.end());
  const auto strides = strides_of(in);
  const auto plane = onnx::count(in), area = onnx::count({y.shape.begin() + 2, y.shape.end()}), channels = x.shape[1];
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t p = 0; p < area; ++p) {
      std::vector<Tap> all{{0, 1.0}};
      for (std::size_t k = 0; k < d; ++k) {
        const double v = grid.real((n * area + p) * static_cast<std::int64_t>(d) + static_cast<std::int64_t>(d - 1 - k));
        std::vector<Tap> next;
        for (const auto& tap : taps(s, v, in[k]))
          for (const auto& before : all)
            next.push_back({tap.at < 0 || before.at < 0 ? -1 : before.at + tap.at * strides[k], before.weight * tap.weight});
        all = std::move(next);
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (const auto& tap : all)
          if (tap.at >= 0) sum += x.real((n * channels + c) * plane + tap.at) * tap.weight;
        y.floats[static_cast<std::size_t>((n * channels + c) * area + p)] = static_cast<float>(sum);
      }
    }
  return std::vector<Value>{std::move(y)};
}

constexpr int kDigits = 14;  ///< behind the point of a place

/// One place that an axis reads, its weight in 2^-14, and where it lies inside.
struct Reading {
  Ref place, weight;
};

/// The grid's coordinates on one axis as places with 14 binary digits, within two of the axis.
Ref position(Lowering& to, const Sampling& s, Fixed v, std::int64_t n) {
  auto& b = to.builder();
  const auto size = static_cast<double>(n);
  const double slope = (s.corners ? size - 1 : size) / 2, offset = unnormalised(s, 0, size);
  const auto one = std::int64_t{1} << kDigits;
  const auto far = (2 * n + 4) * one;
  const double ratio = std::max(v.unit * slope * static_cast<double>(one), 0x1p-60);
  const auto scaled = to.rescale(v.ref, {ratio}, -far, far, DType::i64);
  auto x = b.add(scaled, scalar(to, onnx::saturate(offset * static_cast<double>(one))));
  return s.padding == Padding::border ? clamp(to, x, 0, (n - 1) * one) : x;
}

std::vector<Reading> readings(Lowering& to, const Sampling& s, Ref x, std::int64_t n) {
  auto& b = to.builder();
  const auto one = std::int64_t{1} << kDigits;
  const auto nearest = s.mode == Mode::nearest;
  const auto down = b.shift(nearest ? b.add(x, scalar(to, one / 2 - 1), DType::i64) : x, -kDigits);
  const auto rest = b.sub(x, b.shift(down, kDigits, DType::i64), DType::i64);
  std::vector<Reading> out;
  for (std::int64_t k = 0; k < (nearest ? 1 : 2); ++k) {
    const auto at = k == 0 ? down : b.add(down, scalar(to, 1));
    auto weight = nearest  ? b.broadcast(b.reshape(scalar(to, one), Shape(b.error() ? 0 : b.info(at).shape.size(), 1)),
                                        b.error() ? Shape{} : b.info(at).shape)
                  : k == 0 ? b.sub(scalar(to, one), rest)
                           : rest;
    weight = clamp(to, weight, 0, one);
    const auto place = clamp(to, at, 0, n - 1);
    // Outside, the clamped place is another one: nothing is read there.
    const auto inside = b.compare(place, at, program::CompareOp::equal);
    out.push_back({place, s.padding == Padding::zeros ? b.mul(weight, inside) : weight});
  }
  return out;
}

// Every place of the grid reads 2^d elements by gather, and weighs them.
Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto s, sampling(call));
  if (s.mode == Mode::cubic) return call.fail(Code::unsupported, "cubic mode as steps");
  if (s.padding == Padding::reflection) return call.fail(Code::unsupported, "reflection as steps");
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto grid, to.in(call, 1));
  auto& b = to.builder();
  const auto d = x.shape.size() - 2;
  const Shape in(x.shape.begin() + 2, x.shape.end());
  const auto strides = strides_of(in);
  const auto plane = onnx::count(in), n = x.shape[0], area = onnx::count(call.output_type(0).shape) / n / x.shape[1];
  // [n, plane, c], so that one place of one image is a row.
  const auto rows = b.transpose(b.reshape(to.plain(x), {n, x.shape[1], plane}), {0, 2, 1});
  const auto flat = b.reshape(to.plain(grid), {n, area, static_cast<std::int64_t>(d)});
  std::vector<Reading> all;
  for (std::size_t k = 0; k < d; ++k) {
    const auto v = b.reshape(b.slice(flat, {0, 0, static_cast<std::int64_t>(d - 1 - k)}, {1, 1, 1}, {n, area, 1}), {n, area});
    std::vector<Reading> next;
    for (const auto& one : readings(to, s, position(to, s, {v, grid.scale.real()}, in[k]), in[k])) {
      const auto place = b.mul(one.place, scalar(to, strides[k]));
      if (k == 0) next.push_back({place, one.weight});
      for (const auto& before : all)
        next.push_back({b.add(before.place, place), to.rescale(b.mul(before.weight, one.weight), {std::ldexp(1.0, -kDigits)}, 0,
                                                               std::int64_t{1} << kDigits)});
    }
    all = std::move(next);
  }
  std::optional<Ref> sum;
  for (const auto& one : all) {
    const auto read = b.gather(rows, b.shift(one.place, 0, DType::i32), 1, 1);
    const auto term = b.mul(read, b.reshape(one.weight, {n, area, 1}));
    sum = sum ? b.add(*sum, term) : term;
  }
  const auto y = b.reshape(b.transpose(*sum, {0, 2, 1}), call.output_type(0).shape);
  return to.emit(call, y, {std::ldexp(x.scale.real(), -kDigits)});
}

constexpr Operator kOperators[] = {{"GridSample", 16, kNewest, 2, 2, infer, compute, lower}};

}  // namespace

std::span<const Operator> grid_sample_operators() { return kOperators; }

}  // namespace koinon::engine::operators
