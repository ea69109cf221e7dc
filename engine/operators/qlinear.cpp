#include <algorithm>
#include <cmath>

#include "engine/operators/integer_range.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/quantisation.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/window.hpp"

// Products of ONNX's quantised tensors: MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv. Sums are exact; only the
// rescaling of the QLinear ones differs from the standard, by at most one unit where a tie or the 15-bit multiplier decides.
namespace koinon::engine::operators {

namespace {

/// Where a node has its operands: places of inputs, kNone where it has none.
struct Layout {
  bool convolution, scaled;
  std::size_t a, b, a_zero, b_zero, a_scale, b_scale, y_scale, y_zero, bias;
};
constexpr std::size_t kNone = 99;

const Layout& layout(const Call& call) {
  static constexpr Layout kIntegerMatMul{false, false, 0, 1, 2, 3, kNone, kNone, kNone, kNone, kNone};
  static constexpr Layout kIntegerConv{true, false, 0, 1, 2, 3, kNone, kNone, kNone, kNone, kNone};
  static constexpr Layout kScaledMatMul{false, true, 0, 3, 2, 5, 1, 4, 6, 7, kNone};
  static constexpr Layout kScaledConv{true, true, 0, 3, 2, 5, 1, 4, 6, 7, 8};
  const auto& op = call.node().op;
  if (op == "MatMulInteger") return kIntegerMatMul;
  if (op == "ConvInteger") return kIntegerConv;
  return op == "QLinearMatMul" ? kScaledMatMul : kScaledConv;
}

/// Shapes of a product a [batch..., m, k] by b [batch..., k, n].
struct Product {
  Shape batch, a_lead, b_lead, out;
  std::int64_t m = 1, n = 1, k = 1;
};

Result<Product> product_of(const Call& call, const Layout& at) {
  Shape a = call.shape(at.a), b = call.shape(at.b);
  if (a.empty() || b.empty()) return call.fail(Code::malformed, "a scalar operand");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  Product p;
  p.m = a[a.size() - 2];
  p.k = a.back();
  p.n = b.back();
  if (b[b.size() - 2] != p.k) return call.fail(Code::malformed, "inner sizes differ: {} against {}", p.k, b[b.size() - 2]);
  p.a_lead.assign(a.begin(), a.end() - 2);
  p.b_lead.assign(b.begin(), b.end() - 2);
  KOINON_TRY(p.batch, broadcast(call, p.a_lead, p.b_lead));
  p.out = p.batch;
  if (!row) p.out.push_back(p.m);
  if (!column) p.out.push_back(p.n);
  return p;
}

Result<Window> window_of(const Call& call, const Layout& at) {
  const auto& w = call.shape(at.b);
  if (w.size() < 3) return call.fail(Code::malformed, "weights of shape {}", tensor::shape_text(w));
  const std::vector<std::int64_t> kernel(w.begin() + 2, w.end());
  if (call.integers("kernel_shape", kernel) != kernel)
    return call.fail(Code::malformed, "kernel_shape differs from the weights");
  const auto& x = call.shape(at.a);
  const auto groups = call.integer("group", 1);
  if (x.size() != w.size() || groups < 1 || x[1] % groups != 0 || w[0] % groups != 0 || w[1] != x[1] / groups)
    return call.fail(Code::malformed, "input {} and weights {} with {} groups", tensor::shape_text(x), tensor::shape_text(w),
                     groups);
  return read_window(call, x, kernel);
}

Status check_types(const Call& call, const Layout& at) {
  for (auto i : {at.a, at.b}) {
    const auto element = call.type(i).element;
    if (element != Element::u8 && element != Element::i8)
      return call.fail(Code::unsupported, "input {} of {}: 8-bit integers expected", i, onnx::element_name(element));
  }
  for (auto i : {at.a_zero, at.b_zero, at.y_zero})
    if (call.has(i) && onnx::is_float(call.type(i).element)) return call.fail(Code::malformed, "a float zero point");
  return {};
}

Result<std::vector<Type>> infer(const Call& call) {
  const auto& at = layout(call);
  KOINON_CHECK(check_types(call, at));
  const auto element = at.scaled ? call.type(at.y_zero).element : Element::i32;
  std::int64_t channels = 0, rows = 0;
  Type out{element, {}};
  if (at.convolution) {
    KOINON_TRY(const auto window, window_of(call, at));
    out.shape = {call.shape(at.a)[0], call.shape(at.b)[0]};
    out.shape.insert(out.shape.end(), window.out.begin(), window.out.end());
    channels = call.shape(at.b)[0];
    rows = 1;
  } else {
    KOINON_TRY(const auto p, product_of(call, at));
    out.shape = p.out;
    channels = p.n;
    rows = p.m;
  }
  const auto sized = [&](std::size_t i, std::int64_t n) {
    return !call.has(i) || onnx::count(call.shape(i)) == 1 || call.shape(i) == Shape{n};
  };
  if (!sized(at.a_zero, rows) || !sized(at.b_zero, channels) || !sized(at.a_scale, 1) || !sized(at.b_scale, channels) ||
      !sized(at.y_scale, 1) || !sized(at.y_zero, 1) || (call.has(at.bias) && call.shape(at.bias) != Shape{channels}))
    return call.fail(Code::malformed, "scales or zero points that fit neither the tensor nor its channels");
  return std::vector<Type>{out};
}

/// An operand less its zero points, in double, along `axis` counted from the end when negative.
Value less_zero(const Call& call, std::size_t x, std::size_t zero, std::size_t axis) {
  Value out = call.value(x);
  if (!call.has(zero)) return out;
  const auto& zeros = call.value(zero).ints;
  const auto inner = onnx::count({out.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, out.shape.end()});
  for (std::size_t i = 0; i < out.ints.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i) / inner % out.shape[axis];
    out.ints[i] -= zeros[zeros.size() == 1 ? 0 : static_cast<std::size_t>(place)];
  }
  return out;
}

/// Axis that a zero point for each row of a (or column of b) runs along.
std::size_t a_axis(const Call& call, const Layout& at) {
  const auto rank = call.shape(at.a).size();
  return at.convolution || rank < 2 ? 0 : rank - 2;
}
std::size_t b_axis(const Call& call, const Layout& at) { return at.convolution ? 0 : call.shape(at.b).size() - 1; }
/// Axis of the result that has the channels of b.
std::size_t y_axis(const Call& call, const Layout& at) { return at.convolution ? 1 : call.output_type(0).shape.size() - 1; }

std::vector<std::int64_t> matrix_sums(const Product& p, const Value& a, const Value& b) {
  std::vector<std::int64_t> out;
  const auto own = [](const Shape& lead, const Shape& batch, std::int64_t size) {
    auto strides = broadcast_strides(lead, batch);
    for (auto& s : strides) s *= size;
    return strides;
  };
  std::vector<std::size_t> b_at;
  walk(p.batch, own(p.b_lead, p.batch, p.k * p.n), 0, [&](std::size_t, std::size_t offset) { b_at.push_back(offset); });
  walk(p.batch, own(p.a_lead, p.batch, p.m * p.k), 0, [&](std::size_t i, std::size_t offset) {
    for (std::int64_t r = 0; r < p.m; ++r)
      for (std::int64_t c = 0; c < p.n; ++c) {
        std::int64_t sum = 0;
        for (std::int64_t l = 0; l < p.k; ++l)
          sum +=
              a.ints[offset + static_cast<std::size_t>(r * p.k + l)] * b.ints[b_at[i] + static_cast<std::size_t>(l * p.n + c)];
        out.push_back(sum);
      }
  });
  return out;
}

std::vector<std::int64_t> window_sums(const Call& call, const Window& at, const Value& x, const Value& w,
                                      const Shape& out_shape) {
  std::vector<std::int64_t> out;
  const auto in = strides_of(at.in), taps = strides_of(at.kernel), places = strides_of(at.out);
  const auto plane = onnx::count(at.in), area = onnx::count(at.out), count = onnx::count(at.kernel);
  const auto per_group = out_shape[1] / call.integer("group", 1);
  for (std::int64_t i = 0; i < onnx::count(out_shape); ++i) {
    const auto p = i % area, o = i / area % out_shape[1], n = i / area / out_shape[1];
    std::int64_t sum = 0;
    for (std::int64_t t = 0; t < count; ++t) {
      std::int64_t offset = 0;
      bool inside = true;
      for (std::size_t d = 0; d < at.in.size(); ++d) {
        const auto place = at.position(d, p / places[d] % at.out[d], t / taps[d] % at.kernel[d]);
        inside = inside && place >= 0 && place < at.in[d];
        offset += place * in[d];
      }
      for (std::int64_t c = 0; inside && c < w.shape[1]; ++c)
        sum += x.ints[static_cast<std::size_t>((n * x.shape[1] + o / per_group * w.shape[1] + c) * plane + offset)] *
               w.ints[static_cast<std::size_t>((o * w.shape[1] + c) * count + t)];
    }
    out.push_back(sum);
  }
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  const auto& at = layout(call);
  const auto a = less_zero(call, at.a, at.a_zero, a_axis(call, at)), b = less_zero(call, at.b, at.b_zero, b_axis(call, at));
  Value y = Value::zeros(call.output_type(0));
  if (at.convolution) {
    KOINON_TRY(const auto window, window_of(call, at));
    y.ints = window_sums(call, window, a, b, y.shape);
  } else {
    KOINON_TRY(const auto p, product_of(call, at));
    y.ints = matrix_sums(p, a, b);
  }
  if (!at.scaled) return std::vector<Value>{std::move(y)};
  const auto limits = element_range(y.element);
  const auto inner =
      y.shape.empty() ? 1 : onnx::count({y.shape.begin() + static_cast<std::ptrdiff_t>(y_axis(call, at)) + 1, y.shape.end()});
  const auto channels = onnx::count(call.shape(at.b_scale));
  for (std::size_t i = 0; i < y.ints.size(); ++i) {
    const auto c = channels == 1 ? 0 : static_cast<std::int64_t>(i) / inner % channels;
    auto sum = y.ints[i];
    if (call.has(at.bias))
      sum += call.value(at.bias).ints[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % y.shape[1])];
    const double ratio = call.value(at.a_scale).real(0) * call.value(at.b_scale).real(c) / call.value(at.y_scale).real(0);
    const double q = round_even(static_cast<double>(sum) * ratio) + call.value(at.y_zero).real(0);
    y.ints[i] = std::clamp(onnx::saturate(q), limits.low, limits.high);
  }
  return std::vector<Value>{std::move(y)};
}

