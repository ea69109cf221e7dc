#include "engine/quantise/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/random.hpp"
#include "engine/operators/integer_range.hpp"

namespace koinon::engine::quantise {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

void see_range(const onnx::Value& value, Seen& seen) {
  for (std::int64_t i = 0; i < value.size(); ++i) {
    const auto x = value.real(i);
    if (!std::isfinite(x)) {
      ++seen.strange;
      continue;
    }
    seen.low = seen.any ? std::min(seen.low, x) : x;
    seen.high = seen.any ? std::max(seen.high, x) : x;
    seen.any = true;
    seen.magnitude = std::max(seen.magnitude, std::fabs(x));
  }
}

void see_counts(const onnx::Value& value, Seen& seen) {
  if (value.floats.empty()) return;
  seen.counts.resize(kBins, 0);
  if (seen.magnitude == 0) return;
  for (float f : value.floats) {
    if (!std::isfinite(f)) continue;
    const auto bin = std::fabs(static_cast<double>(f)) / seen.magnitude * static_cast<double>(kBins);
    ++seen.counts[std::min(kBins - 1, static_cast<std::size_t>(bin))];
  }
}

/// Values that are alike (onnx::ValueInfo::alike) are seen as one.
void merge(const onnx::Graph& graph, std::vector<Seen>& seen) {
  std::map<int, std::vector<std::size_t>> groups;
  for (std::size_t v = 0; v < seen.size(); ++v)
    if (const int first = graph.values[v].alike; first >= 0 && seen[v].any) groups[first].push_back(v);
  for (const auto& [first, members] : groups) {
    Seen all;
    for (auto v : members) {
      const auto& one = seen[v];
      all.low = all.any ? std::min(all.low, one.low) : one.low;
      all.high = all.any ? std::max(all.high, one.high) : one.high;
      all.any = true;
      all.magnitude = std::max(all.magnitude, one.magnitude);
      all.strange += one.strange;
      all.counts.resize(std::max(all.counts.size(), one.counts.size()), 0);
      for (std::size_t i = 0; i < one.counts.size(); ++i) all.counts[i] += one.counts[i];
    }
    for (auto v : members) seen[v] = all;
  }
}

}  // namespace

Result<std::vector<Seen>> calibrate(const onnx::Graph& graph, const std::vector<std::vector<onnx::Value>>& samples,
                                    const BuildOptions& options) {
  std::vector<Seen> seen(graph.values.size());
  const bool counts = options.activations <= 8 || options.profile == Profile::small_sums;
  const std::size_t passes = counts ? 2 : 1;
  for (std::size_t pass = 0; pass < passes; ++pass)
    for (std::size_t s = 0; s < samples.size(); ++s) {
      if (options.stop.stop_requested()) return fail(Code::cancelled, "[quantise] stopped");
      KOINON_TRY(const auto values, operators::run_reference(graph, samples[s], true));
      for (std::size_t v = 0; v < values.size(); ++v) {
        if (!values[v]) continue;
        if (pass > 0) {
          see_counts(*values[v], seen[v]);
          continue;
        }
        see_range(*values[v], seen[v]);
      }
      if (options.progress) options.progress(pass * samples.size() + s + 1, passes * samples.size());
      if (s + 1 == samples.size()) merge(graph, seen);
    }
  for (std::size_t v = 0; v < seen.size(); ++v)
    if (seen[v].strange > 0 && !seen[v].any)
      return fail(Code::out_of_range, "[quantise] no element of '{}' is finite in calibration", graph.values[v].name);
  return seen;
}

