#include <gtest/gtest.h>

#include <random>

#include "trust/private/field/ntt.hpp"

namespace koinon::trust::fhe {
namespace {

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> out{&portable_kernels()};
  if (avx2_kernels() != nullptr) out.push_back(avx2_kernels());
  return out;
}

std::vector<std::uint64_t> draw(std::mt19937_64& rng, std::size_t n, std::uint64_t q, int shape) {
  std::vector<std::uint64_t> out(n);
  for (auto& x : out) {
    const auto edge = rng() % 4;
    x = shape == 0 ? rng() % q : shape == 1 ? q - 1 : shape == 2 ? (edge == 0 ? 0 : q - edge) : q / 2 + (edge & 1);
  }
  return out;
}
std::vector<double> doubles(const std::vector<std::uint64_t>& a) { return {a.begin(), a.end()}; }
std::vector<std::uint64_t> integers(const std::vector<double>& a) {
  std::vector<std::uint64_t> out;
  for (auto x : a) out.push_back(static_cast<std::uint64_t>(x));
  return out;
}
bool canonical(const std::vector<double>& a, const Modulus& q) {
  for (auto x : a)
    if (!(x >= 0 && x < q.q && x == static_cast<double>(static_cast<std::uint64_t>(x)))) return false;
  return true;
}

TEST(Modulus, knows_primes) {
  EXPECT_TRUE(is_prime(65537));
  EXPECT_TRUE(is_prime(18446744073709551557ULL));  // largest below 2^64
  EXPECT_FALSE(is_prime(3215031751ULL));           // strong pseudoprime to 2, 3, 5, 7
  EXPECT_FALSE(is_prime(3825123056546413051ULL));  // to 2 .. 23
  EXPECT_FALSE(is_prime(1));
  EXPECT_FALSE(is_prime(0));
  std::size_t count = 0;
  for (std::uint64_t n = 0; n < 10000; ++n) count += is_prime(n) ? 1 : 0;
  EXPECT_EQ(count, 1229U);
}

TEST(Modulus, finds_primes_of_a_class) {
  const std::uint64_t step = 65536ULL * 65537ULL;
  const auto primes = primes_below(50, step, 30, {});
  ASSERT_TRUE(primes);
  for (auto p : *primes) EXPECT_TRUE(is_prime(p) && p % step == 1 && p >> 49 == 1);
  const auto others = primes_below(50, step, 2, {(*primes)[0]});
  ASSERT_TRUE(others);
  EXPECT_EQ((*others)[0], (*primes)[1]);
  EXPECT_EQ(primes_below(38, step, 30, {}).error().code, base::Code::out_of_range);
  EXPECT_EQ(primes_below(51, 1, 1, {}).error().code, base::Code::out_of_range);
}

TEST(Modulus, root_has_its_order) {
  for (std::uint64_t q : {65537ULL, 1125899906826241ULL}) {
    const auto order = q == 65537 ? 65536ULL : (q - 1) & (~(q - 1) + 1);
    EXPECT_EQ(pow_mod(root_of_unity(order, q), order / 2, q), q - 1);
  }
  EXPECT_EQ(root_of_unity(65536, 65537), 3U);
}

/// Cases: sizes for every pass shape, primes from 20 to 50 bits.
class Field : public ::testing::TestWithParam<std::tuple<std::size_t, int>> {};

TEST_P(Field, transform_equals_its_definition_and_inverts) {
  const auto [n, bits] = GetParam();
  const auto primes = primes_below(bits, 2 * n, 1, {});
  ASSERT_TRUE(primes);
  const Modulus q((*primes)[0]);
  const Ntt ntt(n, q);
  std::mt19937_64 rng(n + static_cast<std::uint64_t>(bits));
  for (int shape = 0; shape < 4; ++shape) {
    const auto a = draw(rng, n, q.value, shape);
    const auto expected = n <= 2048 ? ntt_ref(a, ntt.root(), q.value) : [&] {
      auto x = doubles(a);
      ntt.forward(x.data(), portable_kernels());
      return integers(x);
    }();
    for (const auto* k : all_kernels()) {
      auto x = doubles(a);
      ntt.forward(x.data(), *k);
      EXPECT_TRUE(canonical(x, q)) << k->name;
      EXPECT_EQ(integers(x), expected) << k->name << " n " << n << " shape " << shape;
      ntt.inverse(x.data(), *k);
      EXPECT_TRUE(canonical(x, q)) << k->name;
      EXPECT_EQ(integers(x), a) << k->name << " inverse, n " << n << " shape " << shape;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Field,
                         ::testing::Combine(::testing::Values(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                                                              65536),
                                            ::testing::Values(20, 30, 41, 50)));

TEST(Ntt, product_of_values_is_the_negacyclic_product) {
  const std::size_t n = 1024;
  const Modulus q((*primes_below(50, 2 * n, 1, {}))[0]);
  const Ntt ntt(n, q);
  std::mt19937_64 rng(7);
  const auto a = draw(rng, n, q.value, 0), b = draw(rng, n, q.value, 2);
  auto x = doubles(a), y = doubles(b);
  ntt.forward(x.data());
  ntt.forward(y.data());
  kernels().mul(x.data(), y.data(), x.data(), n, q);
  ntt.inverse(x.data());
  EXPECT_EQ(integers(x), multiply_ref(a, b, q.value));
}

TEST(Ntt, known_answer) {
  const Modulus q(65537);
  const Ntt ntt(32, q);
  EXPECT_EQ(ntt.root(), pow_mod(3, 1024, 65537));
  std::vector<double> a(32, 0);
  a[1] = 1;  // x: the values are the odd powers of the root themselves
  ntt.forward(a.data());
  for (std::size_t i = 0; i < 32; ++i)
    EXPECT_EQ(static_cast<std::uint64_t>(a[i]), pow_mod(ntt.root(), 2 * reverse_bits(i, 5) + 1, 65537));
}

std::uint64_t centred_mod(std::uint64_t x, std::uint64_t p, std::uint64_t q) {
  return x > p / 2 ? (q - (p - x) % q) % q : x % q;
}

TEST(Loops, equal_their_definitions_at_the_edges) {
  const std::size_t n = 256;
  const auto wide = *primes_below(50, 65536, 3, {});
  for (const std::uint64_t prime : {wide[0], std::uint64_t{65537}, (*primes_below(41, 65536, 1, {}))[0]}) {
    const Modulus q(prime);
    std::mt19937_64 rng(prime);
    for (int shape = 0; shape < 16; ++shape)
      for (const auto* k : all_kernels()) {
        const auto a = draw(rng, n, prime, shape & 3), b = draw(rng, n, prime, shape >> 2), c = draw(rng, n, prime, 0);
        const auto s = b[0];
        const auto da = doubles(a), db = doubles(b);
        const auto check = [&](const char* what, const std::vector<double>& got, auto&& expected) {
          ASSERT_TRUE(canonical(got, q)) << k->name << " " << what;
          for (std::size_t i = 0; i < n; ++i)
            ASSERT_EQ(static_cast<std::uint64_t>(got[i]), expected(i)) << k->name << " " << what << " " << i;
        };
        std::vector<double> out(n), other(n);
        k->add(da.data(), db.data(), out.data(), n, q);
        check("add", out, [&](std::size_t i) { return (a[i] + b[i]) % prime; });
        k->sub(da.data(), db.data(), out.data(), n, q);
        check("sub", out, [&](std::size_t i) { return (a[i] + prime - b[i]) % prime; });
        k->mul(da.data(), db.data(), out.data(), n, q);
        check("mul", out, [&](std::size_t i) { return mul_mod(a[i], b[i], prime); });
        out = doubles(c);
        k->mul_add(da.data(), db.data(), out.data(), n, q);
        check("mul_add", out, [&](std::size_t i) { return (mul_mod(a[i], b[i], prime) + c[i]) % prime; });
        const auto dc = doubles(c);
        const double* d[] = {da.data(), db.data(), dc.data(), da.data(), da.data()};
        const double* e[] = {db.data(), db.data(), da.data(), dc.data(), da.data()};
        k->dot2(d, e, d, 5, out.data(), other.data(), n, q);
        const auto of = [&](int x, std::size_t i) { return x == 0 ? a[i] : x == 1 ? b[i] : c[i]; };
        const int ds[] = {0, 1, 2, 0, 0}, es[] = {1, 1, 0, 2, 0};
        const auto sum = [&](std::size_t i, const int* with) {
          std::uint64_t total = 0;
          for (int x = 0; x < 5; ++x) total = (total + mul_mod(of(ds[x], i), of(with[x], i), prime)) % prime;
          return total;
        };
        check("dot2", out, [&](std::size_t i) { return sum(i, es); });
        check("dot2", other, [&](std::size_t i) { return sum(i, ds); });
        k->scale(da.data(), static_cast<double>(s), out.data(), n, q);
        check("scale", out, [&](std::size_t i) { return mul_mod(a[i], s, prime); });
        k->sub_scale(da.data(), db.data(), static_cast<double>(s), out.data(), n, q);
        check("sub_scale", out, [&](std::size_t i) { return mul_mod(a[i] + prime - b[i], s, prime); });
      }
  }
}

TEST(Loops, lift_and_combine_equal_their_definitions) {
  const std::size_t n = 256, terms = 6;
  const auto wide = *primes_below(50, 65536, 3, {});
  std::mt19937_64 rng(11);
  for (const std::uint64_t prime : {wide[0], wide[1], std::uint64_t{65537}}) {
    const Modulus q(prime);
    for (int shape = 0; shape < 4; ++shape) {
      std::vector<std::vector<std::uint64_t>> a;
      std::vector<std::vector<double>> da;
      std::vector<const double*> pointers;
      for (std::size_t t = 0; t < terms; ++t) a.push_back(draw(rng, n, wide[2], shape)), da.push_back(doubles(a.back()));
      for (auto& x : da) pointers.push_back(x.data());
      const auto w = draw(rng, terms, prime, shape);
      const auto dw = doubles(w);
      const auto total = rng() % prime;
      for (const auto* k : all_kernels()) {
        std::vector<double> out(n), count(n);
        k->lift(da[0].data(), Modulus(wide[2]), out.data(), n, q);
        for (std::size_t i = 0; i < n; ++i)
          ASSERT_EQ(static_cast<std::uint64_t>(out[i]), centred_mod(a[0][i], wide[2], prime)) << k->name;
        for (std::size_t t = 0; t < terms; ++t) k->quotient(pointers[t], Modulus(wide[2]), count.data(), n);
        k->combine(pointers.data(), dw.data(), terms, count.data(), static_cast<double>(total), out.data(), n, q);
        ASSERT_TRUE(canonical(out, q)) << k->name;
        for (std::size_t i = 0; i < n; ++i) {
          std::uint64_t expected = 0;
          for (std::size_t t = 0; t < terms; ++t) expected = (expected + mul_mod(a[t][i], w[t], prime)) % prime;
          const auto times = static_cast<std::uint64_t>(std::llrint(count[i])) % prime;
          expected = (expected + prime - mul_mod(times, total, prime)) % prime;
          ASSERT_EQ(static_cast<std::uint64_t>(out[i]), expected) << k->name << " shape " << shape;
        }
      }
    }
  }
}

}  // namespace
}  // namespace koinon::trust::fhe
