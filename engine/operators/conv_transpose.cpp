#include <algorithm>

#include "engine/operators/fixed.hpp"
#include "engine/operators/long_sums.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// ConvTranspose: x [n, c, spatial...] with w [c, o / group, kernel...] and an optional bias [o]. Element i of an axis adds
// x[i] * w[t] to element i * stride + t * dilation - pad of the result.
namespace koinon::engine::operators {

namespace {

constexpr std::int64_t kMaxStep = 1 << 20;

/// One entry for each spatial axis.
struct Spread {
  std::vector<std::int64_t> in, kernel, strides, dilations, begin, out;
  std::int64_t groups = 1;
};

Result<std::vector<std::int64_t>> list(const Call& call, const char* name, std::size_t size, std::int64_t fill,
                                       std::int64_t low) {
  auto out = call.integers(name, std::vector<std::int64_t>(size, fill));
  if (out.size() != size) return call.fail(Code::malformed, "{} {}: {} expected", out.size(), name, size);
  for (auto v : out)
    if (v < low || v > kMaxStep) return call.fail(Code::out_of_range, "{} hold {}: {} to {} expected", name, v, low, kMaxStep);
  return out;
}

/// Output sizes and the padding before, from pads, or from output_shape or auto_pad, which say what the padding must be.
Status place(const Call& call, Spread& s) {
  const auto d = s.kernel.size();
  KOINON_TRY(const auto pads, list(call, "pads", 2 * d, 0, 0));
  KOINON_TRY(const auto extra, list(call, "output_padding", d, 0, 0));
  const auto automatic = call.text("auto_pad", "NOTSET");
  const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!same && automatic != "NOTSET" && automatic != "VALID") return call.fail(Code::malformed, "auto_pad '{}'", automatic);
  auto wanted = call.integers("output_shape");
  if (wanted.size() == d + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty() && wanted.size() != d)
    return call.fail(Code::malformed, "{} output sizes: {} expected", wanted.size(), d);
  for (std::size_t i = 0; i < d; ++i) {
    const auto reach = s.strides[i] * (s.in[i] - 1) + extra[i] + (s.kernel[i] - 1) * s.dilations[i] + 1;
    auto begin = automatic == "NOTSET" ? pads[i] : 0;
    auto out = reach - begin - (automatic == "NOTSET" ? pads[d + i] : 0);
    if (!wanted.empty() || same) {
      out = wanted.empty() ? s.in[i] * s.strides[i] : wanted[i];
      const auto total = std::max<std::int64_t>(0, reach - out);
      begin = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    }
    if (out < 1 || out > kMaxStep) return call.fail(Code::malformed, "axis {}: {} output elements", i, out);
    s.begin.push_back(begin);
    s.out.push_back(out);
  }
  return {};
}

Result<Spread> spread(const Call& call) {
  const auto &x = call.shape(0), &w = call.shape(1);
  if (x.size() < 3 || w.size() != x.size())
    return call.fail(Code::malformed, "input {} and weights {}", tensor::shape_text(x), tensor::shape_text(w));
  for (std::size_t i = 0; i < call.inputs(); ++i)
    if (call.has(i) && !onnx::is_float(call.type(i).element)) return call.fail(Code::unsupported, "integer tensors");
  Spread s;
  s.groups = call.integer("group", 1);
  s.in.assign(x.begin() + 2, x.end());
  s.kernel.assign(w.begin() + 2, w.end());
  if (s.groups < 1 || w[0] != x[1] || x[1] % s.groups != 0 ||
      std::ranges::any_of(
          x, [](auto v) { return v < 1; }) ||
      std::ranges::any_of(w, [](auto v) { return v < 1 || v > kMaxStep; }))
    return call.fail(Code::malformed, "input {} and weights {} with {} groups", tensor::shape_text(x), tensor::shape_text(w),
                     s.groups);
  if (call.integers("kernel_shape", s.kernel) != s.kernel)
    return call.fail(Code::malformed, "kernel_shape differs from the weights");
  KOINON_TRY(s.strides, list(call, "strides", s.kernel.size(), 1, 1));
  KOINON_TRY(s.dilations, list(call, "dilations", s.kernel.size(), 1, 1));
  KOINON_CHECK(place(call, s));
  if (call.has(2) && call.shape(2) != Shape{w[1] * s.groups})
    return call.fail(Code::malformed, "bias of shape {}: [{}] expected", tensor::shape_text(call.shape(2)), w[1] * s.groups);
  return s;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto s, spread(call));
  Shape out{call.shape(0)[0], call.shape(1)[1] * s.groups};
  out.insert(out.end(), s.out.begin(), s.out.end());
  return std::vector<Type>{{call.type(0).element, out}};
}

