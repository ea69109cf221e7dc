#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "trust/proof/commit.hpp"
#include "trust/proof/keccak.hpp"
#include "trust/proof/multilinear.hpp"
#include "trust/proof/transcript.hpp"
#include "trust/proof/vector.hpp"

namespace koinon::trust::proof {
namespace {

std::vector<Fp> random_elements(std::size_t n, std::uint64_t seed) {
  base::SeededRandom random(seed);
  std::vector<Fp> out(n);
  fill_random(random, out);
  // Edges, where carries and borrows happen.
  const std::array<std::uint64_t, 8> edges{0,         1, kPrime - 1, kPrime - 2, kEpsilon, kEpsilon + 1, 0xffffffff00000000,
                                           1ULL << 63};
  for (std::size_t i = 0; i < n; i += 3) out[i] = Fp(edges[(i / 3 + seed) % edges.size()]);
  return out;
}
Ext element(const std::vector<Fp>& v, std::size_t i) { return {v[3 * i], v[3 * i + 1], v[3 * i + 2]}; }

TEST(Fp, multiplies_as_wide_arithmetic_says) {
  const auto a = random_elements(300, 1), b = random_elements(300, 2);
  for (std::size_t i = 0; i < 300; ++i)
    for (std::size_t j = 0; j < 300; ++j) {
      const auto wide = static_cast<Wide128>(a[i].v) * b[j].v % kPrime;
      ASSERT_EQ((a[i] * b[j]).v, static_cast<std::uint64_t>(wide));
      ASSERT_EQ((a[i] + b[j]).v, static_cast<std::uint64_t>((static_cast<Wide128>(a[i].v) + b[j].v) % kPrime));
      ASSERT_EQ((a[i] - b[j]) + b[j], a[i]);
    }
  EXPECT_EQ(Fp::from(-1) + Fp(1), Fp(0));
  EXPECT_EQ(Fp::from(INT64_MIN + 5).v, kPrime - (static_cast<std::uint64_t>(INT64_MAX) - 4));
}

TEST(Fp, roots_of_unity_have_their_order) {
  for (unsigned bits = 1; bits <= 32; ++bits) {
    EXPECT_EQ(power(root_of_unity(bits), std::uint64_t{1} << bits), Fp(1));
    EXPECT_EQ(power(root_of_unity(bits), std::uint64_t{1} << (bits - 1)), -Fp(1));
  }
}

// X^3 - X - 1 has no root: X^p - X is invertible modulo it. So F is a field.
TEST(Ext, is_a_field) {
  const Ext x = basis(1);
  EXPECT_EQ(x * x * x, x + Ext(Fp(1)));
  const Ext frobenius = power(x, kPrime);
  EXPECT_EQ((frobenius - x) * inverse(frobenius - x), Ext(Fp(1)));
  EXPECT_EQ(power(power(frobenius, kPrime), kPrime), x);
  const auto a = random_elements(300, 3), b = random_elements(300, 4);
  for (std::size_t i = 0; i < 100; ++i) {
    const Ext u = element(a, i), v = element(b, i), w = element(a, (i + 7) % 100);
    EXPECT_EQ(u * v, v * u);
    EXPECT_EQ(u * (v + w), u * v + u * w);
    EXPECT_EQ((u * v) * w, u * (v * w));
    if (!u.is_zero()) EXPECT_EQ(u * inverse(u), Ext(Fp(1)));
  }
  std::vector<Ext> many;
  for (std::size_t i = 0; i < 100; ++i) many.push_back(element(a, i) + Ext(Fp(9), Fp(1), Fp(2)));
  auto inverted = many;
  invert_all(inverted);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(many[i] * inverted[i], Ext(Fp(1)));
}

TEST(Vector, avx2_equals_ref) {
  for (std::size_t n = 0; n < 70; ++n) {
    const auto a = random_elements(n, n), b = random_elements(n, n + 99), w = random_elements(n, n + 500);
    std::vector<Fp> fast(n), slow(n);
    multiply(a, b, fast);
    multiply_ref(a, b, slow);
    EXPECT_EQ(fast, slow);
    auto low = a, high = b, low_ref = a, high_ref = b;
    butterflies(low, high, w);
    butterflies_ref(low_ref, high_ref, w);
    EXPECT_EQ(low, low_ref);
    EXPECT_EQ(high, high_ref);
  }
}

TEST(Encoder, evaluates_at_the_domain_points) {
  const Encoder encoder(5, 3);
  const auto message = random_elements(32, 11);
  std::vector<Fp> word(256);
  encoder.encode(message, word);
  for (std::size_t i = 0; i < 256; ++i) {
    const Fp z = domain_point(i, 8);
    Fp value;
    for (std::size_t k = 32; k-- > 0;) value = value * z + message[k];
    ASSERT_EQ(word[i], value) << i;
  }
  for (std::size_t i = 0; i < 256; i += 2) EXPECT_EQ(domain_point(i, 8) + domain_point(i + 1, 8), Fp(0));
}

TEST(Keccak, agrees_with_base_for_every_length) {
  base::SeededRandom random(5);
  for (std::size_t size = 0; size < 420; ++size) {
    base::Bytes messages(9 * size);
    random.fill(messages);
    std::vector<base::Hash> fast(9), slow(9);
    keccak256_many(messages, size, fast);
    keccak256_many_ref(messages, size, slow);
    for (std::size_t i = 0; i < 9; ++i) {
      ASSERT_EQ(fast[i], base::keccak256(base::ByteView(messages).subspan(i * size, size))) << size;
      ASSERT_EQ(slow[i], fast[i]);
    }
  }
}

TEST(Multilinear, agrees_on_the_cube_and_interpolates) {
  const auto raw = random_elements(24, 6);
  std::vector<Ext> values;
  for (std::size_t i = 0; i < 8; ++i) values.push_back(element(raw, i));
  for (std::size_t i = 0; i < 8; ++i) {
    const std::vector<Ext> corner{Ext(Fp(i & 1)), Ext(Fp(i >> 1 & 1)), Ext(Fp(i >> 2))};
    EXPECT_EQ(evaluate(values, corner), values[i]);
    EXPECT_EQ(eq_value(corner, corner), Ext(Fp(1)));
  }
  // p(x) = 4 + 3x + 2x^2 + x^3 from p(0), p(0) + p(1), p(2), p(3).
  const auto p = [](const Ext& x) { return Ext(Fp(4)) + x * Fp(3) + x * x * Fp(2) + x * x * x; };
  const std::vector<Ext> sent{p(Fp(0)), p(Fp(2)), p(Fp(3))};
  EXPECT_EQ(round_value(sent, p(Fp(0)) + p(Fp(1)), values[3]), p(values[3]));
}

TEST(Transcript, depends_on_every_byte_label_and_order) {
  const auto run = [](std::string_view protocol, std::string_view label, std::string_view bytes) {
    Transcript t(protocol);
    t.absorb(label, base::as_bytes(bytes));
    return t.challenge("c");
  };
  const Ext first = run("p", "label", "bytes");
  EXPECT_EQ(first, run("p", "label", "bytes"));
  EXPECT_NE(first, run("q", "label", "bytes"));
  EXPECT_NE(first, run("p", "labe", "lbytes"));
  EXPECT_NE(first, run("p", "label", "bytez"));
  Transcript t("p");
  EXPECT_NE(t.challenge("c"), t.challenge("c"));
  const auto places = t.positions("places", 1000, 9);
  for (const auto place : places) EXPECT_LT(place, 512U);
  const auto nonce = t.search(8);
  auto other = t;
  EXPECT_TRUE(t.work(8, nonce));
  for (std::uint64_t wrong = 0; wrong < nonce; ++wrong) {
    auto copy = other;
    EXPECT_FALSE(copy.work(8, wrong));
  }
}

}  // namespace
}  // namespace koinon::trust::proof
