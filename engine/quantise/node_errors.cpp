#include "engine/quantise/node_errors.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/run/execute.hpp"

namespace koinon::engine::quantise {

namespace {

using onnx::Value;
using operators::Quantised;
using tensor::IntTensor;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Place in ONNX's order of element i of a tensor with channels last.
std::int64_t place(const Quantised& q, std::int64_t i) {
  if (!q.channels_last) return i;
  std::int64_t plane = 1;
  for (std::size_t d = 2; d < q.shape.size(); ++d) plane *= q.shape[d];
  const auto channels = q.shape[1], n = i / (plane * channels), rest = i % (plane * channels);
  return n * plane * channels + rest % channels * plane + rest / channels;
}

Value real_of(const Quantised& q, const IntTensor& data, const onnx::Type& type) {
  auto out = Value::zeros(type);
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const auto to = at(static_cast<int>(place(q, i)));
    if (onnx::is_float(type.element))
      out.floats[to] = static_cast<float>(static_cast<double>(data.at(i)) * q.scale.real());
    else
      out.ints[to] = data.at(i);
  }
  return out;
}

base::Result<std::vector<IntTensor>> trace(const program::Program& program, const std::vector<Value>& sample) {
  std::vector<IntTensor> out;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const auto& input = program.inputs[i];
    auto data = IntTensor::zeros(input.info.dtype, input.info.shape);
    for (std::int64_t k = 0; k < data.size(); ++k)
      data.set(k, std::clamp(onnx::saturate(std::floor(sample[i].real(k) / input.scale.real() + 0.5)), input.low, input.high));
    out.push_back(std::move(data));
  }
  run::RunOptions options;
  options.trace = false;
  const std::vector<IntTensor> inputs = out;
  options.sink = [&](std::size_t, std::span<const IntTensor* const> outputs) {
    for (const auto* t : outputs) out.push_back(*t);
  };
  KOINON_TRY(const auto run, run::execute(program, inputs, options));
  static_cast<void>(run);
  return out;
}

/// The row of a weight's element: what shares one unit (Lowering::rows). One row where the weights have one unit.
std::size_t row_of(const onnx::Node& node, const Value& w, const operators::Call& call, std::size_t i) {
  const auto n = w.floats.size(), last = at(static_cast<int>(w.shape.empty() ? 1 : w.shape.back()));
  const auto first = at(static_cast<int>(w.shape.empty() ? 1 : w.shape[0]));
  if (node.op == "Conv") return i / (n / first);
  if (node.op == "ConvTranspose") {
    const auto outs = at(static_cast<int>(w.shape[1])), plane = n / (first * outs);
    const auto each = first / at(static_cast<int>(call.integer("group", 1)));  // inputs of a group
    return i / (outs * plane) / each * outs + i / plane % outs;
  }
  if (node.op == "Gemm" && call.integer("transB", 0) != 0) return i / last;
  return w.shape.size() == 2 ? i % last : 0;
}

/// What every value is: constants, what the program has, or what float makes of those.
class Looker {
 public:
  Looker(const Model& model, const Attempt& made, const std::vector<operators::Target>& targets, int weights)
      : graph_(model.graph),
        made_(made),
        targets_(targets),
        limit_(static_cast<double>((std::int64_t{1} << (weights - 1)) - 1)),
        values_(graph_.values.size()),
        units_(graph_.values.size(), 0) {}

  base::Result<std::vector<NodeError>> look(const std::vector<IntTensor>& trace) {
    for (const auto& [v, q] : made_.lowered) {
      if (q.ref.source() != program::Source::value) continue;
      values_[at(v)] = real_of(q, trace[q.ref.index()], graph_.values[at(v)].type);
      units_[at(v)] = q.scale.real();
    }
    std::vector<NodeError> out;
    for (const auto& node : graph_.nodes) KOINON_CHECK(compare(node, out));
    return out;
  }

 private:
  const Value* input(const onnx::Node& node, std::size_t i) const {
    const int v = i < node.inputs.size() ? node.inputs[i] : onnx::kAbsent;
    if (v == onnx::kAbsent) return nullptr;
    return graph_.values[at(v)].constant ? &*graph_.values[at(v)].constant : &*values_[at(v)];
  }

  base::Result<std::vector<Value>> computed(const onnx::Node& node, std::vector<const Value*> inputs) const {
    const operators::Call call(graph_, node, std::move(inputs));
    KOINON_TRY(const auto* op, operators::find_operator(call));
    return op->compute(call);
  }

