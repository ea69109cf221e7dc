// Training and aggregation over encrypted values, each against its plain twin.
#include <gtest/gtest.h>

#include <random>

#include "trust/private/models/aggregate.hpp"
#include "trust/private/models/logistic.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;

TEST(Aggregate, sum_of_encrypted_updates_is_the_plain_sum_at_the_ends_of_their_range) {
  constexpr std::size_t kParties = 20;
  constexpr std::int64_t kBound = 1'000'000;
  const auto plan = plan_aggregate(5000, kParties, kBound).value();
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(2);
  const auto key = make_secret_key(*context, random);
  const auto open = make_public_key(*context, key, random);
  std::mt19937_64 rng(3);
  std::vector<std::vector<Ciphertext>> updates;
  std::vector<std::int64_t> wanted(plan.length);
  for (std::size_t party = 0; party < kParties; ++party) {
    std::vector<std::int64_t> update;
    for (std::size_t i = 0; i < plan.length; ++i) {
      const auto any = static_cast<std::int64_t>(rng() % (2 * kBound + 1)) - kBound;
      update.push_back(i == 0 ? kBound : i == 1 ? -kBound : any);
      wanted[i] += update.back();
    }
    updates.push_back(encrypt_update(*context, plan, open, update, random).value());
  }
  const auto sum = add_updates(*context, plan, updates);
  ASSERT_TRUE(sum) << sum.error().text;
  EXPECT_EQ(decrypt_sum(*context, plan, key, *sum).value(), wanted);
  EXPECT_EQ(wanted[0], static_cast<std::int64_t>(kParties) * kBound);

  updates.push_back(updates[0]);
  EXPECT_EQ(add_updates(*context, plan, updates).error().code, Code::invalid_argument) << "more parties than planned";
  EXPECT_EQ(add_updates(*context, plan, {}).error().code, Code::invalid_argument);
  const std::vector<std::vector<Ciphertext>> twice{*sum};
  EXPECT_EQ(add_updates(*context, plan, twice).error().code, Code::invalid_argument) << "a sum is no fresh encryption";
}

TEST(Aggregate, refuses_what_it_cannot_hold) {
  EXPECT_EQ(plan_aggregate(10, 1 << 20, 1 << 10).error().code, Code::out_of_range);
  EXPECT_EQ(plan_aggregate(0, 2, 2).error().code, Code::invalid_argument);
  const auto plan = plan_aggregate(3, 2, 10).value();
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(2);
  const auto open = make_public_key(*context, make_secret_key(*context, random), random);
  EXPECT_EQ(encrypt_update(*context, plan, open, std::vector<std::int64_t>{1, 2}, random).error().code, Code::invalid_argument);
  EXPECT_EQ(encrypt_update(*context, plan, open, std::vector<std::int64_t>{1, 2, 11}, random).error().code, Code::out_of_range);
}

struct Rows {
  std::vector<std::int64_t> x;
  std::vector<int> labels;
};

/// Rows whose label is the sign of their first two features, and a constant feature at the end.
Rows rows_of(const LogisticRule& rule) {
  std::mt19937_64 rng(7);
  Rows out;
  for (std::size_t i = 0; i < rule.rows; ++i) {
    for (std::size_t j = 0; j + 1 < rule.features; ++j)
      out.x.push_back(static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(2 * rule.feature_bound + 1)) -
                      rule.feature_bound);
    const auto* row = &out.x[i * rule.features];
    out.labels.push_back(row[0] + row[1] > 0 ? 1 : 0);
    out.x.push_back(rule.feature_bound);
  }
  return out;
}

