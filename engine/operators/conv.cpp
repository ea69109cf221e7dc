#include <algorithm>

#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/window.hpp"

// Conv: x [n, c, spatial...] with w [o, c / group, kernel...] and an optional bias [o].
namespace koinon::engine::operators {

namespace {

Result<Window> window(const Call& call) {
  const auto& w = call.shape(1);
  if (w.size() < 3) return call.fail(Code::malformed, "weights of shape {}", tensor::shape_text(w));
  const std::vector<std::int64_t> kernel(w.begin() + 2, w.end());
  if (call.integers("kernel_shape", kernel) != kernel)
    return call.fail(Code::malformed, "kernel_shape differs from the weights");
  return read_window(call, call.shape(0), kernel);
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  const auto &x = call.shape(0), &w = call.shape(1);
  const auto groups = call.integer("group", 1);
  if (groups < 1 || groups > x[1] || x[1] % groups != 0 || w[0] % groups != 0 || w[1] != x[1] / groups)
    return call.fail(Code::malformed, "input {} and weights {} do not fit with {} groups", tensor::shape_text(x),
                     tensor::shape_text(w), groups);
  if (call.has(2) && call.shape(2) != Shape{w[0]})
    return call.fail(Code::malformed, "bias of shape {}: [{}] expected", tensor::shape_text(call.shape(2)), w[0]);
  if (!onnx::is_float(call.type(0).element) || !onnx::is_float(call.type(1).element) ||
      (call.has(2) && !onnx::is_float(call.type(2).element)))
    return call.fail(Code::unsupported, "integer tensors");
  Shape out{x[0], w[0]};
  out.insert(out.end(), at.out.begin(), at.out.end());
  return std::vector<Type>{{call.type(0).element, out}};
}

/// One output element: sums over channels, then taps, in the order of memory.
class Kernel {
 public:
  Kernel(const Call& call, const Window& at) : at_(at), x_(call.value(0)), w_(call.value(1)) {
    channels_ = w_.shape[1];
    for (auto k : at.kernel) taps_ *= k;
    for (auto i : at.in) plane_ *= i;
    // Offsets of each tap relative to the window's corner, and its coordinates for the border check.
    tap_at_.resize(static_cast<std::size_t>(taps_));
    std::vector<std::int64_t> tap(at.kernel.size(), 0);
    for (auto& entry : tap_at_) {
      entry = tap;
      for (std::size_t d = tap.size(); d-- > 0;) {
        if (++tap[d] < at.kernel[d]) break;
        tap[d] = 0;
      }
    }
  }

  /// Taps that fall inside the input for the output at `pos`, with their offset in a plane.
  std::vector<std::pair<std::size_t, std::size_t>> inside(const std::vector<std::int64_t>& pos) const {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    for (std::size_t t = 0; t < tap_at_.size(); ++t) {
      std::int64_t offset = 0;
      bool in = true;
      for (std::size_t d = 0; d < pos.size() && in; ++d) {
        const auto p = at_.position(d, pos[d], tap_at_[t][d]);
        in = p >= 0 && p < at_.in[d];
        offset = offset * at_.in[d] + p;
      }
      if (in) out.emplace_back(t, static_cast<std::size_t>(offset));
    }
    return out;
  }

  double sum(std::int64_t batch, std::int64_t first_channel, std::int64_t filter,
             const std::vector<std::pair<std::size_t, std::size_t>>& taps) const {
    double out = 0;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const float* x = x_.floats.data() + (batch * x_.shape[1] + first_channel + c) * plane_;
      const float* w = w_.floats.data() + (filter * channels_ + c) * taps_;
      for (const auto& [t, offset] : taps) out += static_cast<double>(x[offset]) * static_cast<double>(w[t]);
    }
    return out;
  }

 private:
  const Window& at_;
  const Value& x_;
  const Value& w_;
  std::int64_t channels_ = 1, taps_ = 1, plane_ = 1;
  std::vector<std::vector<std::int64_t>> tap_at_;
};

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto at, window(call));
  Value y = Value::zeros(call.output_type(0));
  const Kernel kernel(call, at);
  const auto filters = y.shape[1];
  const auto per_group = filters / call.integer("group", 1);
  const auto channels = call.shape(1)[1];
  const Shape plane(y.shape.begin() + 2, y.shape.end());
  const auto area = onnx::count(plane);
  std::vector<std::int64_t> pos(plane.size(), 0);
  for (std::int64_t p = 0; p < area; ++p) {
    const auto taps = kernel.inside(pos);
    for (std::int64_t n = 0; n < y.shape[0]; ++n)
      for (std::int64_t o = 0; o < filters; ++o) {
        const double bias = call.has(2) ? call.value(2).real(o) : 0;
        const double sum = kernel.sum(n, o / per_group * channels, o, taps);
        y.floats[static_cast<std::size_t>((n * filters + o) * area + p)] = static_cast<float>(sum + bias);
      }
    for (std::size_t d = pos.size(); d-- > 0;) {
      if (++pos[d] < plane[d]) break;
      pos[d] = 0;
    }
  }
  return std::vector<Value>{std::move(y)};
}

/// Order that moves the second axis to the end, and the shape that follows.
std::pair<std::vector<std::int64_t>, Shape> second_last(const Shape& shape) {
  std::vector<std::int64_t> order{0};
  for (std::size_t i = 2; i < shape.size(); ++i) order.push_back(static_cast<std::int64_t>(i));
  order.push_back(1);
  Shape out;
  for (auto i : order) out.push_back(shape[static_cast<std::size_t>(i)]);
  return {order, out};
}

/// Weights that are a value of the graph have one scale, and the bias is added behind.
Status lower_variable(const Call& call, Lowering& to, const program::ConvParams& params) {
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto w, to.in(call, 1));
  auto& b = to.builder();
  const auto weights = b.transpose(to.plain(w), second_last(w.shape).first);
  Fixed y{long_conv(to, to.channels_last(x), weights, params), x.scale.real() * w.scale.real()};
  if (call.has(2)) {
    KOINON_TRY(const auto bias, to.in(call, 2));
    y = add_to(to, y, {to.plain(bias), bias.scale.real()});
  }
  return to.emit(call, y.ref, {y.unit}, true);
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto at, window(call));
  if (at.kernel.size() > 3) return call.fail(Code::unsupported, "{} spatial axes: 1 to 3 expected", at.kernel.size());
  program::ConvParams params{call.integer("group", 1), at.strides, at.dilations, at.begin, at.end};
  if (call.known(1) == nullptr || (call.has(2) && call.known(2) == nullptr)) return lower_variable(call, to, params);
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto& w = call.value(1);
  const auto [order, shape] = second_last(w.shape);
  std::vector<std::int64_t> strides;
  for (auto i : order) strides.push_back(strides_of(w.shape)[static_cast<std::size_t>(i)]);
  const auto moved = pick(w, shape, strides);
  std::vector<double> bias;
  for (std::int64_t o = 0; call.has(2) && o < w.shape[0]; ++o) bias.push_back(call.value(2).real(o));
  auto rows = to.rows(moved.floats, shape, bias, x.scale.real());
  std::optional<Ref> added;
  if (rows.bias) added = to.builder().weight(*std::move(rows.bias));
  const auto input = to.channels_last(x);
  const auto acc = long_conv(to, input, rows.weights, params, added);
  return to.emit(call, acc, rows.scale, true);
}

constexpr Operator kOperators[] = {{"Conv", 1, kNewest, 2, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> conv_operators() { return kOperators; }

}  // namespace koinon::engine::operators