/// The exact sums, in ONNX's layout.
Result<Ref> sums(const Call& call, Lowering& to, const Layout& at) {
  KOINON_TRY(const auto a, centred(call, to, at.a, at.a_zero, a_axis(call, at)));
  KOINON_TRY(const auto w, centred(call, to, at.b, at.b_zero, b_axis(call, at)));
  auto& b = to.builder();
  const auto& out = call.output_type(0).shape;
  if (at.convolution) {
    KOINON_TRY(const auto window, window_of(call, at));
    if (window.kernel.size() > 3) return call.fail(Code::unsupported, "{} spatial axes: 1 to 3 expected", window.kernel.size());
    std::vector<std::int64_t> order{0}, back{0, static_cast<std::int64_t>(out.size()) - 1};
    for (std::size_t i = 2; i < out.size(); ++i) {
      order.push_back(static_cast<std::int64_t>(i));
      back.push_back(static_cast<std::int64_t>(i) - 1);
    }
    order.push_back(1);
    std::optional<Ref> bias;
    if (call.has(at.bias)) {
      KOINON_TRY(const auto given, to.in(call, at.bias));
      bias = given.ref;
    }
    const program::ConvParams params{call.integer("group", 1), window.strides, window.dilations, window.begin, window.end};
    const auto data = b.transpose(a, order);
    const auto weights = b.transpose(w, order);
    return b.transpose(long_conv(to, data, weights, params, bias), back);
  }
  KOINON_TRY(const auto p, product_of(call, at));
  const auto full = [&](Ref x, const Shape& lead, std::int64_t rows, std::int64_t columns) {
    Shape shape = lead, wide = p.batch;
    shape.insert(shape.end(), {rows, columns});
    wide.insert(wide.end(), {rows, columns});
    shape.insert(shape.begin(), wide.size() - shape.size(), 1);
    x = b.reshape(x, shape);
    return shape == wide ? x : b.broadcast(x, wide);
  };
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < p.batch.size() + 2; ++i) order.push_back(static_cast<std::int64_t>(i));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  const auto right = b.transpose(full(w, p.b_lead, p.k, p.n), order);
  return b.reshape(long_matmul(to, full(a, p.a_lead, p.m, p.k), right), out);
}

