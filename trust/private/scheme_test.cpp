// Samplers, parameters, the noise plan, encoding, and the twins of base conversion and key switching.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <map>
#include <random>
#include <set>

#include "trust/private/evaluate.hpp"
#include "trust/private/probe_test.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;

constexpr Wish kSmall{.degree = 4096,
                      .plain = 65537,
                      .base_bits = 36,
                      .level_bits = 36,
                      .levels = 2,
                      .special_bits = 37,
                      .specials = 1,
                      .digit = 1};

base::Hash seed_of(std::uint8_t i) {
  base::Hash out;
  out.bytes[0] = i;
  return out;
}

/// Chi-squared against expected counts; its mean is the number of cells - 1, its deviation sqrt of twice that. Seeds are fixed.
double chi_squared(const std::map<int, double>& expected, const std::map<int, std::size_t>& seen) {
  double sum = 0;
  for (const auto& [value, count] : expected) {
    const auto it = seen.find(value);
    const auto got = it == seen.end() ? 0.0 : static_cast<double>(it->second);
    sum += (got - count) * (got - count) / count;
  }
  return sum;
}

TEST(Samplers, streams_are_chacha20_and_apart) {
  // RFC 8439, appendix A.1, test vectors 1 and 2: zero key and nonce, which no Use gives in production.
  Stream zero(base::Hash{}, static_cast<Use>(0));
  EXPECT_EQ(zero.word(), 0x903df1a0ade0b876ULL);  // 76 b8 e0 ad a0 f1 3d 90
  for (int i = 1; i < 8; ++i) zero.word();
  EXPECT_EQ(zero.word(), 0x7a385155bee7079fULL);  // block 1: 9f 07 e7 be 55 51 38 7a
  Stream a(seed_of(1), Use::noise, 5, 6), same(seed_of(1), Use::noise, 5, 6);
  std::set<std::uint64_t> first{a.word()};
  EXPECT_EQ(same.word(), *first.begin());
  EXPECT_TRUE(first.insert(Stream(seed_of(2), Use::noise, 5, 6).word()).second);
  EXPECT_TRUE(first.insert(Stream(seed_of(1), Use::secret, 5, 6).word()).second);
  EXPECT_TRUE(first.insert(Stream(seed_of(1), Use::noise, 6, 5).word()).second);
  EXPECT_TRUE(first.insert(Stream(seed_of(1), Use::noise, 5, 7).word()).second);
}

TEST(Samplers, ternary_is_uniform) {
  Stream stream(seed_of(1), Use::secret);
  const std::size_t n = 1 << 20;
  const auto s = sample_ternary(stream, n);
  std::map<int, std::size_t> seen;
  for (std::size_t i = 0; i < n; ++i) ++seen[s[i]];
  const auto third = static_cast<double>(n) / 3;
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_LT(chi_squared({{-1, third}, {0, third}, {1, third}}, seen), 20);
}

TEST(Samplers, error_is_centred_binomial) {
  Stream stream(seed_of(1), Use::noise);
  const std::size_t n = 1 << 20;
  const auto e = sample_error(stream, n);
  std::map<int, std::size_t> seen;
  double mean = 0, square = 0, neighbours = 0;
  for (std::size_t i = 0; i < n; ++i) {
    ++seen[e[i]];
    mean += e[i];
    square += e[i] * e[i];
    if (i > 0) neighbours += e[i] * e[i - 1];
    ASSERT_LE(std::abs(e[i]), kErrorCoins);
  }
  const auto size = static_cast<double>(n);
  EXPECT_NEAR(mean / size, 0, 5 * std::sqrt(10.5 / size));
  EXPECT_NEAR(square / size, 10.5, 5 * 10.5 * std::sqrt(2 / size));
  EXPECT_NEAR(neighbours / size, 0, 5 * 10.5 / std::sqrt(size));
  std::map<int, double> expected;
  for (int x = -12; x <= 12; ++x)
    expected[x] = size * std::exp(std::lgamma(43) - std::lgamma(22 + x) - std::lgamma(22 - x) - 42 * std::log(2));
  EXPECT_LT(chi_squared(expected, seen), 24 + 6 * std::sqrt(48.0));
}

