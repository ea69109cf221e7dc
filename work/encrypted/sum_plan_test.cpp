#include "work/encrypted/sum_plan.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace koinon::work {
namespace {

using base::Code;

TEST(SumPlan, real_updates_sum_to_the_sum_of_their_integers) {
  const auto plan = SumPlan::make(3, 2, 0.5).value();
  EXPECT_EQ(SumPlan::decode(plan.encode()).value(), plan);
  const std::vector<double> a{0.5, -0.5, 0.1}, b{0.5, 0.25, -0.1};
  const auto x = plan.integers(a).value(), y = plan.integers(b).value();
  EXPECT_EQ(x[0], plan.plan.bound);
  std::vector<std::int64_t> sum;
  for (std::size_t i = 0; i < 3; ++i) sum.push_back(x[i] + y[i]);
  const auto real = plan.reals(sum);
  EXPECT_DOUBLE_EQ(real[0], 1);
  EXPECT_NEAR(real[1], -0.25, plan.unit());
  EXPECT_NEAR(real[2], 0, plan.unit());
}

TEST(SumPlan, units_are_finer_for_fewer_parties) {
  EXPECT_LT(SumPlan::make(1, 20, 1)->unit(), SumPlan::make(1, 1000, 1)->unit());
  EXPECT_EQ(SumPlan::make(1, 1, 1)->plan.bound, (1 << 24) - 1) << "as fine as a float";
}

TEST(SumPlan, refuses_what_was_not_planned) {
  const auto plan = SumPlan::make(2, 4, 1).value();
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(plan.integers(std::vector<double>{1}).error().code, Code::invalid_argument);
  EXPECT_EQ(plan.integers(std::vector<double>{0, 1.01}).error().code, Code::out_of_range);
  EXPECT_EQ(plan.integers(std::vector<double>{0, nan}).error().code, Code::out_of_range);
  EXPECT_EQ(SumPlan::make(2, 4, nan).error().code, Code::invalid_argument);
  EXPECT_FALSE(SumPlan::make(2, 0, 1));
  EXPECT_FALSE(SumPlan::make(0, 2, 1));
  auto bytes = plan.encode();
  bytes[0] ^= 1;
  EXPECT_EQ(SumPlan::decode(bytes).error().code, Code::malformed);
  EXPECT_EQ(SumCiphers::decode(SumCiphers{0, {}}.encode()).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::work
