#include "trust/private/models/logistic.hpp"

#include <algorithm>
#include <array>

#include "engine/math/math.hpp"
#include "trust/private/evaluate.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::int64_t kMost = std::int64_t{1} << 28;
constexpr std::int64_t kOne = 256;  ///< sigmoid's unit, and its largest argument
constexpr double kArgument = 1.0 / 32;

/// sigmoid(k / 32) in units of 1/256 for k from -256 to 256.
const std::array<std::int64_t, 2 * kOne + 1>& sigmoid() {
  static const auto made = [] {
    std::array<std::int64_t, 2 * kOne + 1> out{};
    for (std::int64_t k = -kOne; k <= kOne; ++k) {
      const auto value = static_cast<double>(kOne) / (1 + engine::math::exp(-static_cast<double>(k) * kArgument));
      out[static_cast<std::size_t>(k + kOne)] = static_cast<std::int64_t>(value + 0.5);
    }
    return out;
  }();
  return made;
}

Status check(const Context& context, const LogisticPlan& plan, std::size_t given, std::size_t expected) {
  if (context.parameters() != plan.parameters || given != expected)
    return fail(Code::invalid_argument, "[logistic] {} values: {} under the plan's parameters expected", given, expected);
  return {};
}

Status check_fresh(const NoisePlan& noise, std::size_t levels, std::span<const Ciphertext> ciphers) {
  for (const auto& c : ciphers)
    if (c.level != levels || c.parts.size() != 2 || c.noise > noise.fresh_symmetric())
      return fail(Code::invalid_argument, "[logistic] a ciphertext of level {}: a fresh encryption of level {} expected",
                  c.level, levels);
  return {};
}

/// Encrypts coefficients, each within `bound`, and wipes them.
Result<Ciphertext> encrypted(const Context& context, const SecretKey& key, Plain plain, std::int64_t bound,
                             base::Random& random) {
  const auto beyond = std::ranges::any_of(plain.coefficients, [&](auto v) { return v < -bound || v > bound; });
  auto out = beyond ? Result<Ciphertext>(fail(Code::out_of_range, "[logistic] a value: within {} expected", bound))
                    : encrypt(context, key, plain, context.levels(), random);
  base::wipe({reinterpret_cast<std::uint8_t*>(plain.coefficients.data()), plain.coefficients.size() * sizeof(std::int32_t)});
  return out;
}

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -kMost, kMost)); }

}  // namespace

std::int64_t residual(const LogisticRule& rule, std::int64_t score, int label) {
  const auto k = std::clamp(score >> rule.score_shift, -kOne, kOne);
  return sigmoid()[static_cast<std::size_t>(k + kOne)] - kOne * label;
}

std::int64_t stepped(const LogisticRule& rule, std::int64_t weight, std::int64_t gradient) {
  const auto step = (gradient + (std::int64_t{1} << (rule.step_shift - 1))) >> rule.step_shift;
  return std::clamp(weight - step, -rule.weight_bound, rule.weight_bound);
}

std::vector<std::int64_t> train_plain(const LogisticRule& rule, std::span<const std::int64_t> x, std::span<const int> labels,
                                      std::size_t steps) {
  std::vector<std::int64_t> weights(rule.features);
  for (std::size_t step = 0; step < steps; ++step) {
    std::vector<std::int64_t> gradient(rule.features);
    for (std::size_t i = 0; i < rule.rows; ++i) {
      const auto row = x.subspan(i * rule.features, rule.features);
      std::int64_t score = 0;
      for (std::size_t j = 0; j < row.size(); ++j) score += row[j] * weights[j];
      const auto r = residual(rule, score, labels[i]);
      for (std::size_t j = 0; j < row.size(); ++j) gradient[j] += r * row[j];
    }
    for (std::size_t j = 0; j < weights.size(); ++j) weights[j] = stepped(rule, weights[j], gradient[j]);
  }
  return weights;
}

Result<LogisticPlan> plan_logistic(const LogisticRule& rule) {
  const bool right = rule.features >= 1 && rule.features <= 4096 && rule.rows >= 1 && rule.rows <= (1 << 24) &&
                     rule.feature_bound >= 1 && rule.feature_bound < kMost && rule.weight_bound >= 1 &&
                     rule.weight_bound < kMost && rule.score_shift >= 0 && rule.score_shift < 62 && rule.step_shift >= 1 &&
                     rule.step_shift < 62;
  if (!right)
    return fail(Code::invalid_argument, "[logistic] {} features of {} rows, shifts {} and {}", rule.features, rule.rows,
                rule.score_shift, rule.step_shift);
  const auto scores = static_cast<std::int64_t>(rule.features) * rule.feature_bound;  // below 2^40
  if (scores >= kMost || scores * rule.weight_bound >= kMost)
    return fail(Code::out_of_range,
                "[logistic] scores reach {} times {}: below 2^28 expected; fewer bits of features or weights", scores,
                rule.weight_bound);
  const auto gradients = static_cast<std::int64_t>(rule.rows) * rule.feature_bound;
  if (gradients >= kMost || gradients * kOne >= kMost)
    return fail(Code::out_of_range,
                "[logistic] gradients reach {} times {}: below 2^28 expected; fewer rows a step or fewer bits of features",
                gradients, kOne);
  LogisticPlan plan{.rule = rule, .parameters = {}};
  for (const std::uint32_t degree : {4096U, 8192U})
    for (std::size_t levels = 1; levels <= 4; ++levels) {
      auto parameters = coefficient_parameters(degree, std::max(scores * rule.weight_bound, gradients * kOne), levels);
      if (!parameters) continue;
      plan.parameters = *std::move(parameters);
      const NoisePlan noise(plan.parameters);
      const auto product = noise.fresh_symmetric() + noise.fresh_symmetric();
      if (noise.fits("gradient", product + log2_ceil(plan.chunks()), levels)) return plan;
    }
  return fail(Code::unsupported, "[logistic] {} rows: no parameters hold the noise", rule.rows);
}