TEST(Samplers, uniform_fills_the_range) {
  const Modulus q(1125899906826241ULL);
  Stream stream(seed_of(1), Use::ciphertext);
  std::vector<double> a(1 << 18);
  sample_uniform(stream, a, q);
  std::map<int, std::size_t> seen;
  std::map<int, double> expected;
  for (auto x : a) {
    ASSERT_TRUE(x >= 0 && x < q.q);
    ++seen[static_cast<int>(x / q.q * 64)];
  }
  for (int i = 0; i < 64; ++i) expected[i] = static_cast<double>(a.size()) / 64;
  EXPECT_LT(chi_squared(expected, seen), 63 + 6 * std::sqrt(126.0));
}

TEST(Parameters, refuses_what_is_outside_the_table) {
  const auto good = *choose(kSmall);
  EXPECT_TRUE(validate(good));
  EXPECT_LE(modulus_bits(good), security_bits(4096));
  const auto refused = [&](auto&& change) {
    auto p = good;
    change(p);
    const auto status = validate(p);
    return !status && status.error().code == Code::unsupported;
  };
  EXPECT_TRUE(refused([](auto& p) { p.degree = 2048; }));
  EXPECT_TRUE(refused([](auto& p) { p.degree = 8192; }));  // primes are not 1 modulo 16384 but by chance
  EXPECT_TRUE(refused([](auto& p) { p.plain = 257; }));
  EXPECT_TRUE(refused([](auto& p) { p.plain = 65539; }));
  EXPECT_TRUE(refused([](auto& p) { p.primes.clear(); }));
  EXPECT_TRUE(refused([](auto& p) { p.special.clear(); }));  // digits without special primes
  EXPECT_FALSE(refused([](auto& p) { p.special.clear(), p.digit = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.primes[1] = p.primes[0]; }));
  EXPECT_TRUE(refused([](auto& p) { p.primes[1] = p.special[0]; }));
  EXPECT_TRUE(refused([](auto& p) { p.primes[1] += 8192ULL * 65537; }));
  EXPECT_TRUE(refused([](auto& p) { p.primes[1] += 2; }));
  EXPECT_TRUE(refused([](auto& p) { p.digit = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.digit = 2; }));                           // P does not cover two primes
  EXPECT_TRUE(refused([](auto& p) { std::swap(p.special[0], p.primes[0]); }));  // nor a larger one
  auto wish = kSmall;
  wish.levels = 3;  // 145 bits at degree 4096
  EXPECT_EQ(choose(wish).error().code, Code::unsupported);
  wish = kSmall;
  wish.level_bits = 51;
  EXPECT_EQ(choose(wish).error().code, Code::out_of_range);
}

TEST(Parameters, serve_every_degree) {
  for (const auto& wish : {Wish{.degree = 16384,
                                .plain = 65537,
                                .base_bits = 44,
                                .level_bits = 42,
                                .levels = 7,
                                .special_bits = 45,
                                .specials = 2,
                                .digit = 2},
                           Wish{.degree = 32768,
                                .plain = 65537,
                                .base_bits = 46,
                                .level_bits = 44,
                                .levels = 16,
                                .special_bits = 47,
                                .specials = 3,
                                .digit = 3},
                           Wish{.degree = 65536,
                                .plain = 786433,
                                .base_bits = 50,
                                .level_bits = 49,
                                .levels = 24,
                                .special_bits = 50,
                                .specials = 4,
                                .digit = 4}}) {
    const auto p = choose(wish);
    ASSERT_TRUE(p) << p.error().text;
    EXPECT_LE(modulus_bits(*p), security_bits(wish.degree));
    EXPECT_EQ(*decode_parameters(encode(*p)), *p);
  }
}

