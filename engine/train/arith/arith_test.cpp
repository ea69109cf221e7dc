#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/train/arith/functions.hpp"
#include "engine/train/arith/generator.hpp"
#include "engine/train/arith/product.hpp"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace koinon::engine::train {
namespace {

using kernels::Isa;
using Exact = long double (*)(long double);

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// Size of the last place of a float nearest to an exact value.
long double last_place(long double exact) {
  const int exponent = exact == 0 ? -126 : std::max(-126, std::ilogb(std::fabs(exact)));
  return std::ldexp(1.0L, exponent - 23);
}

/// Largest error in last places over every 997th float of [low, high].
double worst(float (*ours)(float), Exact exact, float low, float high) {
  double out = 0;
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << 32); b += 997) {
    const float x = from_bits(static_cast<std::uint32_t>(b));
    if (!(x >= low && x <= high)) continue;
    const long double y = exact(static_cast<long double>(x));
    const auto error = std::fabs(static_cast<long double>(ours(x)) - y) / last_place(y);
    out = std::max(out, static_cast<double>(error));
  }
  return out;
}

long double exact_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double exact_silu(long double x) { return x / (1 + std::exp(-x)); }

TEST(functions, stay_within_their_stated_bounds) {
  EXPECT_LT(worst(exp, std::exp, -104, 88.72F), 1.1);
  EXPECT_LT(worst(log, std::log, 1e-45F, 3e38F), 1.0);
  EXPECT_LT(worst(tanh, std::tanh, -100, 100), 2.0);
  EXPECT_LT(worst(erf, std::erf, -100, 100), 2.0);
  EXPECT_LT(worst(sigmoid, exact_sigmoid, -87, 1000), 3.0);
  EXPECT_LT(worst(silu, exact_silu, -87, 1000), 4.0);
}

TEST(functions, gelu_stays_within_its_absolute_bound) {
  for (float x = -10; x < 10; x += 0.00037F) {
    const long double y = 0.5L * x * (1 + std::erf(static_cast<long double>(x) / std::sqrt(2.0L)));
    ASSERT_LT(std::fabs(static_cast<long double>(gelu(x)) - y), 0x1p-22L * std::max(1.0F, std::fabs(x))) << x;
  }
}

TEST(functions, edges) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(exp(-inf), 0);
  EXPECT_EQ(exp(inf), inf);
  EXPECT_EQ(exp(0), 1);
  EXPECT_GT(exp(-103), 0);  // subnormal
  EXPECT_EQ(log(0), -inf);
  EXPECT_EQ(log(inf), inf);
  EXPECT_EQ(log(1), 0);
  EXPECT_EQ(tanh(inf), 1);
  EXPECT_EQ(tanh(-inf), -1);
  EXPECT_EQ(erf(inf), 1);
  EXPECT_EQ(erf(-inf), -1);
  EXPECT_EQ(sigmoid(-inf), 0);
  EXPECT_EQ(sigmoid(inf), 1);
  for (auto* f : {exp, log, tanh, erf, sigmoid, gelu, silu}) EXPECT_TRUE(std::isnan(f(nan)));
  EXPECT_TRUE(std::isnan(log(-1)));
  EXPECT_TRUE(std::signbit(tanh(-0.0F)));
}

/// Every 4093rd float, specials among them, in an array that is no multiple of a vector.
std::vector<float> walk() {
  std::vector<float> out = {0.0F, -0.0F, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << 32); b += 40961) {
    const float x = from_bits(static_cast<std::uint32_t>(b));
    if (!std::isnan(x)) out.push_back(x);
  }
  return out;
}

/// Equal bits, any NaN for any other.
void expect_equal(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) && !(std::isnan(a[i]) && std::isnan(b[i])))
      FAIL() << what << " differs at " << i << ": " << a[i] << " against " << b[i];
}

TEST(lanes, give_the_same_bits_with_and_without_avx2) {
  const auto &r = lanes(Isa::ref), &v = lanes(Isa::avx2);
  const auto x = walk();
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<float> a(x.size()), b(x.size()), ones(x.size(), 0.75F);
  for (auto map : {&Lanes::exp, &Lanes::log, &Lanes::tanh, &Lanes::erf, &Lanes::sigmoid, &Lanes::relu, &Lanes::gelu,
                   &Lanes::silu, &Lanes::sqrt}) {
    (r.*map)(n, x.data(), a.data());
    (v.*map)(n, x.data(), b.data());
    expect_equal(a, b, "map");
  }
  for (auto slope : {&Lanes::tanh_slope, &Lanes::sigmoid_slope, &Lanes::relu_slope, &Lanes::gelu_slope, &Lanes::silu_slope}) {
    (r.*slope)(n, x.data(), ones.data(), a.data());
    (v.*slope)(n, x.data(), ones.data(), b.data());
    expect_equal(a, b, "slope");
  }
}

