#include <algorithm>
#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"
#include "engine/operators/window.hpp"

// MaxPool (with indices), AveragePool, LpPool and their global forms over x [n, c, spatial...].
namespace koinon::engine::operators {

namespace {

bool is_max(const Call& call) { return call.node().op.find("Max") != std::string::npos; }
bool is_lp(const Call& call) { return call.node().op.find("Lp") != std::string::npos; }
/// The exponent of LpPool.
double exponent(const Call& call) { return static_cast<double>(call.integer("p", 2)); }

Result<Window> window(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 3) return call.fail(Code::malformed, "input of shape {}", tensor::shape_text(x));
  if (!onnx::is_float(call.type(0).element) && !is_max(call)) return call.fail(Code::unsupported, "integer tensors");
  std::vector<std::int64_t> kernel(x.begin() + 2, x.end());
  if (!call.node().op.starts_with("Global")) {
    kernel = call.integers("kernel_shape");
    static_cast<void>(call.integer("storage_order", 0));
    static_cast<void>(call.integer("count_include_pad", 0));
  }
  KOINON_TRY(auto at, read_window(call, x, std::move(kernel)));
  for (std::size_t d = 0; d < at.kernel.size(); ++d)
    if (at.begin[d] >= (at.kernel[d] - 1) * at.dilations[d] + 1 || at.end[d] >= (at.kernel[d] - 1) * at.dilations[d] + 1)
      return call.fail(Code::malformed, "axis {}: padding as long as the window", d);
  return at;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  if (is_lp(call) && (exponent(call) < 1 || exponent(call) > 64)) return call.fail(Code::malformed, "p = {}", exponent(call));
  Type out = call.type(0);
  std::copy(at.out.begin(), at.out.end(), out.shape.begin() + 2);
  if (call.node().op == "MaxPool") return std::vector<Type>{out, {Element::i64, out.shape}};
  return std::vector<Type>{out};
}

/// Offsets in the plane of the elements under the window of output `index`, and the number that a mean divides by.
struct Under {
  std::vector<std::size_t> offsets;
  std::int64_t divisor = 0;
};

Under under(const Window& at, std::int64_t index, bool include_pad) {
  const auto d = at.kernel.size();
  const auto out = strides_of(at.out), in = strides_of(at.in), taps = strides_of(at.kernel);
  Under result;
  for (std::int64_t t = 0; t < onnx::count(at.kernel); ++t) {
    std::int64_t offset = 0;
    bool inside = true, padded = true;
    for (std::size_t i = 0; i < d; ++i) {
      const auto p = at.position(i, index / out[i] % at.out[i], t / taps[i] % at.kernel[i]);
      inside = inside && p >= 0 && p < at.in[i];
      padded = padded && p < at.in[i] + at.end[i];
      offset += p * in[i];
    }
    if (inside) result.offsets.push_back(static_cast<std::size_t>(offset));
    if (include_pad ? padded : inside) ++result.divisor;
  }
  return result;
}

/// Place of an offset in a plane when its first axis runs fastest.
std::int64_t column_major(const Window& at, std::int64_t offset) {
  const auto in = strides_of(at.in);
  std::int64_t out = 0, step = 1;
  for (std::size_t d = 0; d < at.in.size(); ++d) {
    out += offset / in[d] % at.in[d] * step;
    step *= at.in[d];
  }
  return out;
}

Result<std::vector<Value>> compute_max(const Call& call, const Window& at) {
  Value y = Value::zeros(call.output_type(0)), places = Value::zeros({Element::i64, y.shape});
  const auto& x = call.value(0);
  const auto area = onnx::count(at.out), plane = onnx::count(at.in), planes = y.shape[0] * y.shape[1];
  const bool columns = call.integer("storage_order", 0) != 0;
  for (std::int64_t p = 0; p < area; ++p) {
    const auto cover = under(at, p, false);
    for (std::int64_t c = 0; c < planes; ++c) {
      auto best = static_cast<std::int64_t>(cover.offsets.front());
      for (auto offset : cover.offsets)
        if (x.real(c * plane + static_cast<std::int64_t>(offset)) > x.real(c * plane + best))
          best = static_cast<std::int64_t>(offset);
      const auto to = static_cast<std::size_t>(c * area + p), from = static_cast<std::size_t>(c * plane + best);
      if (y.floats.empty())
        y.ints[to] = x.ints[from];
      else
        y.floats[to] = x.floats[from];
      places.ints[to] = c * plane + (columns ? column_major(at, best) : best);
    }
  }
  return std::vector<Value>{std::move(y), std::move(places)};
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  if (is_max(call)) return compute_max(call, at);
  Value y = Value::zeros(call.output_type(0));
  const auto area = onnx::count(at.out), plane = onnx::count(at.in), planes = y.shape[0] * y.shape[1];
  const bool include = call.integer("count_include_pad", 0) != 0, lp = is_lp(call);
  const double power = exponent(call);
  for (std::int64_t p = 0; p < area; ++p) {
    const auto cover = under(at, p, include);
    for (std::int64_t c = 0; c < planes; ++c) {
      const float* x = call.value(0).floats.data() + c * plane;
      double sum = 0;
      for (auto offset : cover.offsets) {
        const auto v = static_cast<double>(x[offset]);
        sum += lp ? math::pow(std::fabs(v), power) : v;
      }
      const auto mean = sum / static_cast<double>(std::max<std::int64_t>(cover.divisor, 1));
      y.floats[static_cast<std::size_t>(c * area + p)] = static_cast<float>(lp ? math::pow(sum, 1 / power) : mean);
    }
  }
  return std::vector<Value>{std::move(y)};
}

program::ReduceParams params(const Window& at, program::ReduceOp op) {
  const auto around = [](std::vector<std::int64_t> v, std::int64_t fill) {
    v.insert(v.begin(), fill);
    v.push_back(fill);
    return v;
  };
  // The padding behind is what the last window needs: less than declared when the stride leaves a rest, more with ceil_mode.
  std::vector<std::int64_t> end;
  for (std::size_t i = 0; i < at.kernel.size(); ++i)
    end.push_back(std::max<std::int64_t>(0, at.position(i, at.out[i] - 1, at.kernel[i] - 1) + 1 - at.in[i]));
  return {op, around(at.kernel, 1), around(at.strides, 1), around(at.dilations, 1), around(at.begin, 0), around(end, 0)};
}

/// (sum |x|^p)^(1/p).
Status lower_lp(const Call& call, Lowering& to, const Window& at, const Quantised& x) {
  auto& b = to.builder();
  const auto ref = to.channels_last(x);
  const double p = exponent(call), unit = x.scale.real();
  Fixed terms{b.mul(ref, ref), unit * unit};
  if (p == 1) terms = {absolute(to, ref), unit};
  if (p > 2) {
    const auto edge = std::max(-static_cast<double>(reach(to, ref).low), static_cast<double>(reach(to, ref).high)) * unit;
    const double top = math::pow(std::max(edge, unit), p);
    terms = tabulate(to, {ref, unit}, [p](double v) { return math::pow(std::fabs(v), p); }, top / (1 << 30), 1 << 30);
  }
  const Fixed total{long_reduce(to, terms.ref, params(at, program::ReduceOp::sum)), terms.unit};
  if (p == 1) return to.emit(call, total.ref, {total.unit}, true);
  // A table of 2^16 places is coarse near 0 for a higher root: square roots as often as they go, which are exact.
  Fixed y = root(to, total);
  double left = p / 2;
  for (; left >= 2; left /= 2) y = root(to, y);
  if (left > 1)
    y = tabulate(to, y, [left](double v) { return math::pow(std::fabs(v), 1 / left); }, y.unit / 16, INT64_C(1) << 40);
  return to.emit(call, y.ref, {y.unit}, true);
}

/// Where the largest element of every window lies: all taps side by side, the largest of them, and its place in the input.
Status lower_places(const Call& call, Lowering& to, const Window& at, const Quantised& x) {
  auto& b = to.builder();
  const auto taps = strides_of(at.kernel), in = strides_of(at.in), out = strides_of(at.out);
  const auto count = onnx::count(at.kernel);
  if (count > static_cast<std::int64_t>(program::kMaxOperands))
    return call.fail(Code::unsupported, "the places of the largest of {} elements: at most {}", count, program::kMaxOperands);
  // What lies outside is less than anything inside.
  const auto ref = b.shift(to.plain(x), 0, DType::i32);
  const auto range = reach(to, ref);
  std::vector<std::int64_t> begin{0, 0}, end{0, 0};
  for (std::size_t d = 0; d < at.in.size(); ++d) {
    begin.push_back(at.begin[d]);
    end.push_back(std::max<std::int64_t>(0, at.position(d, at.out[d] - 1, at.kernel[d] - 1) + 1 - at.in[d]));
  }
  const auto padded = b.pad(ref, begin, end, range.low - 1);
  Shape stacked{x.shape[0], x.shape[1]};
  stacked.insert(stacked.end(), at.out.begin(), at.out.end());
  stacked.push_back(1);
  std::vector<Ref> parts;
  std::vector<std::int64_t> jumps, corners, planes;
  for (std::int64_t t = 0; t < count; ++t) {
    std::vector<std::int64_t> starts{0, 0}, steps{1, 1};
    std::int64_t jump = 0;
    for (std::size_t d = 0; d < at.in.size(); ++d) {
      starts.push_back(t / taps[d] % at.kernel[d] * at.dilations[d]);
      steps.push_back(at.strides[d]);
      jump += starts.back() * in[d];
    }
    jumps.push_back(jump);
    parts.push_back(b.reshape(b.slice(padded, starts, steps, {stacked.begin(), stacked.end() - 1}), stacked));
  }
  for (std::int64_t p = 0; p < onnx::count(at.out); ++p) {
    std::int64_t corner = 0;
    for (std::size_t d = 0; d < at.in.size(); ++d) corner += at.position(d, p / out[d] % at.out[d], 0) * in[d];
    corners.push_back(corner);
  }
  for (std::int64_t c = 0; c < x.shape[0] * x.shape[1]; ++c) planes.push_back(c * onnx::count(at.in));
  const auto best = b.argmax(b.concat(parts, stacked.size() - 1), stacked.size() - 1);
  IntTensor table = IntTensor::zeros(DType::i32, {count});
  for (std::int64_t t = 0; t < count; ++t) table.set(t, jumps[static_cast<std::size_t>(t)]);
  Shape by_place = at.out, by_plane(at.out.size() + 2, 1);
  by_place.insert(by_place.begin(), {1, 1});
  by_plane[0] = x.shape[0];
  by_plane[1] = x.shape[1];
  const auto jump = b.reshape(b.lookup(best, b.table(std::move(table)), 0), {stacked.begin(), stacked.end() - 1});
  const auto place = b.add(b.add(jump, whole_weight(to, by_place, corners)), whole_weight(to, by_plane, planes));
  return to.set_whole(call, place, false, 1);
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto at, window(call));
  KOINON_TRY(const auto x, to.in(call, 0));
  if (is_lp(call)) return lower_lp(call, to, at, x);
  const auto ref = to.channels_last(x);
  if (is_max(call)) {
    const bool places = call.outputs() > 1 && call.output(1) != onnx::kAbsent;
    if (places && call.integer("storage_order", 0) != 0) return call.fail(Code::unsupported, "places in column-major order");
    if (places) KOINON_CHECK(lower_places(call, to, at, x));
    const auto best = long_reduce(to, ref, params(at, program::ReduceOp::max));
    return onnx::is_float(call.type(0).element) ? to.set(call, best, x.scale, true) : to.set_whole(call, best, true);
  }
  const auto sum = long_reduce(to, ref, params(at, program::ReduceOp::sum));
  std::vector<std::int64_t> divisors;
  for (std::int64_t p = 0; p < onnx::count(at.out); ++p)
    divisors.push_back(std::max<std::int64_t>(1, under(at, p, call.integer("count_include_pad", 0) != 0).divisor));
  if (std::ranges::all_of(divisors, [&](auto v) { return v == divisors[0]; }))
    return to.emit(call, sum, {x.scale.real() / static_cast<double>(divisors[0])}, true);
  // Windows at the border cover fewer elements: multiply by 2^14 / count, one factor a position.
  Shape shape{1};
  shape.insert(shape.end(), at.out.begin(), at.out.end());
  shape.push_back(1);
  IntTensor factors = IntTensor::zeros(DType::i16, shape);
  for (std::size_t i = 0; i < divisors.size(); ++i)
    factors.set(static_cast<std::int64_t>(i), (2 * 16384 / divisors[i] + 1) / 2);
  const auto weighted = to.builder().mul(sum, to.builder().weight(std::move(factors)));
  return to.emit(call, weighted, {x.scale.real() / 16384}, true);
}

constexpr Operator kOperators[] = {
    {"MaxPool", 1, kNewest, 1, 1, infer, compute, lower},       {"AveragePool", 7, kNewest, 1, 1, infer, compute, lower},
    {"LpPool", 2, kNewest, 1, 1, infer, compute, lower},        {"GlobalLpPool", 2, kNewest, 1, 1, infer, compute, lower},
    {"GlobalMaxPool", 1, kNewest, 1, 1, infer, compute, lower}, {"GlobalAveragePool", 1, kNewest, 1, 1, infer, compute, lower}};

}  // namespace

std::span<const Operator> pool_operators() { return kOperators; }

}  // namespace koinon::engine::operators