TEST(Noise, logarithms_bound) {
  for (std::uint64_t x : {1ULL, 2ULL, 3ULL, 12ULL, 65537ULL, 1125899906826241ULL, ~0ULL}) {
    const auto exact = 256 * std::log2(static_cast<long double>(x));
    EXPECT_LE(log2_floor(x).units, exact);
    EXPECT_GE(log2_ceil(x).units, exact - 1e-9L);
    EXPECT_LE(log2_ceil(x).units - log2_floor(x).units, 1);
    EXPECT_GE(log2_floor(x).units, exact - 1.01L);
  }
  for (int a = 0; a < 4000; a += 7) {
    const auto exact = 256 * std::log2(std::exp2(a / 256.0) + std::exp2(1000 / 256.0));
    const auto bound = log2_sum({a}, {1000}).units;
    EXPECT_GE(bound, exact - 1e-9);
    EXPECT_LE(bound, exact + 64);
  }
  EXPECT_EQ(Bits{384}.text(), "1.5");
}

TEST(Noise, canonical_norm_is_that_of_the_definition) {
  std::mt19937 rng(1);
  for (int shape = 0; shape < 4; ++shape) {
    Plain p{std::vector<std::int32_t>(256)};
    for (auto& x : p.coefficients)
      x = shape == 0 ? static_cast<int>(rng() % 65537) - 32768 : shape == 1 ? 32768 : shape == 2 ? 0 : 1;
    if (shape == 2) p.coefficients[17] = -5;
    double largest = 0;
    for (int k = 0; k < 256; ++k) {
      std::complex<double> sum;
      for (int j = 0; j < 256; ++j)
        sum += std::polar(1.0, std::acos(-1.0) * (2 * k + 1) * j / 256) *
               static_cast<double>(p.coefficients[static_cast<std::size_t>(j)]);
      largest = std::max(largest, std::abs(sum));
    }
    const auto bound = static_cast<double>(canonical_norm(p).units) / 256;
    EXPECT_GE(bound, std::log2(largest) - 1e-9);
    EXPECT_LE(bound, std::log2(largest + 2) + 0.01);
  }
  EXPECT_EQ(canonical_norm(Plain{std::vector<std::int32_t>(64)}).units, 0);
}

TEST(Encoding, packs_slots_and_refuses_too_many) {
  const auto context = *Context::create(*choose(kSmall));
  std::mt19937_64 rng(1);
  std::vector<std::int64_t> slots(4096);
  for (auto& x : slots) x = static_cast<std::int64_t>(rng() % 65537) - 32768;
  const auto plain = *encode_slots(*context, slots);
  EXPECT_EQ(decode_slots(*context, plain), slots);
  for (auto& x : slots) x += 65537LL * 1000;
  EXPECT_EQ(*encode_slots(*context, slots), plain);
  const auto ones = *encode_slots(*context, std::vector<std::int64_t>(4096, 7));
  EXPECT_EQ(ones.coefficients[0], 7);
  EXPECT_EQ(ones.coefficients[1], 0);
  EXPECT_EQ(encode_slots(*context, std::vector<std::int64_t>(4097)).error().code, Code::invalid_argument);
  auto bad = plain;
  bad.coefficients[0] = 32769;
  EXPECT_EQ(prepare(*context, bad, 1).error().code, Code::invalid_argument);
}

/// x mod D from residues, by Garner; D below 2^128.
Uint128 compose(const std::vector<std::uint64_t>& x, const std::vector<std::uint64_t>& q) {
  Uint128 value = 0, scale = 1;
  for (std::size_t i = 0; i < q.size(); ++i) {
    const auto have = static_cast<std::uint64_t>(value % q[i]);
    const auto digit = mul_mod(x[i] + q[i] - have, inverse_mod(static_cast<std::uint64_t>(scale % q[i]), q[i]), q[i]);
    value += scale * digit;
    scale *= q[i];
  }
  return value;
}

