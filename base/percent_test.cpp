#include "base/percent.hpp"

#include <gtest/gtest.h>

namespace koinon::base {
namespace {

TEST(Percent, is_none_or_all_only_when_it_is) {
  for (const auto& [share, text] : std::initializer_list<std::pair<double, const char*>>{{0, "0 %"},
                                                                                         {0.0004, "< 0.1 %"},
                                                                                         {0.004, "0.4 %"},
                                                                                         {0.05, "5 %"},
                                                                                         {0.0731, "7.3 %"},
                                                                                         {0.1, "10 %"},
                                                                                         {0.931, "93 %"},
                                                                                         {0.994, "99.4 %"},
                                                                                         {0.99999, "99.9 %"},
                                                                                         {1, "100 %"}})
    EXPECT_EQ(percent(share), text) << share;
}

}  // namespace
}  // namespace koinon::base