Status lower(const Call& call, Lowering& to) {
  const auto& at = layout(call);
  if (!at.scaled) {
    KOINON_TRY(const auto acc, sums(call, to, at));
    return to.set_whole(call, acc);
  }
  KOINON_TRY(const auto a, read_grid(call, at.a_scale, at.a_zero, 0, 1));
  KOINON_TRY(const auto w, read_grid(call, at.b_scale, at.b_zero, 0, onnx::count(call.shape(at.b_scale))));
  KOINON_TRY(const auto y, read_grid(call, at.y_scale, at.y_zero, 0, 1));
  KOINON_TRY(const auto acc, sums(call, to, at));
  std::vector<double> ratios;
  for (double s : w.scales) ratios.push_back(a.scale(0) * s / y.scale(0));
  return quantise_to(call, to, acc, call.output_type(0).shape, y_axis(call, at), ratios, {y.zero(0)});
}

constexpr Operator kOperators[] = {{"MatMulInteger", 10, kNewest, 2, 4, infer, compute, lower},
                                   {"ConvInteger", 10, kNewest, 2, 4, infer, compute, lower},
                                   {"QLinearMatMul", 10, kNewest, 8, 8, infer, compute, lower},
                                   {"QLinearConv", 10, kNewest, 8, 9, infer, compute, lower}};

}  // namespace

std::span<const Operator> qlinear_operators() { return kOperators; }

}  // namespace koinon::engine::operators