TEST(BaseConversion, equals_its_definition) {
  const auto q = *primes_below(42, 65536, 3, {});
  const auto targets = *primes_below(50, 65536, 2, {});
  const std::size_t n = 64;
  std::mt19937_64 rng(9);
  const Uint128 product = static_cast<Uint128>(q[0]) * q[1] * q[2];
  const BaseConverter plain({Modulus(q[0]), Modulus(q[1]), Modulus(q[2])}, {Modulus(targets[0]), Modulus(targets[1])}, 1, 1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::vector<double>> rows(3, std::vector<double>(n));
    std::vector<Uint128> exact(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::uint64_t> x;
      for (std::size_t k = 0; k < 3; ++k) {
        x.push_back(i == 0 ? 0 : i == 1 ? q[k] - 1 : i == 2 ? 1 : rng() % q[k]);
        rows[k][i] = static_cast<double>(x[k]);
      }
      exact[i] = compose(x, q);
    }
    double* pointers[] = {rows[0].data(), rows[1].data(), rows[2].data()};
    std::vector<double> count(n), out(n);
    plain.prepare(pointers, count.data(), n);
    for (std::size_t target = 0; target < 2; ++target) {
      plain.convert(pointers, count.data(), target, out.data(), n);
      const auto m = targets[target];
      for (std::size_t i = 0; i < n; ++i) {
        const auto expected = exact[i] > product / 2 ? (m - static_cast<std::uint64_t>((product - exact[i]) % m)) % m
                                                     : static_cast<std::uint64_t>(exact[i] % m);
        ASSERT_EQ(static_cast<std::uint64_t>(out[i]), expected);
      }
    }
  }
}

/// Digits of several primes, cut short at some levels, keys of a higher level: what is switched must still decrypt, within the
/// plan.
TEST(KeySwitching, works_for_every_level_and_digit_size) {
  std::mt19937_64 rng(3);
  for (const std::uint32_t digit : {1U, 2U, 3U}) {
    const auto context = *Context::create(*choose({.degree = 16384,
                                                   .plain = 65537,
                                                   .base_bits = 44,
                                                   .level_bits = 42,
                                                   .levels = 5,
                                                   .special_bits = 45,
                                                   .specials = digit,
                                                   .digit = digit}));
    base::SeededRandom random(digit);
    const auto secret = make_secret_key(*context, random);
    EvaluationKeys keys;
    keys.relinearise = *make_relinearisation_key(*context, secret, 5, random);
    keys.galois.emplace(3, *make_galois_key(*context, secret, 3, 4, random));
    const Evaluator e(*context, &keys);
    std::vector<std::int64_t> slots(context->degree());
    for (auto& x : slots) x = static_cast<std::int64_t>(rng() % 65537) - 32768;
    auto squares = slots, turned = slots;
    for (auto& x : squares) x = (x * x) % 65537, x -= x > 32768 ? 65537 : 0;
    for (std::size_t row = 0; row < 2; ++row) {
      const auto at = turned.begin() + static_cast<std::ptrdiff_t>(row * 8192);
      std::rotate(at, at + 1, at + 8192);
    }
    for (std::size_t level = 2; level <= 5; ++level) {
      const auto x = *encrypt(*context, secret, *encode_slots(*context, slots), level, random);
      const auto square = e.relinearise(*e.multiply(x, x));
      ASSERT_TRUE(square) << square.error().text;
      EXPECT_EQ(decode_slots(*context, *decrypt(*context, secret, *square)), squares);
      EXPECT_LE(measured_noise(*context, secret, *square), static_cast<double>(square->noise.units) / 256);
      if (level == 5) continue;
      const auto rotated = e.rotate(x, 1);
      ASSERT_TRUE(rotated) << rotated.error().text;
      EXPECT_EQ(decode_slots(*context, *decrypt(*context, secret, *rotated)), turned);
      EXPECT_LE(measured_noise(*context, secret, *rotated), static_cast<double>(rotated->noise.units) / 256);
    }
  }
}

}  // namespace
}  // namespace koinon::trust::fhe
