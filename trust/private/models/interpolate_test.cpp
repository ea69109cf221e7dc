#include "trust/private/models/interpolate.hpp"

#include <gtest/gtest.h>

#include <random>

namespace koinon::trust::fhe {
namespace {

TEST(Interpolator, passes_through_every_value_at_every_size) {
  std::mt19937_64 rng(1);
  for (std::size_t points = 2; points <= 65536; points *= 2) {
    const Interpolator interpolator(points);
    std::vector<std::int32_t> values(points);
    for (auto& v : values) v = static_cast<std::int32_t>(rng() % 65537) - 32768;
    const auto f = interpolator.through(values);
    ASSERT_EQ(f.size(), points);
    const auto step = points <= 1024 ? 1 : points / 257;  // all of them, or some everywhere
    for (std::size_t x = 0; x < points; x += step) {
      const auto value = static_cast<std::int32_t>(value_at(f, static_cast<std::uint32_t>(x)));
      ASSERT_EQ((value - values[x]) % 65537, 0) << "at " << x << " of " << points;
    }
    const auto last = static_cast<std::int32_t>(value_at(f, static_cast<std::uint32_t>(points - 1)));
    ASSERT_EQ((last - values[points - 1]) % 65537, 0);
  }
}

TEST(Interpolator, gives_the_polynomial_that_values_came_from) {
  std::vector<std::int32_t> squares;
  for (std::int32_t x = 0; x < 64; ++x) squares.push_back(3 * x * x - 5 * x + 7);
  const auto f = Interpolator(64).through(squares);
  EXPECT_EQ(f[0], 7U);
  EXPECT_EQ(f[1], 65532U);
  EXPECT_EQ(f[2], 3U);
  for (std::size_t i = 3; i < 64; ++i) EXPECT_EQ(f[i], 0U);
}

}  // namespace
}  // namespace koinon::trust::fhe
