#include "engine/operators/lowering.hpp"

#include <algorithm>
#include <cmath>

#include "engine/operators/integer_range.hpp"

namespace koinon::engine::operators {

namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Nearest whole number, ties up; saturates.
std::int64_t nearest(double v) { return onnx::saturate(std::floor(v + 0.5)); }

/// A call whose constant inputs are known.
Call call_of(const onnx::Graph& graph, const onnx::Node& node) {
  std::vector<const Value*> values;
  for (int v : node.inputs) {
    const bool constant = v != onnx::kAbsent && graph.values[at(v)].constant;
    values.push_back(constant ? &*graph.values[at(v)].constant : nullptr);
  }
  return Call(graph, node, std::move(values));
}

/// M in [1, 2^15) and s in [1, 62] with M / 2^s nearest to a ratio in (0, 2^14).
std::pair<std::int16_t, std::int8_t> multiplier(double ratio) {
  int exponent = 0;
  const double fraction = std::frexp(ratio, &exponent);  // in [1/2, 1)
  auto m = nearest(fraction * 32768);
  int shift = 15 - exponent;
  if (m == 32768) {
    m = 16384;
    --shift;
  }
  if (shift > 62) {
    m = shift - 62 > 15 ? 0 : m >> (shift - 62);
    shift = 62;
  }
  return {static_cast<std::int16_t>(std::max<std::int64_t>(m, 1)), static_cast<std::int8_t>(shift)};
}

std::vector<std::int64_t> to_last(std::size_t rank) {
  std::vector<std::int64_t> order{0};
  for (std::size_t i = 2; i < rank; ++i) order.push_back(static_cast<std::int64_t>(i));
  order.push_back(1);
  return order;
}

Shape permuted(const Shape& shape, const std::vector<std::int64_t>& order) {
  Shape out;
  for (auto i : order) out.push_back(shape[static_cast<std::size_t>(i)]);
  return out;
}

/// True when moving the channels changes no element's place: one channel, or one position.
bool trivial(const Shape& shape) { return shape[1] == 1 || onnx::count({shape.begin() + 2, shape.end()}) == 1; }

DType narrowest(std::int64_t low, std::int64_t high) {
  for (auto type : {DType::i8, DType::i16, DType::i32})
    if (low >= tensor::dtype_low(type) && high <= tensor::dtype_high(type)) return type;
  return DType::i64;
}

}  // namespace

