#include "test/proof/twin.hpp"
#include "trust/proof/multilinear.hpp"

namespace koinon::test::proof {
namespace {

using namespace trust::proof;

class FieldTwins : public Twins {};

/// Coordinates that are extreme as often as not.
Ext throw_element(base::Random& random) {
  Ext out;
  for (auto& c : out.c) {
    const auto lot = random.u64() % 6;
    c = lot == 0 ? Fp(0) : lot == 1 ? Fp(kPrime - 1) : lot == 2 ? Fp(0xffffffff) : Fp(random.u64() % kPrime);
  }
  return out;
}

TEST_F(FieldTwins, compute_the_same) {
  base::SeededRandom random(21);
  std::vector<Ext> x(5 * 400);
  std::vector<base::Hash> words;
  for (auto& value : x) {
    value = throw_element(random);
    words.push_back(packed(value));
  }
  const auto out = contract_.arithmetic(words);
  ASSERT_TRUE(out) << out.error().text;
  for (std::size_t i = 0; i < x.size(); i += 5) {
    const Ext &a = x[i], &b = x[i + 1], &c = x[i + 2], &d = x[i + 3], &e = x[i + 4];
    ASSERT_EQ((*out)[i], packed(a * b)) << i;
    ASSERT_EQ((*out)[i + 1], packed(a - b)) << i;
    ASSERT_EQ((*out)[i + 2], packed(a + e * (b - a))) << i;
    ASSERT_EQ((*out)[i + 3], packed(round_value(std::array{a, b}, d, e))) << i;
    ASSERT_EQ((*out)[i + 4], packed(round_value(std::array{a, b, c}, d, e))) << i;
  }
}

}  // namespace
}  // namespace koinon::test::proof
