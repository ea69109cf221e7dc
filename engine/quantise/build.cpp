#include "engine/quantise/build.hpp"

#include <memory>

#include "engine/operators/integer_range.hpp"
#include "engine/program/bounds.hpp"
#include "engine/quantise/equalise.hpp"
#include "engine/quantise/plan.hpp"
#include "engine/quantise/simplify.hpp"

namespace koinon::engine::quantise {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

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
      if (given.data.size() != static_cast<std::size_t>(onnx::count(info.type.shape)))
        return fail(Code::invalid_argument, "[quantise] sample {}: input '{}' has {} elements: {} expected", s, info.name,
                    given.data.size(), onnx::count(info.type.shape));
      auto& value = sample.emplace_back(onnx::Value::zeros(info.type));
      if (onnx::is_float(info.type.element)) {
        value.floats = given.data;
        continue;
      }
      // Whole numbers, which a program takes within these bounds.
      const auto range = operators::integer_range(graph, graph.inputs[i]);
      for (std::size_t k = 0; k < value.ints.size(); ++k)
        value.ints[k] = std::clamp(onnx::saturate(std::floor(static_cast<double>(given.data[k]) + 0.5)), range.low, range.high);
    }
  }
  return out;
}

/// Bits that integers of a range take.
int bits_of(const program::Range& range) {
  int bits = 1;
  while (bits < 63 && (range.low < -(std::int64_t{1} << (bits - 1)) || range.high >= std::int64_t{1} << (bits - 1))) ++bits;
  return bits;
}

Result<std::vector<TensorReport>> tensor_reports(const Model& model, const Attempt& made, const BuildOptions& options) {
  std::vector<int> values;
  for (const auto& [value, q] : made.lowered) values.push_back(value);
  Comparison comparison(made.program, made.lowered, values);
  for (std::size_t s = 0; s < model.answers.size(); ++s) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[quantise] stopped");
    KOINON_TRY(const auto wanted, operators::run_reference(model.graph, model.samples[s], true));
    KOINON_CHECK(comparison.sample(model.samples[s], wanted));
    if (options.progress) options.progress(s + 1, model.answers.size());
  }
  KOINON_TRY(const auto ranges, program::analyse(made.program));
  std::map<int, std::string> makers;
  for (const auto& node : model.graph.nodes)
    for (int v : node.outputs) makers[v] = node.op;
  std::vector<TensorReport> out;
  for (const auto& [value, q] : made.lowered) {
    if (q.ref.source() != program::Source::value) continue;
    const auto& s = model.seen[at(value)];
    const auto& d = comparison.of(value);
    out.push_back({model.graph.values[at(value)].name, makers.contains(value) ? makers[value] : "input", s.low, s.high,
                   bits_of(ranges[q.ref.index()]), q.scale.real(), d.max, d.mean()});
  }
  return out;
}

/// Stages that each count from 1 to their own end, as one count for the user. Calibration takes each sample once or twice; most
/// builds compare the outputs of the program and then all of its values.
std::function<void(std::size_t, std::size_t)> of_stages(std::function<void(std::size_t, std::size_t)> user, std::size_t samples,
                                                        std::size_t passes) {
  if (!user) return user;
  struct Count {
    std::size_t before = 0, done = 0, expected = 0;
  };
  const auto count = std::make_shared<Count>();  // shared: std::function copies
  count->expected = passes * samples + 2 * std::min(samples, kComparedSamples);
  return [user = std::move(user), count](std::size_t k, std::size_t stage) {
    if (k == 1) count->before = count->done;
    count->done = count->before + k;
    user(count->done, std::max(count->expected, count->before + stage));
  };
}

/// Refuses a graph of more steps than a program has before hours are spent on its calibration: lowered with made-up ranges.
Status check_length(const onnx::Graph& graph, const BuildOptions& options) {
  constexpr std::size_t kShort = 2048;  // nodes that are never too many
  if (graph.nodes.size() <= kShort) return {};
  const auto plan = Plan::even(graph, options.activations, options.weights == 0 ? options.activations : options.weights);
  KOINON_TRY(auto targets, choose_targets(graph, std::vector<Seen>(graph.values.size()), plan.bits, false, options));
  operators::Lowering lowering(graph, std::move(targets), plan.precision);
  if (auto done = lowering.run(); !done && done.error().code == Code::exhausted) return done;
  return {};  // other troubles may come of the ranges
}

bool known_bits(int bits) { return (bits >= 2 && bits <= 8) || bits == 16; }

Status check(const BuildOptions& options) {
  if (!known_bits(options.activations))
    return fail(Code::invalid_argument, "[quantise] --activations {}: 2 to 8 or 16 expected", options.activations);
  if (options.weights != 0 && !known_bits(options.weights))
    return fail(Code::invalid_argument, "[quantise] --weights {}: 2 to 8 or 16 expected", options.weights);
  if (options.max_error && !(*options.max_error > 0))
    return fail(Code::invalid_argument, "[quantise] --max-error {}: above 0 expected", *options.max_error);
  if (options.max_error && (options.profile != Profile::standard || options.activations > 8))
    return fail(Code::invalid_argument, "[quantise] --max-error: with the standard profile and 2 to 8 bits to begin with");
  if (!(options.percentile > 50 && options.percentile <= 100))
    return fail(Code::invalid_argument, "[quantise] percentile {}: above 50 and at most 100 expected", options.percentile);
  return {};
}

}  // namespace

Result<Built> build(base::ByteView onnx, const std::vector<std::vector<tensor::FloatTensor>>& calibration,
                    const BuildOptions& given) {
  KOINON_CHECK(check(given));
  BuildOptions options = given;
  options.progress = of_stages(given.progress, calibration.empty() ? kSyntheticSamples : calibration.size(),
                               given.activations <= 8 || given.profile == Profile::small_sums ? 2 : 1);
  operators::ImportOptions import;
  import.read.dims = options.dims;
  import.read.folder = options.folder;
  import.read.numbers = options.fixed;
  KOINON_TRY(auto reference, operators::import_model(onnx, import));
  Model model;
  model.graph = simplify(reference);
  KOINON_CHECK(check_length(model.graph, options));
  KOINON_TRY(model.samples,
             calibration.empty() ? synthetic_samples(model.graph, options.seed) : take_samples(model.graph, calibration));
  model.reference = std::move(reference);
  Report report;
  report.synthetic = calibration.empty();
  report.samples = model.samples.size();
  if (options.equalise) {
    KOINON_TRY(report.equalised, equalise(model.graph, model.samples));
  }
  KOINON_TRY(model.seen, calibrate(model.graph, model.samples, options));
  KOINON_TRY(model.answers, answers_of(model, options));
  report.compared = model.answers.size();
  KOINON_TRY(const auto plan, choose_plan(model, options, report));
  KOINON_TRY(auto made, attempt(model, plan, options));
  if (options.profile == Profile::small_sums) {
    KOINON_TRY(auto standard, attempt(model, Plan::even(model.graph, 8, 8), options));
    report.standard = std::move(standard.outputs);
  }
  KOINON_TRY(report.tensors, tensor_reports(model, made, options));
  report.outputs = made.outputs;
  return Built{std::move(made.program), std::move(report)};
}

}  // namespace koinon::engine::quantise
