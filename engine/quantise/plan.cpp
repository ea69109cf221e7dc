#include "engine/quantise/plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/program/bounds.hpp"

namespace koinon::engine::quantise {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::int64_t kSmallSum = 32767;  // of Profile::small_sums
constexpr int kMostSmallBits = 7;          // of its values: 0 to 127 fits i8
constexpr std::size_t kMostRefined = 24;   // values whose bits are tried one by one

std::size_t at(int i) { return static_cast<std::size_t>(i); }

Result<std::vector<OutputReport>> measure(const Model& model, const program::Program& program,
                                          const std::map<int, operators::Quantised>& lowered, const BuildOptions& options) {
  Comparison comparison(program, lowered, model.graph.outputs);
  for (std::size_t s = 0; s < model.answers.size(); ++s) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[quantise] stopped");
    KOINON_CHECK(comparison.sample(model.samples[s], model.answers[s]));
    if (options.progress) options.progress(s + 1, model.answers.size());
  }
  std::vector<OutputReport> out;
  for (int v : model.graph.outputs) {
    const auto& s = model.seen[at(v)];
    const auto& d = comparison.of(v);
    const double range = s.high - s.low, scale = range > 0 ? range : s.magnitude > 0 ? s.magnitude : 1;
    out.push_back({model.graph.values[at(v)].name, s.low, s.high, d.max, d.mean(), d.max / scale,
                   d.samples > 0 ? d.same_top / d.samples : 0});
  }
  return out;
}

/// Every value of a program with limited sums keeps to the limit, whatever the inputs.
Status check_sums(const program::Program& program, std::int64_t most) {
  KOINON_TRY(const auto ranges, program::analyse(program));
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    const auto& step = program.steps[s];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const auto& range = ranges[step.first_output + o];
      if (range.low < -most - 1 || range.high > most)
        return fail(Code::out_of_range,
                    "[quantise] step {} ({}) reaches [{}, {}]: the private profile needs every value within 16 bits", s,
                    step_name(step.kind), range.low, range.high);
    }
  }
  return {};
}

/// Squared error of a value with a number of bits, as a share of its mean square: what it loses by itself.
double noise(const Seen& seen, Clip clip, double percentile, int bits) {
  if (!seen.any || seen.magnitude == 0 || seen.counts.empty()) return 0;
  const double limit = static_cast<double>((std::int64_t{1} << (bits - 1)) - 1);
  const double edge = cut(seen, clip, percentile, static_cast<std::int64_t>(limit)), step = edge / limit;
  const double bin = seen.magnitude / static_cast<double>(kBins);
  double error = 0, power = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    const double x = (static_cast<double>(i) + 0.5) * bin, n = static_cast<double>(seen.counts[i]);
    error += n * (x > edge ? (x - edge) * (x - edge) : step * step / 12);
    power += n * x * x;
  }
  return power > 0 ? error / power : 0;
}

/// Values that nodes compute, those that lose most with `bits` bits first; ties keep the graph's order.
std::vector<int> by_noise(const Model& model, const BuildOptions& options, int bits) {
  std::vector<int> values = model.graph.inputs;
  for (const auto& node : model.graph.nodes)
    for (int v : node.outputs)
      if (v != onnx::kAbsent && onnx::is_float(model.graph.values[at(v)].type.element)) values.push_back(v);
  std::vector<double> loss(model.graph.values.size(), 0);
  for (int v : values) loss[at(v)] = noise(model.seen[at(v)], options.clip, options.percentile, bits);
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const double x = loss[at(values[a])], y = loss[at(values[b])];
    return x != y ? x > y : a < b;
  });
  std::vector<int> out;
  for (auto i : order) out.push_back(values[i]);
  return out;
}

/// The fewest values with 16 bits that keep to max_error, taken from the noisiest on (by halving).
Result<Plan> widen(const Model& model, const BuildOptions& options, Report& report) {
  const int low = options.activations, weights = options.weights == 0 ? low : options.weights;
  const auto order = by_noise(model, options, low);
  const auto plan_of = [&](std::size_t count) {
    Plan plan = Plan::even(model.graph, low, weights);
    for (std::size_t i = 0; i < count; ++i) plan.set(order[i], 16);
    return plan;
  };
  const auto error_of = [&](std::size_t count) -> Result<double> {
    KOINON_TRY(const auto tried, attempt(model, plan_of(count), options));
    return tried.worst();
  };
  KOINON_TRY(const double even, error_of(0));
  if (even <= *options.max_error) return plan_of(0);
  KOINON_TRY(const double all, error_of(order.size()));
  if (all > *options.max_error)
    return fail(Code::out_of_range, "[quantise] the error is {:.3g} of the range with 16 bits everywhere: --max-error {:.3g}",
                all, *options.max_error);
  std::size_t misses = 0, keeps = order.size();
  while (keeps - misses > 1) {
    const std::size_t middle = misses + (keeps - misses) / 2;
    KOINON_TRY(const double error, error_of(middle));
    (error <= *options.max_error ? keeps : misses) = middle;
  }
  report.widened = keeps;
  return plan_of(keeps);
}