bool ends_in_emit(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Add", "Sub", "Mul", "Div", "Conv", "Gemm", "MatMul", "BatchNormalization"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

Lowering::Lowering(const onnx::Graph& graph, std::vector<Target> targets, Precision precision)
    : graph_(graph), targets_(std::move(targets)), precision_(std::move(precision)) {
  find_fused();
}

void Lowering::find_fused() {
  std::map<int, int> uses;
  for (const auto& node : graph_.nodes)
    for (int v : node.inputs) ++uses[v];
  for (int v : graph_.outputs) ++uses[v];
  std::map<int, const onnx::Node*> linear;
  for (const auto& node : graph_.nodes) {
    const auto call = call_of(graph_, node);
    if (const auto clamp = clamp_of(call); clamp && linear.contains(node.inputs[0]) && uses[node.inputs[0]] == 1)
      fused_[node.inputs[0]] = {node.outputs[0], clamp->first, clamp->second};
    if (ends_in_emit(node.op)) linear[node.outputs[0]] = &node;
  }
}

Status Lowering::set_value(int value, Quantised q) {
  if (builder_.error()) return base::fail(*builder_.error());
  lowered_[value] = std::move(q);
  return {};
}

Status Lowering::run() {
  for (int v : graph_.inputs) {
    const auto& info = graph_.values[at(v)];
    if (!onnx::is_float(info.type.element)) {
      const auto range = integer_range(graph_, v);
      const auto ref =
          builder_.input(info.name, {narrowest(range.low, range.high), info.type.shape}, Scale{}, range.low, range.high);
      KOINON_CHECK(set_value(v, {ref, Scale{}, info.type.shape, false}));
      continue;
    }
    const auto type = target(v).dtype() == DType::i32 ? DType::i32 : dtype();
    const auto ref = builder_.input(info.name, {type, info.type.shape}, target(v).scale, target(v).low, target(v).high);
    KOINON_CHECK(set_value(v, {ref, target(v).scale, info.type.shape, false}));
  }
  for (const auto& node : graph_.nodes) {
    if (lowered_.contains(node.outputs[0])) continue;  // fused into the node before it
    const auto call = call_of(graph_, node);
    node_ = &node;
    KOINON_TRY(const auto* op, find_operator(call));
    if (op->lower == nullptr) return call.fail(Code::unsupported, "its operands must be constant");
    auto done = op->lower(call, *this);
    if (done && builder_.error()) done = base::fail(*builder_.error());
    if (!done) {
      auto error = std::move(done).error();
      if (error.text.find("node '") != std::string::npos) return base::fail(std::move(error));
      return base::fail(std::move(error).within(fmt::format("[quantise] {}", onnx::node_text(node))));
    }
  }
  for (int v : graph_.outputs) {
    const auto found = lowered_.find(v);
    if (found == lowered_.end())
      return base::fail(Code::unsupported, "[quantise] output '{}' does not depend on any input", graph_.values[at(v)].name);
    builder_.output(graph_.values[at(v)].name, plain(found->second), found->second.scale);
  }
  if (builder_.error()) return base::fail(*builder_.error());
  return {};
}

Result<Quantised> Lowering::in(const Call& call, std::size_t i) {
  if (const auto found = lowered_.find(call.input(i)); found != lowered_.end()) return found->second;
  const Value* value = call.known(i);
  if (value == nullptr) return call.fail(Code::internal, "input {} is not lowered", i);
  if (!onnx::is_float(value->element)) {
    const auto [low, high] = std::ranges::minmax_element(value->ints);
    if (value->ints.empty()) return call.fail(Code::unsupported, "input {} is empty", i);
    IntTensor data = IntTensor::zeros(narrowest(*low, *high), value->shape);
    for (std::size_t k = 0; k < value->ints.size(); ++k) data.set(static_cast<std::int64_t>(k), value->ints[k]);
    return Quantised{builder_.weight(std::move(data)), Scale{}, value->shape, false};
  }
  auto [data, scale] = whole(*value, weight_bits());
  KOINON_TRY(const auto exact, Scale::from(scale));
  return Quantised{builder_.weight(std::move(data)), exact, value->shape, false};
}

Ref Lowering::plain(const Quantised& x) {
  if (!x.channels_last) return x.ref;
  if (trivial(x.shape)) return builder_.reshape(x.ref, x.shape);
  std::vector<std::int64_t> order{0, static_cast<std::int64_t>(x.shape.size()) - 1};
  for (std::size_t i = 2; i < x.shape.size(); ++i) order.push_back(static_cast<std::int64_t>(i) - 1);
  return builder_.transpose(x.ref, order);
}

Ref Lowering::channels_last(const Quantised& x) {
  if (x.channels_last) return x.ref;
  const auto order = to_last(x.shape.size());
  if (trivial(x.shape)) return builder_.reshape(x.ref, permuted(x.shape, order));
  return builder_.transpose(x.ref, order);
}

Ref Lowering::rescale(Ref x, const std::vector<double>& ratios, std::int64_t low, std::int64_t high,
                      std::optional<DType> dtype) {
  // A ratio of 2^14 or more has no multiplier: shift the accumulator up first.
  const double top = *std::ranges::max_element(ratios);
  int up = 0;
  while (std::ldexp(top, -up) >= 8192 && up < 40) ++up;
  if (up > 0) x = builder_.shift(x, up, DType::i64);
  const auto n = static_cast<std::int64_t>(ratios.size());
  if (builder_.error()) return {};
  const Shape shape = builder_.info(x).shape.empty() ? Shape{} : Shape{n};
  IntTensor m = IntTensor::zeros(DType::i16, shape), s = IntTensor::zeros(DType::i8, shape);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto [factor, shift] = multiplier(std::ldexp(ratios[static_cast<std::size_t>(i)], -up));
    m.set(i, factor);
    s.set(i, shift);
  }
  const Ref factors = builder_.weight(std::move(m));  // one after the other: compilers differ in the order of arguments
  const Ref shifts = builder_.weight(std::move(s));
  return builder_.requantise(x, factors, shifts, low, high, dtype);
}

