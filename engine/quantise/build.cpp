#include "engine/quantise/build.hpp"

#include <algorithm>
#include <cmath>

#include "engine/quantise/calibrate.hpp"
#include "engine/quantise/simplify.hpp"
#include "engine/run/execute.hpp"

namespace koinon::engine::quantise {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using operators::Quantised;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

using Samples = std::vector<std::vector<onnx::Value>>;

Result<Samples> take_samples(const onnx::Graph& graph, const std::vector<std::vector<tensor::FloatTensor>>& calibration) {
  Samples out;
  for (std::size_t s = 0; s < calibration.size(); ++s) {
    if (calibration[s].size() != graph.inputs.size())
      return fail(Code::invalid_argument, "[quantise] sample {} has {} tensors: {} expected", s, calibration[s].size(),
                  graph.inputs.size());
    auto& sample = out.emplace_back();
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
      const auto& info = graph.values[at(graph.inputs[i])];
      const auto& given = calibration[s][i];
      if (!onnx::is_float(info.type.element))
        return fail(Code::unsupported, "[quantise] input '{}' is {}: only float inputs become programs", info.name,
                    onnx::element_name(info.type.element));
      if (given.data.size() != static_cast<std::size_t>(onnx::count(info.type.shape)))
        return fail(Code::invalid_argument, "[quantise] sample {}: input '{}' has {} elements: {} expected", s, info.name,
                    given.data.size(), onnx::count(info.type.shape));
      sample.push_back({info.type.element, info.type.shape, given.data, {}});
    }
  }
  return out;
}

tensor::IntTensor to_integers(const onnx::Value& value, const program::Input& input) {
  auto out = tensor::IntTensor::zeros(input.info.dtype, input.info.shape);
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const auto q = onnx::saturate(std::floor(value.real(i) / input.scale.real() + 0.5));
    out.set(i, std::clamp(q, input.low, input.high));
  }
  return out;
}

/// Place in ONNX's order of element i of a tensor with channels last.
std::size_t place(const Quantised& q, std::size_t i) {
  if (!q.channels_last) return i;
  const auto channels = static_cast<std::size_t>(q.shape[1]);
  std::size_t plane = 1;
  for (std::size_t d = 2; d < q.shape.size(); ++d) plane *= static_cast<std::size_t>(q.shape[d]);
  const auto n = i / (plane * channels), rest = i % (plane * channels);
  return n * plane * channels + rest % channels * plane + rest / channels;
}

struct Error {
  double max = 0, sum = 0, count = 0;
  void add(double difference) {
    max = std::max(max, std::fabs(difference));
    sum += std::fabs(difference);
    count += 1;
  }
};

/// Runs samples as a program and measures every lowered value against float.
class Comparison {
 public:
  Comparison(const onnx::Graph& reference, const program::Program& program, const std::map<int, Quantised>& lowered)
      : reference_(reference), program_(program), lowered_(lowered) {
    for (const auto& [value, q] : lowered)
      if (q.ref.source() == program::Source::value) by_ref_[q.ref.index()].push_back(value);
  }

  Status sample(const std::vector<onnx::Value>& inputs) {
    KOINON_TRY(const auto values, operators::run_reference(reference_, inputs, true));
    std::vector<tensor::IntTensor> integers;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      integers.push_back(to_integers(inputs[i], program_.inputs[i]));
      measure(i, integers.back(), values);
    }
    run::RunOptions options;
    options.trace = false;
    options.sink = [&](std::size_t step, std::span<const tensor::IntTensor* const> outputs) {
      for (std::size_t k = 0; k < outputs.size(); ++k) measure(program_.steps[step].first_output + k, *outputs[k], values);
    };
    KOINON_TRY(const auto run, run::execute(program_, integers, options));
    static_cast<void>(run);
    return {};
  }

  [[nodiscard]] const Error& error(int value) { return errors_[value]; }

 private:
  void measure(std::size_t number, const tensor::IntTensor& data, const operators::Values& values) {
    const auto found = by_ref_.find(number);
    if (found == by_ref_.end()) return;
    for (int value : found->second) {
      const auto& want = values[at(value)];
      if (!want) continue;
      const auto& q = lowered_.at(value);
      auto& error = errors_[value];
      for (std::int64_t i = 0; i < data.size(); ++i) {
        const auto there = static_cast<std::int64_t>(place(q, static_cast<std::size_t>(i)));
        error.add(static_cast<double>(data.at(i)) * q.scale.real() - want->real(there));
      }
    }
  }

  const onnx::Graph& reference_;
  const program::Program& program_;
  const std::map<int, Quantised>& lowered_;
  std::map<std::size_t, std::vector<int>> by_ref_;
  std::map<int, Error> errors_;
};

