#include "trust/private/serial.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "trust/private/evaluate.hpp"
#include "trust/private/sign.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;

class Serial : public ::testing::Test {
 protected:
  Serial()
      : context(*Context::create(*choose({.degree = 4096,
                                          .plain = 65537,
                                          .base_bits = 36,
                                          .level_bits = 36,
                                          .levels = 2,
                                          .special_bits = 37,
                                          .specials = 1,
                                          .digit = 1}))),
        random(3),
        secret(make_secret_key(*context, random)) {
    std::vector<std::int64_t> slots(4096);
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<std::int64_t>(i) - 2000;
    plain = *encode_slots(*context, slots);
  }
  std::unique_ptr<const Context> context;
  base::SeededRandom random;
  SecretKey secret;
  Plain plain;
};

/// Header and three one-byte fields before the noise bound.
constexpr std::size_t kHeader = 4 + 2 + 1 + 32;

TEST_F(Serial, objects_come_back_as_they_were) {
  const auto seeded = *encrypt(*context, secret, plain, 2, random);
  const auto key = make_public_key(*context, secret, random);
  const auto open = *encrypt(*context, key, plain, 2, random);
  const auto product = *Evaluator(*context).multiply_scalar(seeded, 3);
  for (const auto& c : {seeded, open, product}) {
    const auto bytes = encode(*context, c);
    const auto back = decode_ciphertext(*context, bytes);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, c);
    EXPECT_EQ(encode(*context, *back), bytes);
  }
  EXPECT_EQ(encode(*context, seeded).size(), kHeader + 7 + 32 + 2 * 4096 / 8 * 36);
  EXPECT_EQ(*decode_public_key(*context, encode(*context, key)), key);
  EvaluationKeys keys;
  keys.relinearise = *make_relinearisation_key(*context, secret, 2, random);
  keys.galois.emplace(3, *make_galois_key(*context, secret, 3, 1, random));
  keys.galois.emplace(9, *make_galois_key(*context, secret, 9, 2, random));
  const auto bytes = encode(*context, keys);
  EXPECT_EQ(bytes.size(), kHeader + 3 + 8 + 2 * switch_key_bytes(*context, 2) + switch_key_bytes(*context, 1));
  EXPECT_EQ(*decode_evaluation_keys(*context, bytes), keys);
  const auto restored = decode_secret_key(*context, encode(*context, secret));
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_EQ(restored->values, secret.values);
  EXPECT_EQ(*decrypt(*context, *restored, seeded), plain);
}

TEST_F(Serial, known_answers) {
  // Frozen bytes: a change of a sampler, a root of unity, an order of values or a layout shows here.
  base::SeededRandom fixed(1234);
  const auto key = make_secret_key(*context, fixed);
  const auto public_key = make_public_key(*context, key, fixed);
  EvaluationKeys keys;
  keys.relinearise = *make_relinearisation_key(*context, key, 2, fixed);
  const auto cipher = *encrypt(*context, key, plain, 2, fixed);
  const auto square = *Evaluator(*context, &keys).relinearise(*Evaluator(*context).add(cipher, cipher));
  const auto digest = [](const base::Bytes& bytes) { return base::to_hex(base::sha256(bytes)).substr(2, 16); };
  EXPECT_EQ(base::to_hex(context->hash()).substr(2, 16), "a384c1857736f4b0");
  EXPECT_EQ(digest(encode(*context, key)), "6d432f41e03562f4");
  EXPECT_EQ(digest(encode(*context, public_key)), "5c3a3c88d4707ee0");
  EXPECT_EQ(digest(encode(*context, keys)), "ba0862c32a8e13dc");
  EXPECT_EQ(digest(encode(*context, cipher)), "95f3db8ccd7259a6");
  EXPECT_EQ(digest(encode(*context, square)), "b20b28f2b97a8fc4");
}

TEST_F(Serial, refuses_every_truncation_and_what_follows) {
  const auto bytes = encode(*context, *encrypt(*context, secret, plain, 1, random));
  for (std::size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 997)
    EXPECT_EQ(decode_ciphertext(*context, base::ByteView(bytes).first(size)).error().code, Code::malformed) << size;
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(decode_ciphertext(*context, longer).error().code, Code::malformed);
}