Status Lowering::emit(const Call& call, Ref acc, const std::vector<double>& scales, bool channels_last, double low,
                      double high) {
  if (builder_.error()) return base::fail(*builder_.error());
  int value = call.output(0);
  if (const auto fused = fused_.find(value); fused != fused_.end()) {
    value = fused->second.output;
    low = std::max(low, fused->second.low);
    high = std::min(high, fused->second.high);
  }
  const auto& to = target(value);
  const double unit = to.scale.real();
  std::vector<double> ratios;
  for (auto s : scales) ratios.push_back(s / unit);
  const auto floor = std::max(to.low, nearest(std::max(low / unit, -1e9)));
  const auto ceiling = std::min(to.high, nearest(std::min(high / unit, 1e9)));
  const auto ref = rescale(acc, ratios, std::min(floor, ceiling), ceiling, to.dtype());
  const Quantised q{ref, to.scale, call.output_type(0).shape, channels_last};
  KOINON_CHECK(set_value(value, q));
  return {};
}

Status Lowering::set(const Call& call, Ref ref, Scale scale, bool channels_last, std::size_t output) {
  if (builder_.error()) return base::fail(*builder_.error());
  if (output >= call.outputs() || call.output(output) == onnx::kAbsent) return {};
  return set_value(call.output(output), {ref, scale, call.output_type(output).shape, channels_last});
}

Status Lowering::set_whole(const Call& call, Ref ref, bool channels_last, std::size_t output) {
  if (builder_.error()) return base::fail(*builder_.error());
  if (output >= call.outputs() || call.output(output) == onnx::kAbsent) return {};
  const auto limits = element_range(call.output_type(output).element);
  const auto range = builder_.range(ref);
  const bool narrow = limits.high < std::int64_t{1} << 32;
  if (narrow && (range.low < limits.low || range.high > limits.high)) {
    // limits.low + (x - limits.low) mod 2^bits
    const auto one = [&](std::int64_t v) {
      IntTensor data = IntTensor::zeros(narrowest(v, v), {});
      data.set(0, v);
      return builder_.weight(std::move(data));
    };
    const auto low = one(limits.low), span = one(limits.high - limits.low + 1);
    const auto above = builder_.sub(ref, low);
    ref = builder_.add(builder_.divide(above, span).second, low);
    if (builder_.error()) return base::fail(*builder_.error());
  }
  const auto reach = builder_.range(ref);
  const auto type = narrowest(reach.low, reach.high);
  if (builder_.info(ref).dtype != type) ref = builder_.shift(ref, 0, type);
  return set(call, ref, Scale{}, channels_last, output);
}

Status Lowering::table(const Call& call, const std::function<double(double)>& f) {
  KOINON_TRY(const auto x, in(call, 0));
  if (builder_.error()) return base::fail(*builder_.error());
  const auto range = builder_.range(x.ref);
  const auto entries = range.high - range.low + 1;
  if (entries > 65536) return call.fail(Code::unsupported, "a table of {} entries: at most 65536", entries);
  const auto& to = target(call.output(0));
  IntTensor data = IntTensor::zeros(to.dtype(), {entries});
  for (std::int64_t i = 0; i < entries; ++i) {
    const double y = f(static_cast<double>(range.low + i) * x.scale.real()) / to.scale.real();
    data.set(i, std::clamp(nearest(y), to.low, to.high));
  }
  const auto ref = builder_.lookup(x.ref, builder_.table(std::move(data)), range.low);
  return set(call, ref, to.scale, x.channels_last);
}

int Lowering::weight_bits() const {
  const auto found = node_ == nullptr ? precision_.weights_of.end() : precision_.weights_of.find(node_->outputs[0]);
  return found == precision_.weights_of.end() ? precision_.weights : found->second;
}

int Lowering::finer() const {
  int bits = 8;
  while (precision_.accumulator > 0 && bits > 0 && 2 * limit() << bits > precision_.accumulator) --bits;
  return bits;
}

