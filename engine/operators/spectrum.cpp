#include <algorithm>
#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// DFT and STFT, which become products with matrices of cosines, and what is only ever constant: HannWindow, HammingWindow,
// BlackmanWindow and MelWeightMatrix.
namespace koinon::engine::operators {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr std::int64_t kMaxLength = 1 << 14;

Result<std::int64_t> whole_input(const Call& call, std::size_t i, std::string_view what, std::int64_t low, std::int64_t high) {
  KOINON_TRY(const auto list, call.constant_integers(i, what));
  if (list.size() != 1 || list[0] < low || list[0] > high)
    return call.fail(Code::out_of_range, "its {}: one number of {} to {} expected", what, low, high);
  return list[0];
}

struct Transform {
  std::size_t axis = 1;
  std::int64_t n = 1;     ///< length of the transform
  std::int64_t kept = 1;  ///< elements of the signal that it sees
  std::int64_t out = 1;   ///< frequencies
  bool complex = false, inverse = false;
};

Result<Transform> transform(const Call& call) {
  const auto& x = call.shape(0);
  if (x.size() < 2 || (x.back() != 1 && x.back() != 2) || !onnx::is_float(call.type(0).element))
    return call.fail(Code::malformed, "a signal of shape {}: real or complex parts last", tensor::shape_text(x));
  Transform t;
  std::int64_t axis = call.opset() < 20 ? 1 : -2;
  if (call.opset() < 20) axis = call.integer("axis", 1);
  if (call.has(2)) {
    KOINON_TRY(axis, whole_input(call, 2, "axis", -8, 7));
  }
  KOINON_TRY(t.axis, call.axis(axis, x.size()));
  if (t.axis + 1 == x.size()) return call.fail(Code::malformed, "the axis of the parts");
  t.n = x[t.axis];
  if (call.has(1)) {
    KOINON_TRY(t.n, whole_input(call, 1, "length", 1, kMaxLength));
  }
  if (t.n < 1 || t.n > kMaxLength) return call.fail(Code::out_of_range, "a transform of {}: 1 to {}", t.n, kMaxLength);
  t.complex = x.back() == 2;
  t.inverse = call.integer("inverse", 0) != 0;
  t.kept = std::min(t.n, x[t.axis]);
  t.out = call.integer("onesided", 0) != 0 ? t.n / 2 + 1 : t.n;
  return t;
}

/// [kept * parts, out * 2]: what each part of each element adds to each part of each frequency.
std::vector<float> matrix(const Transform& t) {
  const std::int64_t parts = t.complex ? 2 : 1;
  std::vector<float> out(static_cast<std::size_t>(t.kept * parts * t.out * 2));
  const double scale = t.inverse ? 1 / static_cast<double>(t.n) : 1;
  for (std::int64_t i = 0; i < t.kept; ++i)
    for (std::int64_t k = 0; k < t.out; ++k) {
      const double angle = 2 * kPi * static_cast<double>(i * k % t.n) / static_cast<double>(t.n) * (t.inverse ? 1 : -1);
      const double c = math::cos(angle) * scale, s = math::sin(angle) * scale;
      const auto at = [&](std::int64_t part, std::int64_t to) {
        return static_cast<std::size_t>(((i * parts + part) * t.out + k) * 2 + to);
      };
      out[at(0, 0)] = static_cast<float>(c);
      out[at(0, 1)] = static_cast<float>(s);
      if (!t.complex) continue;
      out[at(1, 0)] = static_cast<float>(-s);
      out[at(1, 1)] = static_cast<float>(c);
    }
  return out;
}

// The axis goes to the end, beside the parts; then it is one product.
Status expand_dft(const Call& call, Expansion& to) {
  KOINON_TRY(const auto t, transform(call));
  Shape shape = call.shape(0);
  const auto rank = shape.size();
  std::vector<std::int64_t> order, back;
  for (std::size_t i = 0; i < rank; ++i)
    if (i != t.axis) order.push_back(static_cast<std::int64_t>(i));
  order.insert(order.end() - 1, static_cast<std::int64_t>(t.axis));
  for (std::size_t i = 0; i < rank; ++i) back.push_back(std::ranges::find(order, static_cast<std::int64_t>(i)) - order.begin());
  int x = call.input(0);
  if (t.kept < shape[t.axis]) x = to.slice(x, {0}, {t.kept}, {static_cast<std::int64_t>(t.axis)});
  const std::int64_t parts = t.complex ? 2 : 1;
  Shape flat, wide;
  for (std::size_t i = 0; i + 2 < rank; ++i) flat.push_back(shape[static_cast<std::size_t>(order[i])]);
  wide = flat;
  flat.push_back(t.kept * parts);
  wide.insert(wide.end(), {t.out, 2});
  x = to.reshape(to.transpose(x, order), flat);
  const int w = to.constant(Value::of_floats({t.kept * parts, t.out * 2}, matrix(t)));
  to.result(0, to.transpose(to.reshape(to.add("MatMul", {x, w}), wide), back));
  return {};
}

// Frames are windows of a convolution, whose filters are the rows of the transform, weighted.
Status expand_stft(const Call& call, Expansion& to) {
  const Shape shape = call.shape(0);
  if (shape.size() != 3 || (shape[2] != 1 && shape[2] != 2))
    return call.fail(Code::malformed, "a signal of shape {}", tensor::shape_text(shape));
  KOINON_TRY(const auto step, whole_input(call, 1, "frame step", 1, 1 << 20));
  if (call.has(2) && call.known(2) == nullptr) return call.fail(Code::unsupported, "its window must be constant");
  Transform t;
  t.n = call.has(2) ? call.value(2).size() : shape[1];
  if (call.has(3)) {
    KOINON_TRY(t.n, whole_input(call, 3, "frame length", 1, kMaxLength));
  }
  if (t.n < 1 || t.n > kMaxLength || t.n > shape[1] || (call.has(2) && call.value(2).size() != t.n))
    return call.fail(Code::out_of_range, "frames of {} over a signal of {}", t.n, shape[1]);
  t.kept = t.n;
  t.complex = shape[2] == 2;
  t.out = call.integer("onesided", 1) != 0 ? t.n / 2 + 1 : t.n;
  const auto parts = shape[2];
  const auto rows = matrix(t);
  Value filters = Value::zeros({Element::f32, {t.out * 2, parts, t.n}});
  for (std::int64_t f = 0; f < t.out * 2; ++f)
    for (std::int64_t p = 0; p < parts; ++p)
      for (std::int64_t i = 0; i < t.n; ++i) {
        const double weight = call.has(2) ? call.value(2).real(i) : 1;
        const auto from = static_cast<std::size_t>((i * parts + p) * t.out * 2 + f);
        filters.floats[static_cast<std::size_t>((f * parts + p) * t.n + i)] =
            static_cast<float>(static_cast<double>(rows[from]) * weight);
      }
  const auto frames = (shape[1] - t.n) / step + 1;
  const int y = to.add("Conv", {to.transpose(call.input(0), {0, 2, 1}), to.constant(std::move(filters))},
                       {{"strides", std::vector<std::int64_t>{step}}});
  to.result(0, to.reshape(to.transpose(y, {0, 2, 1}), {shape[0], frames, t.out, 2}));
  return {};
}

Result<std::vector<Type>> infer_window(const Call& call) {
  KOINON_TRY(const auto n, whole_input(call, 0, "size", 1, 1 << 24));
  const auto type = call.integer("output_datatype", 1);
  static_cast<void>(call.integer("periodic", 1));
  if (!onnx::is_float(static_cast<Element>(type))) return call.fail(Code::unsupported, "output_datatype {}", type);
  return std::vector<Type>{{static_cast<Element>(type), {n}}};
}

Result<std::vector<Value>> compute_window(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto& op = call.node().op;
  const bool hann = op == "HannWindow", blackman = op == "BlackmanWindow";
  const double a0 = hann       ? 0.5
                    : blackman ? 0.42
                               : 25.0 / 46.0,
               a1 = hann || blackman ? 0.5 : 21.0 / 46.0, a2 = blackman ? 0.08 : 0;
  const auto n = static_cast<double>(y.size()) - (call.integer("periodic", 1) != 0 ? 0 : 1);
  for (std::size_t i = 0; i < y.floats.size(); ++i) {
    const double at = n > 0 ? 2 * kPi * static_cast<double>(i) / n : 0;
    y.floats[i] = static_cast<float>(a0 - a1 * math::cos(at) + a2 * math::cos(2 * at));
  }
  return std::vector<Value>{std::move(y)};
}

struct Mel {
  std::int64_t bins, length, rate;
  double low, high;
};

Result<Mel> mel(const Call& call) {
  Mel m{};
  KOINON_TRY(m.bins, whole_input(call, 0, "number of bins", 1, 1 << 16));
  KOINON_TRY(m.length, whole_input(call, 1, "transform length", 1, 1 << 16));
  KOINON_TRY(m.rate, whole_input(call, 2, "sample rate", 1, 1 << 30));
  for (std::size_t i : {3U, 4U})
    if (call.known(i) == nullptr || call.value(i).size() != 1)
      return call.fail(Code::unsupported, "its edges must be constant");
  m.low = call.value(3).real(0);
  m.high = call.value(4).real(0);
  if (!(m.low >= 0) || !(m.high > m.low) || m.high > 1e9)
    return call.fail(Code::out_of_range, "edges {} and {} hertz", m.low, m.high);
  return m;
}

Result<std::vector<Type>> infer_mel(const Call& call) {
  KOINON_TRY(const auto m, mel(call));
  const auto type = static_cast<Element>(call.integer("output_datatype", 1));
  if (!onnx::is_float(type)) return call.fail(Code::unsupported, "output_datatype {}", static_cast<int>(type));
  return std::vector<Type>{{type, {m.length / 2 + 1, m.bins}}};
}

// Triangles between neighbouring centres that lie evenly on the mel scale, at whole spectrogram bins.
Result<std::vector<Value>> compute_mel(const Call& call) {
  KOINON_TRY(const auto m, mel(call));
  Value y = Value::zeros(call.output_type(0));
  const double log10 = math::log(10.0);
  const auto to_mel = [&](double hertz) { return 2595 * math::log(1 + hertz / 700) / log10; };
  const double low = to_mel(m.low), step = (to_mel(m.high) - low) / static_cast<double>(m.bins + 2);
  std::vector<std::int64_t> centres;
  for (std::int64_t i = 0; i < m.bins + 2; ++i) {
    const double hertz = 700 * (math::exp((low + step * static_cast<double>(i)) / 2595 * log10) - 1);
    centres.push_back(onnx::saturate(std::floor(static_cast<double>(m.length + 1) * hertz / static_cast<double>(m.rate))));
  }
  const auto rows = y.shape[0];
  const auto set = [&](std::int64_t row, std::int64_t bin, double v) {
    if (row >= 0 && row < rows) y.floats[static_cast<std::size_t>(row * m.bins + bin)] = static_cast<float>(v);
  };
  for (std::int64_t i = 0; i < m.bins; ++i) {
    const auto a = centres[static_cast<std::size_t>(i)], b = centres[static_cast<std::size_t>(i) + 1],
               c = centres[static_cast<std::size_t>(i) + 2];
    if (a == b) set(b, i, 1);
    for (auto j = a; j <= std::min(b, rows) && a != b; ++j) set(j, i, static_cast<double>(j - a) / static_cast<double>(b - a));
    for (auto j = b; j < std::min(c, rows) && b != c; ++j) set(j, i, static_cast<double>(c - j) / static_cast<double>(c - b));
  }
  return std::vector<Value>{std::move(y)};
}

constexpr Operator kOperators[] = {{"DFT", 17, kNewest, 1, 3, nullptr, nullptr, nullptr, false, expand_dft},
                                   {"STFT", 17, kNewest, 2, 4, nullptr, nullptr, nullptr, false, expand_stft},
                                   {"HannWindow", 17, kNewest, 1, 1, infer_window, compute_window, nullptr},
                                   {"HammingWindow", 17, kNewest, 1, 1, infer_window, compute_window, nullptr},
                                   {"BlackmanWindow", 17, kNewest, 1, 1, infer_window, compute_window, nullptr},
                                   {"MelWeightMatrix", 17, kNewest, 5, 5, infer_mel, compute_mel, nullptr}};

}  // namespace

std::span<const Operator> spectrum_operators() { return kOperators; }

}  // namespace koinon::engine::operators