double cut(const Seen& seen, Clip clip, double percentile, std::int64_t limit) {
  if (clip == Clip::extremes || seen.counts.empty() || seen.magnitude == 0) return seen.magnitude;
  const double bin = seen.magnitude / static_cast<double>(kBins);
  std::uint64_t total = 0;
  for (auto c : seen.counts) total += c;
  if (clip == Clip::percentile) {
    const double wanted = percentile / 100 * static_cast<double>(total);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
      below += seen.counts[i];
      if (static_cast<double>(below) >= wanted) return bin * static_cast<double>(i + 1);
    }
    return seen.magnitude;
  }
  // Squared error of a cut: step^2 / 12 for what lies inside, the distance to the cut for what lies beyond. Zeros cost nothing.
  // Bins with nothing in them add 0, so they are left out: most values have fewer elements than bins.
  std::vector<std::size_t> filled;
  for (std::size_t i = 0; i < kBins; ++i)
    if (seen.counts[i] > 0) filled.push_back(i);
  double best = seen.magnitude, least = -1;
  for (std::size_t last = kBins; last >= kBins / 16; last -= kBins / 128) {
    const double edge = bin * static_cast<double>(last);
    const double step = edge / static_cast<double>(limit);
    double error = 0;
    for (const auto i : filled) {
      const double beyond = (static_cast<double>(i) + 0.5) * bin - edge;
      error += static_cast<double>(seen.counts[i]) * (i < last ? (i == 0 ? 0.0 : step * step / 12) : beyond * beyond);
    }
    if (least < 0 || error < least) {
      least = error;
      best = edge;
    }
  }
  return best;
}

namespace {

/// Operators that jump: the least error in an input can change the result by a whole step.
bool jumps(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Round",           "Floor",   "Ceil",   "Sign",           "Mod",  "Less",
                                              "LessOrEqual",     "Greater", "Equal",  "GreaterOrEqual", "Cast", "TreeEnsemble",
                                              "ThresholdedRelu", "Shrink",  "Hardmax"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

/// Operators that only move elements, and keep their input's unit.
bool moves(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Reshape",   "Flatten",   "Squeeze",  "Unsqueeze",    "Transpose",
                                              "Slice",     "Split",     "Gather",   "GatherND",     "GatherElements",
                                              "Expand",    "Tile",      "Identity", "DepthToSpace", "SpaceToDepth",
                                              "ReduceMax", "ReduceMin", "TopK",     "MaxPool",      "GlobalMaxPool"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

bool compares(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

/// Moves that do nothing but give elements another place.
bool places(std::string_view op) {
  static constexpr std::string_view kOps[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice",
                                              "Split",   "Gather",  "Expand",  "Tile",      "Identity"};
  return std::ranges::find(kOps, op) != std::end(kOps);
}

/// Values that nothing is done with but comparing their elements with constants, such as the features of a tree: the largest
/// magnitude of those constants. Nothing for other values.
std::vector<std::optional<double>> compared_only(const onnx::Graph& graph) {
  std::vector<std::optional<double>> out(graph.values.size());
  std::vector<bool> other(graph.values.size(), false);
  for (int v : graph.outputs) other[at(v)] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const auto& node = graph.nodes[n];
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == onnx::kAbsent) continue;
      const auto v = at(node.inputs[i]);
      double most = 0;
      bool only = true;
      if (places(node.op) && i == 0) {
        for (int y : node.outputs)
          if (y != onnx::kAbsent) {
            only = only && !other[at(y)];
            most = std::max(most, out[at(y)].value_or(0));
          }
      } else {
        const auto* c = compares(node.op) && graph.values[at(node.inputs[1 - i])].constant
                            ? &*graph.values[at(node.inputs[1 - i])].constant
                            : nullptr;
        only = c != nullptr && onnx::is_float(c->element);
        for (std::int64_t k = 0; only && k < c->size(); ++k)
          if (std::isfinite(c->real(k))) most = std::max(most, std::fabs(c->real(k)));
      }
      out[v] = std::max(out[v].value_or(0), most);
      other[v] = other[v] || !only;
    }
  }
  for (std::size_t v = 0; v < out.size(); ++v)
    if (other[v]) out[v].reset();
  return out;
}

/// Units of 2^-30 of a range that holds both sides of what is compared: a float of 24 bits is exact down to a 32nd of that.
Result<operators::Target> fine_target(const Seen& seen, double most) {
  constexpr int kBits = 30;
  constexpr auto kLimit = std::int64_t{1} << kBits;
  int exponent = 0;
  std::frexp(std::max({seen.magnitude, most, 0x1p-100}), &exponent);
  KOINON_TRY(const auto scale, program::Scale::from(std::ldexp(1.0, exponent + 1 - kBits)));
  return operators::Target{scale, -kLimit, kLimit, seen.low, seen.high};
}

/// Values that meet a function with jumps, also by way of moves.
std::vector<bool> exact_values(const onnx::Graph& graph) {
  std::vector<bool> out(graph.values.size(), false);
  for (const auto& node : graph.nodes)
    for (int v : node.inputs)
      if (v != onnx::kAbsent && jumps(node.op)) out[at(v)] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const auto& node = graph.nodes[n];
    if (!moves(node.op)) continue;
    for (int v : node.outputs)
      if (v != onnx::kAbsent && out[at(v)]) out[at(node.inputs[0])] = true;
  }
  return out;
}

}  // namespace