  /// For each element of the output, what half a unit of every weight and of the bias can change; nothing for other operators.
  base::Result<std::optional<Value>> explained(const onnx::Node& node) const {
    static constexpr std::string_view kOps[] = {"MatMul", "Gemm", "Conv", "ConvTranspose"};
    if (std::ranges::find(kOps, node.op) == std::end(kOps) || !graph_.values[at(node.inputs[1])].constant) return std::nullopt;
    Value x = *input(node, 0), w = *input(node, 1);
    if (w.floats.empty()) return std::nullopt;
    for (auto& f : x.floats) f = std::fabs(f);
    std::map<std::size_t, double> row_units;  // the unit of each row
    const operators::Call call(graph_, node, {&x, &w});
    for (std::size_t i = 0; i < w.floats.size(); ++i) {
      auto& top = row_units[row_of(node, w, call, i)];
      top = std::max(top, std::fabs(static_cast<double>(w.floats[i])) / limit_);
    }
    // A bias that dwarfs its row makes the row's unit coarser, so that it keeps to 31 bits.
    if (const auto* bias = input(node, 2))
      for (auto& [row, unit] : row_units) {
        const auto size = std::fabs(static_cast<double>(bias->floats[row % bias->floats.size()]));
        unit = std::max(unit, size / (units_[at(node.inputs[0])] * 0x1p30));
      }
    for (std::size_t i = 0; i < w.floats.size(); ++i) w.floats[i] = static_cast<float>(row_units[row_of(node, w, call, i)] / 2);
    auto bare = node;
    bare.inputs.resize(2);
    KOINON_TRY(auto out, computed(bare, {&x, &w}));
    return std::move(out[0]);
  }

  /// The node's outputs in float with its inputs moved: the first by `first` half units, the others by `others`.
  base::Result<std::vector<Value>> moved(const onnx::Node& node, double first, double others) const {
    std::vector<Value> held(node.inputs.size());
    std::vector<const Value*> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      inputs.push_back(input(node, i));
      if (inputs.back() == nullptr || inputs.back()->floats.empty()) continue;
      const double by = (i == 0 ? first : others) * units_[at(node.inputs[i])] / 2;
      if (by == 0) continue;
      held[i] = *inputs.back();
      for (auto& f : held[i].floats) f += static_cast<float>(by);
      inputs.back() = &held[i];
    }
    return computed(node, std::move(inputs));
  }

  base::Status compare(const onnx::Node& node, std::vector<NodeError>& out) {
    static constexpr std::pair<double, double> kMoves[] = {{0, 0}, {1, 1}, {-1, -1}, {1, -1}, {-1, 1}};
    std::vector<std::vector<Value>> ways;
    for (const auto& [first, others] : kMoves) {
      KOINON_TRY(auto way, moved(node, first, others));
      ways.push_back(std::move(way));
    }
    KOINON_TRY(const auto weights, explained(node));
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const int v = node.outputs[o];
      if (v == onnx::kAbsent) continue;
      if (values_[at(v)])
        out.push_back(error_of(node, v, o, ways, weights));
      else
        values_[at(v)] = ways[0][o];
    }
    return {};
  }

  NodeError error_of(const onnx::Node& node, int v, std::size_t o, const std::vector<std::vector<Value>>& ways,
                     const std::optional<Value>& weights) const {
    const auto& got = *values_[at(v)];
    const auto& target = targets_[at(v)];
    NodeError out{node.op, graph_.values[at(v)].name, 0, units_[at(v)], 0};
    const bool clamped = made_.lowered.at(v).scale == target.scale && onnx::is_float(got.element);
    const double edge = target.scale.real();
    for (std::int64_t i = 0; i < got.size(); ++i) {
      double low = ways[0][o].real(i), high = low;
      out.top = std::max(out.top, std::fabs(low));
      for (const auto& way : ways) {
        low = std::min(low, way[o].real(i));
        high = std::max(high, way[o].real(i));
      }
      if (clamped) {
        low = std::clamp(low, static_cast<double>(target.low) * edge, static_cast<double>(target.high) * edge);
        high = std::clamp(high, static_cast<double>(target.low) * edge, static_cast<double>(target.high) * edge);
      }
      const double beyond = std::max({0.0, low - got.real(i), got.real(i) - high});
      out.error = std::max(out.error, beyond - (weights ? weights->real(i) : 0));
    }
    return out;
  }

  const onnx::Graph& graph_;
  const Attempt& made_;
  const std::vector<operators::Target>& targets_;
  double limit_;  ///< largest integer of a weight
  operators::Values values_;
  std::vector<double> units_;
};

}  // namespace

base::Result<std::vector<NodeError>> node_errors(const Model& model, const Attempt& made,
                                                 const std::vector<operators::Target>& targets,
                                                 const std::vector<onnx::Value>& sample, int weights) {
  KOINON_TRY(const auto values, trace(made.program, sample));
  return Looker(model, made, targets, weights).look(values);
}

}  // namespace koinon::engine::quantise
