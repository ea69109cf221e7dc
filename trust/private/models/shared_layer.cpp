#include "trust/private/models/shared_layer.hpp"

#include <algorithm>
#include <map>

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

/// Weights by their distance from a row's first input.
using Pattern = std::vector<std::pair<std::size_t, std::int64_t>>;

/// Rows of one pattern, and where it lies.
struct Group {
  Pattern pattern;
  std::vector<std::pair<std::size_t, std::size_t>> rows;  ///< row, its first input
  std::size_t result = 0, start = 0;

  [[nodiscard]] std::size_t reach() const { return pattern.empty() ? 0 : pattern.back().first; }
  [[nodiscard]] std::size_t least() const {
    return reach() + std::ranges::min_element(rows, {}, [](const auto& r) { return r.second; })->second;
  }
  [[nodiscard]] std::size_t most() const {
    return reach() + std::ranges::max_element(rows, {}, [](const auto& r) { return r.second; })->second;
  }
};

/// Groups in the order of their first rows.
std::vector<Group> groups_of(const LinearLayer& layer) {
  // Equal rows need places of their own, for their offsets may differ: further copies of a pattern.
  std::map<std::pair<Pattern, std::size_t>, std::size_t> known;
  std::map<std::pair<Pattern, std::size_t>, std::size_t> copies;
  std::vector<Group> out;
  for (std::size_t row = 0; row < layer.outputs; ++row) {
    Pattern pattern;
    std::size_t first = 0;
    for (std::size_t i = 0; i < layer.inputs; ++i) {
      const auto w = layer.weights[row * layer.inputs + i];
      if (w == 0) continue;
      if (pattern.empty()) first = i;
      pattern.emplace_back(i - first, w);
    }
    const auto copy = copies[{pattern, first}]++;
    const auto [at, fresh] = known.try_emplace({pattern, copy}, out.size());
    if (fresh) out.push_back({.pattern = std::move(pattern), .rows = {}});
    out[at->second].rows.emplace_back(row, first);
  }
  return out;
}

/// One polynomial as it fills. Groups need their own places for themselves.
struct Filling {
  std::size_t free = 0;     ///< behind every sum that is needed
  std::size_t touched = 0;  ///< behind everything that was touched
  std::size_t first = 0;    ///< least place that is needed
};

/// Where a group starts in a polynomial, if it fits: its needed places beyond what others touch and the other way round; what
/// wraps around the end stays before the first needed place.
std::optional<std::size_t> fit(const Group& group, const Filling& in, std::size_t inputs, std::size_t degree) {
  const auto behind = in.touched > group.least() ? in.touched - group.least() : 0;
  const auto start = std::max(in.free, behind);
  const auto first = in.touched == 0 ? start + group.least() : in.first;
  if (start + group.most() >= degree || start + inputs + group.reach() > degree + first) return {};
  return start;
}

/// Lays all groups out; the number of polynomials.
std::size_t lay_out(std::vector<Group>& groups, std::size_t inputs, std::size_t degree) {
  std::vector<Filling> polys;
  for (auto& group : groups) {
    auto start = polys.empty() ? std::optional<std::size_t>{} : fit(group, polys.back(), inputs, degree);
    if (!start) {
      polys.emplace_back();
      start = fit(group, polys.back(), inputs, degree);
    }
    auto& in = polys.back();
    if (in.touched == 0) in.first = *start + group.least();
    in.free = std::max(in.free, *start + group.most() + 1);
    in.touched = std::max(in.touched, *start + inputs + group.reach());
    group.start = *start;
    group.result = polys.size() - 1;
  }
  return polys.size();
}

std::vector<Plain> packed(const std::vector<Group>& groups, std::size_t results, std::size_t degree) {
  std::vector<Plain> out(results, Plain{std::vector<std::int32_t>(degree)});
  for (const auto& group : groups)
    for (const auto& [d, weight] : group.pattern)
      out[group.result].coefficients[group.start + group.reach() - d] = static_cast<std::int32_t>(weight);
  return out;
}

/// The level that results leave at, or 0 when they would not decrypt.
std::size_t result_level(const Parameters& parameters, Bits weights) {
  const NoisePlan noise(parameters);
  auto level = parameters.primes.size();
  auto v = log2_sum(noise.fresh_symmetric() + weights, noise.any_plain());
  if (!noise.fits("plan", v, level)) return 0;
  while (level > 1 && noise.fits("plan", noise.switched(v, level), level - 1)) v = noise.switched(v, level), --level;
  return level;
}

Status check(const Context& context, const SharedPlan& plan, std::size_t given, std::size_t expected) {
  if (context.parameters() != plan.parameters || given != expected)
    return fail(Code::invalid_argument, "[layer] {} values: {} under the plan's parameters expected", given, expected);
  return {};
}

}  // namespace

