#include "engine/math/math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace koinon::engine {
namespace {

using Ours = double (*)(double);
using Exact = long double (*)(long double);

/// Largest error over a fixed walk through [low, high], relative to max(|exact|, floor).
double worst(Ours ours, Exact exact, double low, double high, double floor) {
  double out = 0;
  for (int i = 0; i <= 20000; ++i) {
    const double x = low + (high - low) * i / 20000.0 + 1e-7 * (i % 7);
    const long double y = exact(x);
    const auto error = std::fabs(static_cast<long double>(ours(x)) - y) / std::max<long double>(std::fabs(y), floor);
    out = std::max(out, static_cast<double>(error));
  }
  return out;
}

TEST(math, stays_within_its_stated_bounds) {
  EXPECT_LT(worst(math::exp, std::exp, -700, 700, 0), 4e-16);
  EXPECT_LT(worst(math::expm1, std::expm1, -3, 3, 1e-300), 1e-15);
  EXPECT_LT(worst(math::log, std::log, 1e-6, 50, 1), 4e-16);
  EXPECT_LT(worst(math::log1p, std::log1p, -0.9, 9, 1e-300), 1e-15);
  EXPECT_LT(worst(math::tanh, std::tanh, -20, 20, 1e-300), 1e-15);
  EXPECT_LT(worst(math::sinh, std::sinh, -30, 30, 1e-300), 2e-15);
  EXPECT_LT(worst(math::cosh, std::cosh, -30, 30, 0), 1e-15);
  EXPECT_LT(worst(math::asinh, std::asinh, -50, 50, 1e-300), 2e-15);
  EXPECT_LT(worst(math::acosh, std::acosh, 1, 50, 1), 2e-15);
  EXPECT_LT(worst(math::atanh, std::atanh, -0.99, 0.9899, 1e-300), 5e-15);
  EXPECT_LT(worst(math::erf, std::erf, -5.9, 5.9, 1e-300), 2e-15);
  EXPECT_LT(worst(math::sin, std::sin, -1e5, 1e5, 1), 1e-15);
  EXPECT_LT(worst(math::cos, std::cos, -1e5, 1e5, 1), 1e-15);
  EXPECT_LT(worst(math::atan, std::atan, -40, 40, 1e-300), 1e-15);
  EXPECT_LT(worst(math::asin, std::asin, -1, 0.999999, 1), 2e-15);
  EXPECT_LT(worst(math::acos, std::acos, -1, 0.999999, 1), 2e-15);
}

TEST(math, powers) {
  EXPECT_EQ(math::pow(3, 4), 81);
  EXPECT_EQ(math::pow(2, -2), 0.25);
  EXPECT_EQ(math::pow(-2, 3), -8);
  EXPECT_EQ(math::pow(2.25, 0.5), 1.5);
  EXPECT_TRUE(std::isnan(math::pow(-2, 0.3)));
  EXPECT_NEAR(math::pow(1.7, 3.3), std::pow(1.7, 3.3), 1e-14);
}

TEST(math, edges) {
  EXPECT_EQ(math::exp(-1000), 0);
  EXPECT_TRUE(std::isinf(math::exp(1000)));
  EXPECT_TRUE(std::isnan(math::log(-1)));
  EXPECT_TRUE(std::isinf(math::log(0)));
  EXPECT_EQ(math::tanh(100), 1);
  EXPECT_EQ(math::erf(-7), -1);
  EXPECT_DOUBLE_EQ(math::acos(-1), std::numbers::pi);
}

}  // namespace
}  // namespace koinon::engine
