#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/train/arith/lanes.hpp"
#include "engine/train/arith/product.hpp"
#include "test/training/float_cases.hpp"

namespace koinon::test::training {
namespace {

using engine::kernels::Isa;
using engine::train::Matrix;

/// Numbers of contracts/Floats.sol's `reduce`.
enum class Sum : std::uint8_t { dot = 0, lanes = 1, products = 2, squares = 3, largest = 4, blocks = 5 };

struct Rows {
  std::vector<std::uint32_t> left, right;
  std::uint32_t centre = 0;

  [[nodiscard]] std::vector<float> numbers(const std::vector<std::uint32_t>& bits) const {
    std::vector<float> out;
    for (const auto b : bits) out.push_back(std::bit_cast<float>(b));
    return out;
  }
};

/// What engine/train/arith gives.
std::uint32_t engine_sum(Sum what, const Rows& rows) {
  const auto& l = engine::train::lanes(Isa::ref);
  const auto a = rows.numbers(rows.left), b = rows.numbers(rows.right);
  const auto n = static_cast<std::int64_t>(a.size());
  const auto centre = std::bit_cast<float>(rows.centre);
  float y = 0;
  switch (what) {
    case Sum::dot:
      engine::train::product({nullptr, Isa::ref}, Matrix(a.data(), 1, n, n, 1), Matrix(b.data(), 1, n, n, 1), {&y, 1});
      break;
    case Sum::lanes: y = l.sum(n, a.data()); break;
    case Sum::products: y = l.sum_products(n, a.data(), b.data()); break;
    case Sum::squares: y = l.sum_squares(n, a.data(), centre); break;
    case Sum::largest: y = l.largest(n, a.data()); break;
    case Sum::blocks: l.column_sums(n, 1, 1, a.data(), &y); break;
  }
  return canonical(std::bit_cast<std::uint32_t>(y));
}

/// Numbers of one kind: plain ones, near zero, wide, any bits, or plain ones with an extreme here and there.
std::uint32_t throw_number(base::Random& random, std::uint32_t kind) {
  const auto word = random.u64();
  const auto plain = static_cast<std::uint32_t>(word >> 33 & 0x807fffffU) | (0x3cU + static_cast<std::uint32_t>(word & 3))
                                                                                << 24;
  switch (kind) {
    case 0: return plain;
    case 1: return static_cast<std::uint32_t>(word) & 0x81ffffffU;
    case 2: return (static_cast<std::uint32_t>(word) & 0x807fffffU) | (64U + static_cast<std::uint32_t>(word >> 32) % 96) << 23;
    case 3: return static_cast<std::uint32_t>(word);
    default: return (word >> 58) == 0 ? extremes()[(word >> 8) % extremes().size()] : plain;
  }
}

class Sums : public FloatTwins {};

TEST_F(Sums, are_those_of_the_engine_for_any_length) {
  base::SeededRandom random(51);
  for (const auto what : {Sum::dot, Sum::lanes, Sum::products, Sum::squares, Sum::largest, Sum::blocks})
    for (std::uint32_t round = 0; round < 160; ++round) {
      const std::size_t n = round < 60 ? 1 + round / 2 : 1 + random.u64() % (round % 4 == 0 ? 1100 : 300);
      Rows rows;
      for (std::size_t i = 0; i < n; ++i) {
        rows.left.push_back(throw_number(random, round % 5));
        rows.right.push_back(throw_number(random, round % 5));
      }
      rows.centre = throw_number(random, 0);
      const auto out =
          contract_.reduce(static_cast<std::uint8_t>(what), little_endian(rows.left), little_endian(rows.right), rows.centre);
      ASSERT_TRUE(out) << out.error().text;
      ASSERT_EQ(canonical(out->bits), engine_sum(what, rows))
          << "sum " << static_cast<int>(what) << " of " << n << ", round " << round;
    }
}

TEST_F(Sums, of_a_thousand_products_take_the_gas_that_the_readme_states) {
  base::SeededRandom random(52);
  for (const std::uint32_t kind : {0U, 2U}) {
    Rows rows;
    for (std::size_t i = 0; i < 1024; ++i) {
      rows.left.push_back(throw_number(random, kind));
      rows.right.push_back(throw_number(random, kind));
    }
    const auto out = contract_.reduce(0, little_endian(rows.left), little_endian(rows.right), 0);
    ASSERT_TRUE(out) << out.error().text;
    std::printf("1024 products: %llu\n", static_cast<unsigned long long>(out->gas_used));
    EXPECT_LT(out->gas_used, 700'000U);
  }
}

}  // namespace
}  // namespace koinon::test::training
