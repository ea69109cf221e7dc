#include "trust/private/evaluate.hpp"

#include <gtest/gtest.h>

#include <random>

#include "trust/private/probe_test.hpp"

namespace koinon::trust::fhe {
namespace {

std::unique_ptr<const Context> context_of(const Wish& wish) {
  const auto parameters = choose(wish);
  if (!parameters) ADD_FAILURE() << parameters.error().text;
  return *Context::create(*parameters);
}

class Evaluate : public ::testing::Test {
 protected:
  static constexpr Wish kWish{.degree = 8192,
                              .plain = 65537,
                              .base_bits = 44,
                              .level_bits = 42,
                              .levels = 4,
                              .special_bits = 45,
                              .specials = 1,
                              .digit = 1};
  Evaluate() : context(context_of(kWish)), random(1), secret(make_secret_key(*context, random)), rng(5) {}

  std::vector<std::int64_t> draw(int shape = 0) {
    const auto t = static_cast<std::int64_t>(context->plain());
    std::vector<std::int64_t> out(context->degree());
    for (auto& x : out)
      x = shape == 0 ? static_cast<std::int64_t>(rng() % context->plain()) - t / 2 : shape == 1 ? t / 2 : -(t / 2);
    return out;
  }
  Ciphertext encrypted(const std::vector<std::int64_t>& slots, std::size_t level) {
    return *encrypt(*context, secret, *encode_slots(*context, slots), level, random);
  }
  /// Decrypts and checks the plan against the noise that is there.
  std::vector<std::int64_t> decrypted(const base::Result<Ciphertext>& c) {
    if (!c) {
      ADD_FAILURE() << c.error().text;
      return {};
    }
    const auto noise = measured_noise(*context, secret, *c);
    EXPECT_LE(noise, static_cast<double>(c->noise.units) / Bits::kUnit);
    EXPECT_LT(c->noise, NoisePlan(context->parameters()).capacity(c->level));
    ::testing::Test::RecordProperty("noise", std::to_string(noise));
    const auto plain = decrypt(*context, secret, *c);
    if (!plain) {
      ADD_FAILURE() << plain.error().text;
      return {};
    }
    return decode_slots(*context, *plain);
  }
  std::int64_t centred(std::int64_t x) const {
    const auto t = static_cast<std::int64_t>(context->plain());
    x = (x % t + t) % t;
    return x > t / 2 ? x - t : x;
  }
  template <class F>
  std::vector<std::int64_t> map(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b, F f) const {
    std::vector<std::int64_t> out;
    for (std::size_t i = 0; i < a.size(); ++i) out.push_back(centred(f(a[i], b[i])));
    return out;
  }
  std::vector<std::int64_t> rotated(const std::vector<std::int64_t>& a, std::int64_t steps) const {
    const auto columns = static_cast<std::int64_t>(a.size() / 2);
    std::vector<std::int64_t> out(a.size());
    for (std::int64_t i = 0; i < columns; ++i)
      for (std::int64_t row : {0, 1})
        out[static_cast<std::size_t>(row * columns + i)] =
            a[static_cast<std::size_t>(row * columns + ((i + steps) % columns + columns) % columns)];
    return out;
  }