TEST_F(Serial, refuses_malicious_fields) {
  const auto good = encode(*context, *encrypt(*context, secret, plain, 2, random));
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = value;
    return decode_ciphertext(*context, bytes);
  };
  EXPECT_EQ(with(0, 'X').error().code, Code::malformed);
  EXPECT_EQ(with(4, 2).error().code, Code::unsupported);
  EXPECT_EQ(with(6, 2).error().code, Code::malformed);              // kind
  EXPECT_EQ(with(7, good[7] ^ 1).error().code, Code::unsupported);  // other parameters
  EXPECT_EQ(with(kHeader, 0).error().code, Code::malformed);        // level
  EXPECT_EQ(with(kHeader, 3).error().code, Code::malformed);
  EXPECT_EQ(with(kHeader + 1, 1).error().code, Code::malformed);                      // parts
  EXPECT_EQ(with(kHeader + 1, 3).error().code, Code::malformed);                      // three, seeded
  EXPECT_EQ(with(kHeader + 2, 2).error().code, Code::malformed);                      // seeded
  EXPECT_EQ(with(kHeader + 6, 0xff).error().code, Code::malformed);                   // noise below zero
  EXPECT_EQ(with(kHeader + 3, good[kHeader + 3] ^ 1).error().code, Code::malformed);  // not the noise of a fresh one
  auto wide = good;
  for (std::size_t i = 0; i < 5; ++i) wide[kHeader + 7 + 32 + i] = 0xff;  // a residue of 36 ones
  EXPECT_EQ(decode_ciphertext(*context, wide).error().code, Code::malformed);
  auto secret_bytes = encode(*context, secret);
  secret_bytes[kHeader] = 0xff;
  EXPECT_EQ(decode_secret_key(*context, secret_bytes).error().code, Code::malformed);
}

TEST_F(Serial, refuses_malicious_keys) {
  EvaluationKeys keys;
  keys.galois.emplace(9, *make_galois_key(*context, secret, 9, 1, random));
  const auto good = encode(*context, keys);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = value;
    return decode_evaluation_keys(*context, bytes);
  };
  ASSERT_TRUE(decode_evaluation_keys(*context, good));
  EXPECT_EQ(with(kHeader, 2).error().code, Code::malformed);      // flag
  EXPECT_EQ(with(kHeader + 1, 2).error().code, Code::malformed);  // count
  EXPECT_EQ(with(kHeader + 2, 255).error().code, Code::malformed);
  EXPECT_EQ(with(kHeader + 3, 8).error().code, Code::malformed);  // even element
  EXPECT_EQ(with(kHeader + 3, 1).error().code, Code::malformed);  // identity
  EXPECT_EQ(with(kHeader + 5, 1).error().code, Code::malformed);  // beyond 2N
  EXPECT_EQ(with(kHeader + 7, 2).error().code, Code::malformed);  // more rows than there are
  EXPECT_EQ(with(kHeader + 7, 0).error().code, Code::malformed);
}

TEST(Signed, opens_only_what_was_signed) {
  base::SeededRandom random(4);
  const SigningKey key(random), other(random);
  const base::Bytes payload{1, 2, 3};
  const auto bytes = key.sign("input", payload);
  const auto open = open_signed("input", bytes, key.signer());
  ASSERT_TRUE(open);
  EXPECT_EQ(base::Bytes(open->begin(), open->end()), payload);
  for (std::size_t i = 0; i < bytes.size(); ++i) {  // every field mutated
    auto bad = bytes;
    bad[i] ^= 1;
    EXPECT_FALSE(open_signed("input", bad, key.signer())) << i;
  }
  EXPECT_EQ(open_signed("output", bytes, key.signer()).error().code, Code::rejected);
  EXPECT_EQ(open_signed("input", bytes, other.signer()).error().code, Code::rejected);
  EXPECT_EQ(open_signed("input", base::ByteView(bytes).first(50), key.signer()).error().code, Code::malformed);
  // RFC 8032, section 7.1, test 1: the public key of its seed.
  base::Hash seed = *base::fixed_from_hex<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  EXPECT_EQ(base::to_hex(SigningKey(seed).signer()), "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

}  // namespace
}  // namespace koinon::trust::fhe