/// For every pair of input place and tap whose target lies inside the output: offsets in the planes of x, w and y.
struct Hit {
  std::size_t x, w, y;
};

std::vector<Hit> hits(const Spread& s) {
  std::vector<Hit> out;
  const auto in = strides_of(s.in), taps = strides_of(s.kernel), to = strides_of(s.out);
  for (std::int64_t i = 0; i < onnx::count(s.in); ++i)
    for (std::int64_t t = 0; t < onnx::count(s.kernel); ++t) {
      std::int64_t offset = 0;
      bool inside = true;
      for (std::size_t d = 0; d < s.in.size(); ++d) {
        const auto at = i / in[d] % s.in[d] * s.strides[d] + t / taps[d] % s.kernel[d] * s.dilations[d] - s.begin[d];
        inside = inside && at >= 0 && at < s.out[d];
        offset += at * to[d];
      }
      if (inside) out.push_back({static_cast<std::size_t>(i), static_cast<std::size_t>(t), static_cast<std::size_t>(offset)});
    }
  return out;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto s, spread(call));
  const auto &x = call.value(0), &w = call.value(1);
  Value y = Value::zeros(call.output_type(0));
  const auto all = hits(s);
  const auto per_group = w.shape[1], channels = x.shape[1] / s.groups;
  const auto in = onnx::count(s.in), taps = onnx::count(s.kernel), area = onnx::count(s.out);
  std::vector<double> plane(static_cast<std::size_t>(area));
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t o = 0; o < y.shape[1]; ++o) {
      std::ranges::fill(plane, call.has(2) ? call.value(2).real(o) : 0.0);
      for (std::int64_t k = 0; k < channels; ++k) {
        const auto c = o / per_group * channels + k;
        const float* from = x.floats.data() + (n * x.shape[1] + c) * in;
        const float* weights = w.floats.data() + (c * per_group + o % per_group) * taps;
        for (const auto& h : all) plane[h.y] += static_cast<double>(from[h.x]) * static_cast<double>(weights[h.w]);
      }
      for (std::int64_t p = 0; p < area; ++p)
        y.floats[static_cast<std::size_t>((n * y.shape[1] + o) * area + p)] =
            static_cast<float>(plane[static_cast<std::size_t>(p)]);
    }
  return std::vector<Value>{std::move(y)};
}

/// x with stride - 1 zeros behind every element of every spatial axis but the last: [n, s..., c].
Ref stretch(Lowering& to, Ref x, const Shape& shape, const Spread& s) {
  if (std::ranges::all_of(s.strides, [](auto v) { return v == 1; })) return x;
  auto& b = to.builder();
  Shape split{shape[0]}, joined{shape[0]}, cut{shape[0]};
  std::vector<std::int64_t> after{0};
  for (std::size_t i = 0; i < s.in.size(); ++i) {
    split.insert(split.end(), {s.in[i], 1});
    after.insert(after.end(), {0, s.strides[i] - 1});
    joined.push_back(s.in[i] * s.strides[i]);
    cut.push_back((s.in[i] - 1) * s.strides[i] + 1);
  }
  for (auto* v : {&split, &joined, &cut}) v->push_back(shape[1]);
  after.push_back(0);
  const auto padded = b.pad(b.reshape(x, split), std::vector<std::int64_t>(split.size(), 0), after);
  return b.slice(b.reshape(padded, joined), std::vector<std::int64_t>(cut.size(), 0), std::vector<std::int64_t>(cut.size(), 1),
                 cut);
}

/// w [c, o / g, k...] as a convolution's [o, k..., c / g], every kernel reversed.
Value flipped(const Value& w, const Spread& s) {
  const auto own = strides_of(w.shape);
  const auto channels = w.shape[0] / s.groups;
  Shape shape{s.groups, w.shape[1]};
  std::vector<std::int64_t> strides{own[0] * channels, own[1]};
  std::int64_t last = 0;
  for (std::size_t i = 2; i < w.shape.size(); ++i) {
    shape.push_back(w.shape[i]);
    strides.push_back(-own[i]);
    last += own[i] * (w.shape[i] - 1);
  }
  shape.push_back(channels);
  strides.push_back(own[0]);
  auto out = pick(w, shape, strides, last);
  out.shape.erase(out.shape.begin());
  out.shape[0] = w.shape[1] * s.groups;
  return out;
}