Result<std::vector<Ciphertext>> encrypt_rows(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                             std::span<const std::int64_t> x, base::Random& random) {
  KOINON_CHECK(check(context, plan, x.size(), plan.rule.rows * plan.rule.features));
  std::vector<Ciphertext> out;
  const auto size = plan.rows_a_chunk() * plan.rule.features;
  for (std::size_t at = 0; at < x.size(); at += size) {
    Plain plain{std::vector<std::int32_t>(plan.parameters.degree)};
    for (std::size_t i = 0; i < size && at + i < x.size(); ++i) plain.coefficients[i] = narrow(x[at + i]);
    KOINON_TRY(out.emplace_back(), encrypted(context, key, std::move(plain), plan.rule.feature_bound, random));
  }
  return out;
}

Result<Ciphertext> encrypt_weights(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                   std::span<const std::int64_t> weights, base::Random& random) {
  KOINON_CHECK(check(context, plan, weights.size(), plan.rule.features));
  Plain plain{std::vector<std::int32_t>(plan.parameters.degree)};
  for (std::size_t j = 0; j < weights.size(); ++j) plain.coefficients[weights.size() - 1 - j] = narrow(weights[j]);
  return encrypted(context, key, std::move(plain), plan.rule.weight_bound, random);
}

Result<std::vector<Ciphertext>> encrypted_scores(const Context& context, const LogisticPlan& plan,
                                                 std::span<const Ciphertext> rows, const Ciphertext& weights) {
  KOINON_CHECK(check(context, plan, rows.size(), plan.chunks()));
  const Evaluator evaluator(context);
  KOINON_CHECK(check_fresh(evaluator.plan(), context.levels(), rows));
  KOINON_CHECK(check_fresh(evaluator.plan(), context.levels(), {&weights, 1}));
  std::vector<Ciphertext> out;
  for (const auto& chunk : rows) {
    KOINON_TRY(out.emplace_back(), evaluator.multiply(chunk, weights));
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_scores(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                 std::span<const Ciphertext> scores) {
  KOINON_CHECK(check(context, plan, scores.size(), plan.chunks()));
  std::vector<std::int64_t> out(plan.rule.rows);
  for (std::size_t c = 0; c < scores.size(); ++c) {
    KOINON_TRY(const auto plain, decrypt(context, key, scores[c]));
    for (std::size_t i = 0; i < plan.rows_a_chunk() && c * plan.rows_a_chunk() + i < out.size(); ++i)
      out[c * plan.rows_a_chunk() + i] = plain.coefficients[(i + 1) * plan.rule.features - 1];
  }
  return out;
}

Result<std::vector<Ciphertext>> encrypt_residuals(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                  std::span<const std::int64_t> residuals, base::Random& random) {
  KOINON_CHECK(check(context, plan, residuals.size(), plan.rule.rows));
  std::vector<Ciphertext> out;
  const std::size_t degree = plan.parameters.degree;
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    Plain plain{std::vector<std::int32_t>(degree)};
    for (std::size_t i = 0; i < plan.rows_a_chunk() && c * plan.rows_a_chunk() + i < residuals.size(); ++i) {
      const auto value = narrow(residuals[c * plan.rows_a_chunk() + i]);
      plain.coefficients[i == 0 ? 0 : degree - i * plan.rule.features] = i == 0 ? value : -value;  // X^-k = -X^(N - k)
    }
    KOINON_TRY(out.emplace_back(), encrypted(context, key, std::move(plain), kOne, random));
  }
  return out;
}

Result<Ciphertext> encrypted_gradient(const Context& context, const LogisticPlan& plan, std::span<const Ciphertext> rows,
                                      std::span<const Ciphertext> residuals) {
  KOINON_CHECK(check(context, plan, rows.size(), plan.chunks()));
  KOINON_CHECK(check(context, plan, residuals.size(), plan.chunks()));
  const Evaluator evaluator(context);
  KOINON_CHECK(check_fresh(evaluator.plan(), context.levels(), rows));
  KOINON_CHECK(check_fresh(evaluator.plan(), context.levels(), residuals));
  KOINON_TRY(auto out, evaluator.multiply(rows[0], residuals[0]));
  for (std::size_t c = 1; c < rows.size(); ++c) {
    KOINON_TRY(const auto term, evaluator.multiply(rows[c], residuals[c]));
    KOINON_TRY(out, evaluator.add(out, term));
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_gradient(const Context& context, const LogisticPlan& plan, const SecretKey& key,
                                                   const Ciphertext& gradient) {
  KOINON_TRY(const auto plain, decrypt(context, key, gradient));
  std::vector<std::int64_t> out(plain.coefficients.begin(),
                                plain.coefficients.begin() + static_cast<std::ptrdiff_t>(plan.rule.features));
  return out;
}

}  // namespace koinon::trust::fhe
