#include "engine/quantise/node_errors.hpp"

#include <algorithm>
#include <cmath>

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

/// What every value is: constants, what the program has, or what float makes of those.
class Looker {
 public:
  Looker(const Model& model, const Attempt& made, const std::vector<operators::Target>& targets)
      : graph_(model.graph), made_(made), targets_(targets), values_(graph_.values.size()), units_(graph_.values.size(), 0) {}

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
  /// The node's outputs in float with its inputs moved: by `ways[i]` half units for input i.
  base::Result<std::vector<Value>> moved(const onnx::Node& node, double first, double others) {
    std::vector<Value> held(node.inputs.size());
    std::vector<const Value*> inputs(node.inputs.size(), nullptr);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const int v = node.inputs[i];
      if (v == onnx::kAbsent) continue;
      const auto& info = graph_.values[at(v)];
      inputs[i] = info.constant ? &*info.constant : &*values_[at(v)];
      const double by = (i == 0 ? first : others) * units_[at(v)] / 2;
      if (by == 0 || !onnx::is_float(info.type.element)) continue;
      held[i] = *inputs[i];
      for (auto& f : held[i].floats) f += static_cast<float>(by);
      inputs[i] = &held[i];
    }
    const operators::Call call(graph_, node, inputs);
    KOINON_TRY(const auto* op, operators::find_operator(call));
    return op->compute(call);
  }

  base::Status compare(const onnx::Node& node, std::vector<NodeError>& out) {
    static constexpr std::pair<double, double> kMoves[] = {{0, 0}, {1, 1}, {-1, -1}, {1, -1}, {-1, 1}};
    std::vector<std::vector<Value>> ways;
    for (const auto& [first, others] : kMoves) {
      KOINON_TRY(auto way, moved(node, first, others));
      ways.push_back(std::move(way));
    }
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      const int v = node.outputs[o];
      if (v == onnx::kAbsent) continue;
      if (!values_[at(v)]) {
        values_[at(v)] = ways[0][o];
        continue;
      }
      out.push_back(error_of(node, v, o, ways));
    }
    return {};
  }

  NodeError error_of(const onnx::Node& node, int v, std::size_t o, const std::vector<std::vector<Value>>& ways) const {
    const auto& got = *values_[at(v)];
    const auto& target = targets_[at(v)];
    NodeError out{node.op, graph_.values[at(v)].name, 0, units_[at(v)], 0};
    const bool clamped = made_.lowered.at(v).scale == target.scale && onnx::is_float(got.element);
    for (std::int64_t i = 0; i < got.size(); ++i) {
      double low = ways[0][o].real(i), high = low;
      out.top = std::max(out.top, std::fabs(low));
      for (const auto& way : ways) {
        low = std::min(low, way[o].real(i));
        high = std::max(high, way[o].real(i));
      }
      if (clamped) {
        const double edge = target.scale.real();
        low = std::clamp(low, static_cast<double>(target.low) * edge, static_cast<double>(target.high) * edge);
        high = std::clamp(high, static_cast<double>(target.low) * edge, static_cast<double>(target.high) * edge);
      }
      out.error = std::max({out.error, low - got.real(i), got.real(i) - high});
    }
    return out;
  }

  const onnx::Graph& graph_;
  const Attempt& made_;
  const std::vector<operators::Target>& targets_;
  operators::Values values_;
  std::vector<double> units_;
};

}  // namespace

base::Result<std::vector<NodeError>> node_errors(const Model& model, const Attempt& made,
                                                 const std::vector<operators::Target>& targets,
                                                 const std::vector<onnx::Value>& sample) {
  KOINON_TRY(const auto values, trace(made.program, sample));
  return Looker(model, made, targets).look(values);
}

}  // namespace koinon::engine::quantise