Result<SharedPlan> plan_shared(const LinearLayer& layer) {
  KOINON_TRY(const auto bound, bound_of(layer));
  auto groups = groups_of(layer);
  for (const std::uint32_t degree : {4096U, 8192U, 16384U, 32768U}) {
    if (layer.inputs > degree) continue;
    const auto results = lay_out(groups, layer.inputs, degree);
    Bits widest;
    for (const auto& plain : packed(groups, results, degree)) widest = std::max(widest, canonical_norm(plain));
    for (std::size_t levels = 1; levels <= 4; ++levels) {
      const auto parameters = coefficient_parameters(degree, bound, levels);
      if (!parameters) continue;
      const auto level = result_level(*parameters, widest);
      if (level == 0) continue;
      SharedPlan plan{.parameters = *parameters,
                      .inputs = layer.inputs,
                      .results = results,
                      .places = std::vector<SharedPlan::Place>(layer.outputs),
                      .result_level = level,
                      .low = layer.low,
                      .high = layer.high,
                      .bound = bound};
      for (const auto& group : groups)
        for (const auto& [row, first] : group.rows)
          plan.places[row] = {static_cast<std::uint32_t>(group.result),
                              static_cast<std::uint32_t>(group.start + group.reach() + first)};
      return plan;
    }
  }
  return fail(Code::unsupported, "[layer] {} inputs, sums up to {}: no degree up to 32768 holds them", layer.inputs, bound);
}

Result<SharedModel> pack_shared(const Context& context, const SharedPlan& plan, const LinearLayer& layer) {
  KOINON_CHECK(check(context, plan, layer.inputs, plan.inputs));
  KOINON_TRY(const auto own, plan_shared(layer));
  if (own.places != plan.places || own.results != plan.results || own.parameters != plan.parameters)
    return fail(Code::invalid_argument, "[layer] the plan is of another layer");
  auto groups = groups_of(layer);
  lay_out(groups, layer.inputs, plan.parameters.degree);
  SharedModel out{.plan = plan, .weights = {}, .bias = {}};
  for (const auto& plain : packed(groups, plan.results, plan.parameters.degree)) {
    KOINON_TRY(out.weights.emplace_back(), prepare(context, plain, context.levels()));
    out.bias.push_back({std::vector<std::int32_t>(plan.parameters.degree)});
  }
  for (std::size_t row = 0; row < layer.outputs; ++row)
    out.bias[plan.places[row].result].coefficients[plan.places[row].at] = static_cast<std::int32_t>(layer.bias[row]);
  return out;
}

Result<Ciphertext> encrypt_shared(const Context& context, const SharedPlan& plan, const SecretKey& key,
                                  std::span<const std::int64_t> x, base::Random& random) {
  KOINON_CHECK(check(context, plan, x.size(), plan.inputs));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] < plan.low || x[i] > plan.high)
      return fail(Code::out_of_range, "[layer] input {}: within [{}, {}] expected", i, plan.low, plan.high);
  Plain plain{std::vector<std::int32_t>(plan.parameters.degree)};
  for (std::size_t i = 0; i < x.size(); ++i) plain.coefficients[i] = static_cast<std::int32_t>(x[i]);
  auto out = encrypt(context, key, plain, context.levels(), random);
  base::wipe({reinterpret_cast<std::uint8_t*>(plain.coefficients.data()), plain.coefficients.size() * sizeof(std::int32_t)});
  return out;
}

Result<std::vector<Ciphertext>> evaluate_shared(const Context& context, const SharedModel& model, const Ciphertext& x,
                                                base::ThreadPool* pool) {
  const Evaluator evaluator(context, nullptr, pool);
  const auto fresh = evaluator.plan().fresh_symmetric();
  if (x.level != context.levels() || x.parts.size() != 2 || x.noise > fresh)
    return fail(Code::invalid_argument, "[layer] an input of level {}: a fresh encryption of level {} expected", x.level,
                context.levels());
  auto input = x;
  input.noise = fresh;
  std::vector<Ciphertext> out;
  for (std::size_t i = 0; i < model.weights.size(); ++i) {
    KOINON_TRY(const auto product, evaluator.multiply_plain(input, model.weights[i]));
    KOINON_TRY(auto sum, evaluator.add_plain(product, model.bias[i]));
    while (sum.level > model.plan.result_level) {
      KOINON_TRY(sum, evaluator.switch_modulus(sum));
    }
    out.push_back(std::move(sum));
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_shared(const Context& context, const SharedPlan& plan, const SecretKey& key,
                                                 std::span<const Ciphertext> results) {
  KOINON_CHECK(check(context, plan, results.size(), plan.results));
  std::vector<Plain> plain;
  for (const auto& result : results) {
    KOINON_TRY(plain.emplace_back(), decrypt(context, key, result));
  }
  std::vector<std::int64_t> out;
  for (const auto& place : plan.places) out.push_back(plain[place.result].coefficients[place.at]);
  return out;
}

}  // namespace koinon::trust::fhe