/// Of a value of 16 bits, so that inputs which reach further than those of calibration are not clipped: one bit of sixteen is
/// little beside what a clipped value loses.
constexpr double kHeadroom = 2;

Result<std::vector<operators::Target>> choose_targets(const onnx::Graph& graph, const std::vector<Seen>& seen,
                                                      const std::vector<int>& bits, bool natural, const BuildOptions& options) {
  std::vector<bool> whole(graph.values.size(), false);
  for (int v : graph.inputs) whole[at(v)] = true;
  for (int v : graph.outputs) whole[at(v)] = true;
  const auto exact = exact_values(graph);
  const auto compared = natural ? std::vector<std::optional<double>>(graph.values.size()) : compared_only(graph);
  std::vector<operators::Target> out(graph.values.size());
  for (std::size_t v = 0; v < out.size(); ++v) {
    const bool from_zero = natural && seen[v].any && seen[v].low >= 0;
    const auto limit = (std::int64_t{1} << (from_zero ? bits[v] : bits[v] - 1)) - 1;
    const auto clip = whole[v] || bits[v] == 16 ? Clip::extremes : options.clip;
    auto edge = cut(seen[v], clip, options.percentile, limit) * (bits[v] == 16 ? kHeadroom : 1);
    if (!(edge > 1e-30)) edge = 1;
    KOINON_TRY(auto scale, program::Scale::from(edge / static_cast<double>(limit)));
    if (exact[v]) {
      int exponent = 0;
      std::frexp(edge / static_cast<double>(limit), &exponent);
      KOINON_TRY(scale, program::Scale::from(std::ldexp(1.0, exponent)));
    }
    out[v] = {scale, from_zero ? 0 : -limit, limit, seen[v].low, seen[v].high};
  }
  for (int v : graph.inputs)
    if (const auto most = compared[at(v)]) {
      KOINON_TRY(out[at(v)], fine_target(seen[at(v)], *most));
    }
  return out;
}

Result<std::vector<std::vector<onnx::Value>>> synthetic_samples(const onnx::Graph& graph, std::uint64_t seed) {
  base::SeededRandom random(seed);
  std::vector<std::vector<onnx::Value>> out(kSyntheticSamples);
  for (std::size_t s = 0; s < out.size(); ++s)
    for (int v : graph.inputs) {
      const auto& info = graph.values[at(v)];
      auto value = onnx::Value::zeros(info.type);
      const auto range = operators::sample_range(graph, v);
      for (auto& whole : value.ints)
        whole = range.low + static_cast<std::int64_t>(random.u64() % static_cast<std::uint64_t>(range.high - range.low + 1));
      for (auto& f : value.floats) {
        const double unit = static_cast<double>(random.u64() >> 40) * 0x1p-24;
        f = static_cast<float>(s % 2 == 0 ? unit : 2 * unit - 1);
      }
      out[s].push_back(std::move(value));
    }
  return out;
}

}  // namespace koinon::engine::quantise