Plan small_plan(const onnx::Graph& graph, int bits) {
  Plan plan = Plan::even(graph, bits, 8);
  plan.natural = true;
  plan.precision.bits = 8;  // values counted from 0 reach 127
  plan.precision.accumulator = kSmallSum;
  return plan;
}

/// Bits of values that lose least when sums are limited: more bits are finer values and coarser weights. One number for all
/// first, then each value by itself, in the graph's order.
Result<Plan> choose_small(const Model& model, const BuildOptions& options, Report& report) {
  std::optional<Plan> best;
  double least = 0;
  std::optional<base::Error> refused;
  const auto consider = [&](const Plan& plan) {
    auto tried = attempt(model, plan, options);
    if (!tried) {
      refused = std::move(tried).error();
      return false;
    }
    if (best && tried->mean() >= least) return false;
    best = plan;
    least = tried->mean();
    return true;
  };
  for (int bits = kMostSmallBits; bits >= 2; --bits) {
    if (consider(small_plan(model.graph, bits))) report.value_bits = bits;
    if (refused && refused->code == Code::cancelled) return fail(*std::move(refused));
  }
  if (!best) return fail(*std::move(refused));
  std::size_t refined = 0;
  for (const auto& node : model.graph.nodes) {
    if (node.outputs.empty() || refined++ == kMostRefined) break;
    for (int change : {1, -1}) {
      Plan plan = *best;
      const int bits = plan.bits[at(node.outputs[0])] + change;
      if (bits < 2 || bits > kMostSmallBits) continue;
      plan.bits[at(node.outputs[0])] = bits;
      if (consider(plan)) break;
    }
  }
  return *best;
}

}  // namespace

Plan Plan::even(const onnx::Graph& graph, int activations, int weights) {
  return {std::vector<int>(graph.values.size(), activations), {std::max(activations, weights), weights, {}, 0}, false};
}

void Plan::set(int value, int width) {
  bits[at(value)] = width;
  precision.bits = std::max(precision.bits, width);
  precision.weights_of[value] = width;
}

double Attempt::worst() const {
  double out = 0;
  for (const auto& o : outputs) out = std::max(out, o.relative);
  return out;
}

double Attempt::mean() const {
  double out = 0;
  for (const auto& o : outputs) out += o.max_error > 0 ? o.mean_error * o.relative / o.max_error : 0;
  return out / static_cast<double>(std::max<std::size_t>(outputs.size(), 1));
}

Result<std::vector<operators::Values>> answers_of(const Model& model, const BuildOptions& options) {
  std::vector<operators::Values> out;
  for (std::size_t s = 0; s < std::min(model.samples.size(), kComparedSamples); ++s) {
    if (options.stop.stop_requested()) return fail(Code::cancelled, "[quantise] stopped");
    KOINON_TRY(auto values, operators::run_reference(model.reference, model.samples[s]));
    out.push_back(std::move(values));
  }
  return out;
}

Result<Attempt> attempt(const Model& model, const Plan& plan, const BuildOptions& options) {
  KOINON_TRY(auto targets, choose_targets(model.graph, model.seen, plan.bits, plan.natural, options));
  operators::Lowering lowering(model.graph, std::move(targets), plan.precision);
  KOINON_CHECK(lowering.run());
  auto metadata = options.metadata;
  if (metadata.name.empty()) metadata.name = model.reference.name.substr(0, program::kMaxText);
  KOINON_TRY(auto program, lowering.finish(std::move(metadata)));
  if (plan.precision.accumulator > 0) KOINON_CHECK(check_sums(program, plan.precision.accumulator));
  Attempt out{std::move(program), lowering.lowered(), {}};
  KOINON_TRY(out.outputs, measure(model, out.program, out.lowered, options));
  return out;
}

Result<Plan> choose_plan(const Model& model, const BuildOptions& options, Report& report) {
  if (options.profile == Profile::small_sums) return choose_small(model, options, report);
  if (options.max_error) return widen(model, options, report);
  return Plan::even(model.graph, options.activations, options.weights == 0 ? options.activations : options.weights);
}

}  // namespace koinon::engine::quantise