/// The same for weights that are a value of the graph.
Ref flipped(Lowering& to, const Quantised& w, const Spread& s) {
  auto& b = to.builder();
  const auto rank = w.shape.size();
  std::vector<std::int64_t> starts(rank, 0), strides(rank, 1);
  for (std::size_t i = 2; i < rank; ++i) {
    starts[i] = w.shape[i] - 1;
    strides[i] = -1;
  }
  Shape grouped{s.groups, w.shape[0] / s.groups, w.shape[1]}, out{w.shape[1] * s.groups};
  std::vector<std::int64_t> order{0, 2};
  for (std::size_t i = 2; i < rank; ++i) {
    grouped.push_back(w.shape[i]);
    out.push_back(w.shape[i]);
    order.push_back(static_cast<std::int64_t>(i) + 1);
  }
  order.push_back(1);
  out.push_back(w.shape[0] / s.groups);
  return b.reshape(b.transpose(b.reshape(b.slice(to.plain(w), starts, strides, w.shape), grouped), order), out);
}

/// The stretched input, cut where padding is negative, and what the convolution pads.
struct Prepared {
  Ref x;
  program::ConvParams params;
};

Result<Prepared> prepare(const Call& call, Lowering& to, const Spread& s, const Quantised& x) {
  auto& b = to.builder();
  Prepared out{stretch(to, to.channels_last(x), x.shape, s),
               {s.groups, std::vector<std::int64_t>(s.kernel.size(), 1), s.dilations, {}, {}}};
  Shape cut{x.shape[0]};
  std::vector<std::int64_t> starts{0};
  for (std::size_t i = 0; i < s.kernel.size(); ++i) {
    const auto full = (s.in[i] - 1) * s.strides[i] + 1, reach = (s.kernel[i] - 1) * s.dilations[i];
    const auto before = reach - s.begin[i], after = s.out[i] + reach - full - before;
    out.params.pads_begin.push_back(std::max<std::int64_t>(before, 0));
    out.params.pads_end.push_back(std::max<std::int64_t>(after, 0));
    starts.push_back(std::max<std::int64_t>(-before, 0));
    cut.push_back(full - std::max<std::int64_t>(-before, 0) - std::max<std::int64_t>(-after, 0));
    if (cut.back() < 1) return call.fail(Code::unsupported, "axis {}: padding that leaves nothing of the input", i);
  }
  starts.push_back(0);
  cut.push_back(x.shape[1]);
  if (b.error()) return base::fail(*b.error());
  if (b.info(out.x).shape != cut) out.x = b.slice(out.x, starts, std::vector<std::int64_t>(cut.size(), 1), cut);
  return out;
}

// A convolution of the stretched input with the reversed kernel.
Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto s, spread(call));
  if (s.kernel.size() > 3) return call.fail(Code::unsupported, "{} spatial axes: 1 to 3 expected", s.kernel.size());
  KOINON_TRY(const auto x, to.in(call, 0));
  auto& b = to.builder();
  KOINON_TRY(const auto in, prepare(call, to, s, x));
  if (call.known(1) == nullptr || (call.has(2) && call.known(2) == nullptr)) {
    KOINON_TRY(const auto w, to.in(call, 1));
    Fixed y{long_conv(to, in.x, flipped(to, w, s), in.params), x.scale.real() * w.scale.real()};
    if (call.has(2)) {
      KOINON_TRY(const auto bias, to.in(call, 2));
      y = add_to(to, y, {to.plain(bias), bias.scale.real()});
    }
    return to.emit(call, y.ref, {y.unit}, true);
  }
  const auto w = flipped(call.value(1), s);
  std::vector<double> bias;
  for (std::int64_t o = 0; call.has(2) && o < w.shape[0]; ++o) bias.push_back(call.value(2).real(o));
  auto rows = to.rows(w.floats, w.shape, bias, x.scale.real());
  std::optional<Ref> added;
  if (rows.bias) added = b.weight(*std::move(rows.bias));
  return to.emit(call, long_conv(to, in.x, rows.weights, in.params, added), rows.scale, true);
}

constexpr Operator kOperators[] = {{"ConvTranspose", 1, kNewest, 2, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> conv_transpose_operators() { return kOperators; }

}  // namespace koinon::engine::operators