  std::unique_ptr<const Context> context;
  base::SeededRandom random;
  SecretKey secret;
  std::mt19937_64 rng;
};

TEST_F(Evaluate, decrypts_what_was_encrypted) {
  const auto key = make_public_key(*context, secret, random);
  for (int shape = 0; shape < 3; ++shape)
    for (std::size_t level = 1; level <= context->levels(); ++level) {
      const auto slots = draw(shape);
      EXPECT_EQ(decrypted(encrypted(slots, level)), slots);
      EXPECT_EQ(decrypted(encrypt(*context, key, *encode_slots(*context, slots), level, random)), slots);
    }
}

TEST_F(Evaluate, adds_subtracts_and_negates) {
  const Evaluator e(*context);
  for (int shape = 0; shape < 3; ++shape) {
    const auto a = draw(shape), b = draw(shape);
    const auto x = encrypted(a, 2), y = encrypted(b, 2);
    EXPECT_EQ(decrypted(e.add(x, y)), map(a, b, [](auto p, auto q) { return p + q; }));
    EXPECT_EQ(decrypted(e.subtract(x, y)), map(a, b, [](auto p, auto q) { return p - q; }));
    EXPECT_EQ(decrypted(e.negate(x)), map(a, b, [](auto p, auto) { return -p; }));
    EXPECT_EQ(decrypted(e.add_plain(x, *encode_slots(*context, b))), map(a, b, [](auto p, auto q) { return p + q; }));
    EXPECT_EQ(decrypted(e.multiply_scalar(x, -32768)), map(a, b, [](auto p, auto) { return p * -32768; }));
  }
}

TEST_F(Evaluate, multiplies_with_plaintexts) {
  const Evaluator e(*context);
  for (int shape = 0; shape < 3; ++shape) {
    const auto a = draw(shape), b = draw(shape), c = draw(), d = draw();
    const auto pb = *prepare(*context, *encode_slots(*context, b), 3), pd = *prepare(*context, *encode_slots(*context, d), 3);
    const auto x = encrypted(a, 3), y = encrypted(c, 3);
    EXPECT_EQ(decrypted(e.multiply_plain(x, pb)), map(a, b, [](auto p, auto q) { return p * q; }));
    const Ciphertext* xs[] = {&x, &y};
    const PreparedPlain* ps[] = {&pb, &pd};
    auto expected = map(a, b, [](auto p, auto q) { return p * q; });
    const auto second = map(c, d, [](auto p, auto q) { return p * q; });
    EXPECT_EQ(decrypted(e.multiply_plain_sum(xs, ps)), map(expected, second, [](auto p, auto q) { return p + q; }));
  }
}

TEST_F(Evaluate, multiplies_relinearises_and_switches) {
  EvaluationKeys keys;
  keys.relinearise = *make_relinearisation_key(*context, secret, 4, random);
  const Evaluator e(*context, &keys);
  for (int shape = 0; shape < 3; ++shape) {
    const auto a = draw(shape), b = draw(shape);
    auto x = encrypted(a, 4);
    const auto y = encrypted(b, 4);
    auto product = e.multiply(x, y);
    auto expected = map(a, b, [](auto p, auto q) { return p * q; });
    EXPECT_EQ(decrypted(product), expected);
    product = e.add(*product, *e.multiply(x, x));  // lazily: one relinearisation for a sum
    expected = map(expected, map(a, a, [](auto p, auto q) { return p * q; }), [](auto p, auto q) { return p + q; });
    EXPECT_EQ(decrypted(product), expected);
    product = e.relinearise(*product);
    EXPECT_EQ(decrypted(product), expected);
    for (std::size_t level = 4; level > 2; --level) {
      product = e.switch_modulus(*product);
      EXPECT_EQ(decrypted(product), expected);
    }
    x = *product;
    EXPECT_EQ(decrypted(e.drop(x, 1)), expected);
  }
}

TEST_F(Evaluate, rotates_one_by_one_and_hoisted_alike) {
  EvaluationKeys keys;
  const std::vector<std::int64_t> steps{1, -3, 100, 0};
  for (auto s : steps)
    if (s != 0) keys.galois.emplace(context->rotation(s), *make_galois_key(*context, secret, context->rotation(s), 3, random));
  keys.galois.emplace(context->row_swap(), *make_galois_key(*context, secret, context->row_swap(), 4, random));
  base::ThreadPool pool(2);
  const Evaluator e(*context, &keys), threaded(*context, &keys, &pool);
  const auto a = draw();
  const auto x = encrypted(a, 3);
  const auto all = e.rotate_many(x, steps);
  ASSERT_TRUE(all);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto one = e.rotate(x, steps[i]);
    ASSERT_TRUE(one);
    EXPECT_EQ(*one, (*all)[i]);
    EXPECT_EQ(*one, *threaded.rotate(x, steps[i]));
    EXPECT_EQ(decrypted(one), rotated(a, steps[i]));
  }
  auto swapped = a;
  std::rotate(swapped.begin(), swapped.begin() + static_cast<std::ptrdiff_t>(a.size() / 2), swapped.end());
  EXPECT_EQ(decrypted(e.swap_rows(x)), swapped);
  EXPECT_EQ(e.rotate(x, 7).error().code, base::Code::not_found);
  EXPECT_EQ(e.rotate(encrypted(a, 4), 1).error().code, base::Code::not_found);
}

TEST_F(Evaluate, floods_what_is_left_of_the_circuit) {
  const auto key = make_public_key(*context, secret, random);
  const Evaluator e(*context);
  const auto a = draw();
  const auto x = encrypted(a, 3);
  const auto seed = random.hash();
  const auto flooded = flood(*context, key, x, seed);
  EXPECT_EQ(decrypted(flooded), a);
  EXPECT_EQ(*flooded, *flood(*context, key, x, seed));
  EXPECT_GE(measured_noise(*context, secret, *flooded), measured_noise(*context, secret, x) + 40);
  EXPECT_EQ(decrypted(e.switch_modulus(*flooded)), a);
  EXPECT_EQ(flood(*context, key, encrypted(a, 1), seed).error().code, base::Code::exhausted);
}

TEST_F(Evaluate, refuses_what_would_not_decrypt) {
  EvaluationKeys keys;
  const Evaluator e(*context, &keys);
  const auto a = draw();
  const auto x = encrypted(a, 1), y = encrypted(a, 2);
  EXPECT_EQ(e.multiply(x, x).error().code, base::Code::exhausted);
  EXPECT_EQ(e.add(x, y).error().code, base::Code::invalid_argument);
  EXPECT_EQ(e.switch_modulus(x).error().code, base::Code::invalid_argument);
  EXPECT_EQ(e.relinearise(*e.multiply(y, y)).error().code, base::Code::not_found);
  EXPECT_EQ(e.drop(y, 3).error().code, base::Code::invalid_argument);
  EXPECT_EQ(encrypt(*context, secret, *encode_slots(*context, a), 5, random).error().code, base::Code::invalid_argument);
  EXPECT_EQ(encrypt(*context, secret, Plain{{1, 2, 3}}, 1, random).error().code, base::Code::invalid_argument);
  auto broken = x;
  broken.parts.pop_back();
  EXPECT_EQ(e.negate(broken).error().code, base::Code::invalid_argument);
  EXPECT_EQ(decrypt(*context, secret, broken).error().code, base::Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::trust::fhe