Report make_report(const onnx::Graph& graph, const std::vector<Seen>& seen, const std::map<int, Quantised>& lowered,
                   Comparison& comparison, int bits) {
  Report report;
  std::map<int, std::string> makers;
  for (const auto& node : graph.nodes)
    for (int v : node.outputs) makers[v] = node.op;
  const auto mean = [](const Error& e) { return e.count > 0 ? e.sum / e.count : 0.0; };
  for (const auto& [value, q] : lowered) {
    const auto& s = seen[at(value)];
    const auto& error = comparison.error(value);
    report.tensors.push_back({graph.values[at(value)].name, makers.contains(value) ? makers[value] : "input", s.low, s.high,
                              bits, q.scale.real(), error.max, mean(error)});
  }
  for (int v : graph.outputs) {
    const auto& s = seen[at(v)];
    const auto& error = comparison.error(v);
    const double range = s.high - s.low;
    report.outputs.push_back(
        {graph.values[at(v)].name, s.low, s.high, error.max, mean(error), range > 0 ? error.max / range : error.max});
  }
  return report;
}

Status check(const BuildOptions& options) {
  if (options.activations != 8 && options.activations != 16)
    return fail(Code::invalid_argument, "[quantise] --activations {}: 8 or 16 expected", options.activations);
  if (!(options.percentile > 50 && options.percentile <= 100))
    return fail(Code::invalid_argument, "[quantise] percentile {}: above 50 and at most 100 expected", options.percentile);
  return {};
}

}  // namespace

Result<Built> build(base::ByteView onnx, const std::vector<std::vector<tensor::FloatTensor>>& calibration,
                    const BuildOptions& options) {
  KOINON_CHECK(check(options));
  operators::ImportOptions import;
  import.read.dims = options.dims;
  KOINON_TRY(const auto reference, operators::import_model(onnx, import));
  const auto graph = simplify(reference);
  KOINON_TRY(const auto samples,
             calibration.empty() ? synthetic_samples(graph, options.seed) : take_samples(graph, calibration));
  KOINON_TRY(const auto seen, calibrate(graph, samples, options));
  KOINON_TRY(auto targets, choose_targets(graph, seen, options));
  operators::Lowering lowering(graph, std::move(targets), {options.activations, options.activations, {}, 0});
  KOINON_CHECK(lowering.run());
  auto metadata = options.metadata;
  if (metadata.name.empty()) metadata.name = reference.name.substr(0, program::kMaxText);
  KOINON_TRY(auto program, lowering.finish(std::move(metadata)));

  Comparison comparison(reference, program, lowering.lowered());
  const auto compared = std::min(samples.size(), kComparedSamples);
  for (std::size_t s = 0; s < compared; ++s) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[quantise] stopped");
    KOINON_CHECK(comparison.sample(samples[s]));
  }
  auto report = make_report(graph, seen, lowering.lowered(), comparison, options.activations);
  report.synthetic = calibration.empty();
  report.samples = samples.size();
  report.compared = compared;
  return Built{std::move(program), std::move(report)};
}

}  // namespace koinon::engine::quantise