TEST(Logistic, training_on_encrypted_rows_gives_the_plain_weights) {
  const LogisticRule rule{
      .features = 31, .rows = 400, .feature_bound = 127, .weight_bound = 4095, .score_shift = 9, .step_shift = 13};
  const auto rows = rows_of(rule);
  const auto plan = plan_logistic(rule);
  ASSERT_TRUE(plan) << plan.error().text;
  const auto context = *Context::create(plan->parameters);
  base::SeededRandom random(2);
  const auto key = make_secret_key(*context, random);
  const auto held = encrypt_rows(*context, *plan, key, rows.x, random).value();
  constexpr std::size_t kSteps = 10;
  std::vector<std::int64_t> weights(rule.features);
  for (std::size_t step = 0; step < kSteps; ++step) {
    const auto sent = encrypt_weights(*context, *plan, key, weights, random).value();
    const auto scores = decrypt_scores(*context, *plan, key, encrypted_scores(*context, *plan, held, sent).value()).value();
    std::vector<std::int64_t> residuals;
    for (std::size_t i = 0; i < rule.rows; ++i) residuals.push_back(residual(rule, scores[i], rows.labels[i]));
    const auto back = encrypt_residuals(*context, *plan, key, residuals, random).value();
    const auto gradient =
        decrypt_gradient(*context, *plan, key, encrypted_gradient(*context, *plan, held, back).value()).value();
    for (std::size_t j = 0; j < rule.features; ++j) weights[j] = stepped(rule, weights[j], gradient[j]);
  }
  EXPECT_EQ(weights, train_plain(rule, rows.x, rows.labels, kSteps));
  std::size_t right = 0;
  for (std::size_t i = 0; i < rule.rows; ++i) {
    std::int64_t score = 0;
    for (std::size_t j = 0; j < rule.features; ++j) score += rows.x[i * rule.features + j] * weights[j];
    right += (score > 0) == (rows.labels[i] == 1) ? 1 : 0;
  }
  EXPECT_GE(right, rule.rows * 9 / 10) << "it learns";
}

TEST(Logistic, holds_the_worst_case_of_its_bounds) {
  const LogisticRule rule{.features = 8, .rows = 600, .feature_bound = 1000, .weight_bound = 32767};
  const auto plan = plan_logistic(rule).value();
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(2);
  const auto key = make_secret_key(*context, random);
  const std::vector<std::int64_t> x(rule.rows * rule.features, 1000), w(rule.features, -32767), r(rule.rows, 256);
  const auto held = encrypt_rows(*context, plan, key, x, random).value();
  const auto scores = encrypted_scores(*context, plan, held, encrypt_weights(*context, plan, key, w, random).value()).value();
  EXPECT_EQ(decrypt_scores(*context, plan, key, scores).value(), std::vector<std::int64_t>(rule.rows, -8 * 32767 * 1000));
  const auto gradient =
      encrypted_gradient(*context, plan, held, encrypt_residuals(*context, plan, key, r, random).value()).value();
  EXPECT_EQ(decrypt_gradient(*context, plan, key, gradient).value(), std::vector<std::int64_t>(8, 600 * 256 * 1000));
}

TEST(Logistic, refuses_what_does_not_fit) {
  EXPECT_EQ(plan_logistic({.features = 100, .rows = 10, .feature_bound = 127}).error().code, Code::out_of_range);
  EXPECT_EQ(plan_logistic({.features = 2, .rows = 100'000, .feature_bound = 127}).error().code, Code::out_of_range);
  EXPECT_EQ(plan_logistic({.features = 0, .rows = 10}).error().code, Code::invalid_argument);
  const auto plan = plan_logistic({.features = 2, .rows = 2, .feature_bound = 5, .weight_bound = 9}).value();
  const auto context = *Context::create(plan.parameters);
  base::SeededRandom random(2);
  const auto key = make_secret_key(*context, random);
  EXPECT_EQ(encrypt_rows(*context, plan, key, std::vector<std::int64_t>{1, 2, 3, 6}, random).error().code, Code::out_of_range);
  EXPECT_EQ(encrypt_rows(*context, plan, key, std::vector<std::int64_t>{1}, random).error().code, Code::invalid_argument);
  EXPECT_EQ(encrypt_weights(*context, plan, key, std::vector<std::int64_t>{1, -10}, random).error().code, Code::out_of_range);
}

}  // namespace
}  // namespace koinon::trust::fhe