TEST(lanes, sums_have_one_order) {
  const auto &r = lanes(Isa::ref), &v = lanes(Isa::avx2);
  const Generator random(3, Stream::data, 0);
  for (std::int64_t n = 1; n < 200; ++n) {
    std::vector<float> x(static_cast<std::size_t>(n)), y(x.size()), p(x.size()), q(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(i) * 7 - 2, y[i] = random.uniform(1000 + i) - 0.5F;
    EXPECT_EQ(r.sum(n, x.data()), v.sum(n, x.data()));
    EXPECT_EQ(r.sum_products(n, x.data(), y.data()), v.sum_products(n, x.data(), y.data()));
    EXPECT_EQ(r.sum_squares(n, x.data(), 0.3F), v.sum_squares(n, x.data(), 0.3F));
    EXPECT_EQ(r.sum_centred(n, x.data(), y.data(), 0.3F), v.sum_centred(n, x.data(), y.data(), 0.3F));
    EXPECT_EQ(r.largest(n, x.data()), v.largest(n, x.data()));
    EXPECT_EQ(r.softmax(n, x.data(), p.data()), v.softmax(n, x.data(), q.data()));
    expect_equal(p, q, "softmax");
    r.softmax_slope(n, p.data(), y.data(), p.data());
    v.softmax_slope(n, q.data(), y.data(), q.data());
    expect_equal(p, q, "softmax slope");
  }
}

TEST(lanes, optimisers_give_the_same_bits) {
  const auto &r = lanes(Isa::ref), &v = lanes(Isa::avx2);
  const Generator random(4, Stream::data, 0);
  std::vector<float> g(1003), m(1003, 0.1F), s(1003, 0.2F), w(1003, 0.5F);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = random.uniform(i) - 0.5F;
  auto m2 = m, s2 = s, w2 = w;
  const auto n = static_cast<std::int64_t>(g.size());
  for (int t = 0; t < 5; ++t) {
    r.adam(n, {0.01F, 0.9F, 0.999F, 1e-8F, 0.1F, 3.0F, 5.0F}, g.data(), m.data(), s.data(), w.data());
    v.adam(n, {0.01F, 0.9F, 0.999F, 1e-8F, 0.1F, 3.0F, 5.0F}, g.data(), m2.data(), s2.data(), w2.data());
    r.sgd(n, {0.1F, 0.9F, 0.01F}, g.data(), m.data(), w.data());
    v.sgd(n, {0.1F, 0.9F, 0.01F}, g.data(), m2.data(), w2.data());
  }
  expect_equal(w, w2, "weights");
  expect_equal(s, s2, "squares");
}

/// The definition, word by word.
float dot(const std::vector<float>& a, const std::vector<float>& b, std::size_t row, std::size_t column, std::size_t depth) {
  float total = 0;
  for (std::size_t first = 0; first < depth; first += kBlock) {
    float part = 0;
    for (std::size_t k = first; k < std::min(depth, first + kBlock); ++k)
      part = std::fma(a[row * depth + k], b[column * depth + k], part);
    total = first == 0 ? part : total + part;
  }
  return total;
}

TEST(product, is_the_definition_for_any_shape_split_and_instruction_set) {
  const Generator random(5, Stream::data, 0);
  base::ThreadPool three(3);
  for (std::uint64_t round = 0; round < 60; ++round) {
    const auto size = [&](std::uint64_t i, std::uint32_t most) { return 1 + random.word(round * 8 + i) % most; };
    const std::size_t m = size(0, 90), n = size(1, 300), k = size(2, round % 3 == 0 ? 1100 : 90);
    std::vector<float> a(m * k), b(n * k), bias(n);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = random.uniform(10000 + i) - 0.5F;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = random.uniform(90000 + i) - 0.5F;
    for (std::size_t i = 0; i < n; ++i) bias[i] = random.uniform(i);
    const auto s = [](std::size_t v) { return static_cast<std::int64_t>(v); };
    for (auto* pool : {static_cast<base::ThreadPool*>(nullptr), &three})
      for (const auto isa : {Isa::ref, Isa::avx2}) {
        std::vector<float> c(m * n);
        product({pool, isa}, Matrix(a.data(), s(m), s(k), s(k), 1), Matrix(b.data(), s(n), s(k), s(k), 1),
                {c.data(), s(n), nullptr, bias.data()});
        for (std::size_t i = 0; i < m; ++i)
          for (std::size_t j = 0; j < n; ++j)
            ASSERT_EQ(c[i * n + j], dot(a, b, i, j, k) + bias[j]) << m << " " << n << " " << k;
      }
  }
}

TEST(generator, is_philox) {
  // Known answers of the paper's own implementation (Random123, kat_vectors).
  const std::array<std::uint32_t, 4> zero = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), zero);
  const std::array<std::uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}), ones);
}

TEST(generator, permutes) {
  const auto order = permutation(Generator(7, Stream::order, 1), 1000);
  std::vector<bool> seen(1000);
  for (auto i : order) seen.at(i) = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 1000);
  EXPECT_NE(order, permutation(Generator(7, Stream::order, 2), 1000));
  EXPECT_EQ(order, permutation(Generator(7, Stream::order, 1), 1000));
}

#if defined(__x86_64__)
TEST(float_mode, undoes_what_others_set) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040U);  // FTZ and DAZ
  volatile float tiny = 1e-40F, half = 0.5F;
  const float flushed = tiny * half;
  float kept = 0;
  parallel({}, 1, [&](std::int64_t) { kept = tiny * half; });
  EXPECT_EQ(_mm_getcsr() & 0x8040U, 0x8040U);
  _mm_setcsr(before);
  EXPECT_EQ(flushed, 0);
  EXPECT_GT(kept, 0);
}
#endif

}  // namespace
}  // namespace koinon::engine::train