double Lowering::row_scale(std::span<const float> row, double bias, double input_scale) const {
  const auto limit = limit_of(weight_bits());
  double top = 0;
  for (float w : row) top = std::max(top, std::fabs(static_cast<double>(w)));
  double scale = top / static_cast<double>(limit);
  // A bias that dwarfs its row would leave 32 bits: give the row coarser units.
  scale = std::max(scale, std::fabs(bias) / (input_scale * 0x1p30));
  if (!(scale > 1e-30)) return 1e-30;
  if (precision_.accumulator == 0 || node_ == nullptr) return scale;
  // Coarser until the sum keeps inside, whatever the inputs; zeros around a convolution's input join its range.
  const auto x =
      lowered_.contains(node_->inputs[0]) ? builder_.range(lowered_.at(node_->inputs[0]).ref) : program::Range{-limit, limit};
  const double low = static_cast<double>(std::min<std::int64_t>(x.low, 0));
  const double high = static_cast<double>(std::max<std::int64_t>(x.high, 0));
  const auto most = static_cast<double>(precision_.accumulator);
  for (int round = 0; round < 1000; ++round) {
    double up = 0, down = 0;
    for (float w : row) {
      const double q =
          std::clamp(std::floor(static_cast<double>(w) / scale + 0.5), -static_cast<double>(limit), static_cast<double>(limit));
      up += q > 0 ? q * high : q * low;
      down += q > 0 ? q * low : q * high;
    }
    const double offset = std::floor(bias / (input_scale * scale) + 0.5);
    const double reach = std::max(up + offset, -(down + offset));
    if (reach <= most) break;
    scale *= std::max(1.001, reach / most * 0.999);
  }
  return scale;
}

Rows Lowering::rows(const std::vector<float>& weights, const Shape& shape, const std::vector<double>& bias,
                    double input_scale) const {
  Rows out;
  const auto count = static_cast<std::size_t>(shape[0]);
  const auto width = weights.size() / std::max<std::size_t>(count, 1);
  const auto limit = limit_of(weight_bits());
  out.weights = IntTensor::zeros(weight_bits() <= 8 ? DType::i8 : DType::i16, shape);
  if (!bias.empty()) out.bias = IntTensor::zeros(DType::i32, {shape[0]});
  for (std::size_t r = 0; r < count; ++r) {
    const double scale = row_scale(std::span(weights).subspan(r * width, width), bias.empty() ? 0 : bias[r], input_scale);
    for (std::size_t i = 0; i < width; ++i) {
      const auto q = nearest(static_cast<double>(weights[r * width + i]) / scale);
      out.weights.set(static_cast<std::int64_t>(r * width + i), std::clamp(q, -limit, limit));
    }
    out.scale.push_back(input_scale * scale);
    if (!bias.empty())
      out.bias->set(static_cast<std::int64_t>(r), nearest(std::clamp(bias[r] / out.scale[r], -0x1p30, 0x1p30)));
  }
  return out;
}

std::pair<IntTensor, double> Lowering::whole(const Value& value, int bits) {
  const auto limit = (std::int64_t{1} << (bits - 1)) - 1;
  double top = 0;
  for (float v : value.floats) top = std::max(top, std::fabs(static_cast<double>(v)));
  if (!(top > 1e-30) || !std::isfinite(top)) top = 1;
  const double scale = top / static_cast<double>(limit);
  IntTensor data = IntTensor::zeros(bits <= 8 ? DType::i8 : bits <= 16 ? DType::i16 : DType::i32, value.shape);
  for (std::size_t i = 0; i < value.floats.size(); ++i)
    data.set(static_cast<std::int64_t>(i), std::clamp(nearest(static_cast<double>(value.floats[i]) / scale), -limit, limit));
  return {std::move(data), scale};
}

Result<Ref> Lowering::units(const Call& call, const Value& value, double unit) {
  double top = 0;
  for (float v : value.floats) top = std::max(top, std::fabs(static_cast<double>(v) / unit));
  if (!(top < 0x1p46)) return call.fail(Code::out_of_range, "a constant of {} units: below 2^46 expected", top);
  const auto type = top < 0x1p30 ? DType::i32 : DType::i64;
  IntTensor data = IntTensor::zeros(type, value.shape);
  for (std::size_t i = 0; i < value.floats.size(); ++i)
    data.set(static_cast<std::int64_t>(i), nearest(static_cast<double>(value.floats[i]) / unit));
  return builder_.weight(std::move(data));
}

}  // namespace koinon::engine::operators
