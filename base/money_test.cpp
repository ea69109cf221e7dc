#include "base/money.hpp"

#include <gtest/gtest.h>

namespace koinon::base {
namespace {

const std::string kMax = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

TEST(Wei, tokens_and_back) {
  EXPECT_EQ(Wei::parse_tokens("1.25").value().text(), "1250000000000000000");
  EXPECT_EQ(Wei::parse_tokens("0.000000000000000001").value(), Wei(1));
  EXPECT_EQ(Wei(1).tokens(), "0.000000000000000001");
  EXPECT_EQ(Wei::parse_tokens("12").value().tokens(), "12");
  EXPECT_EQ(Wei{}.tokens(), "0");
}

TEST(Wei, refuses_what_is_not_an_amount) {
  for (const auto* text : {"", ".", "1.", ".5", "-1", "1e18", "1.0000000000000000001", "0x1", " 1", "1,5"})
    EXPECT_EQ(Wei::parse_tokens(text).error().code, Code::malformed) << text;
  EXPECT_EQ(Wei::parse(kMax + "0").error().code, Code::malformed);
  EXPECT_EQ(Wei::parse("115792089237316195423570985008687907853269984665640564039457584007913129639936").error().code,
            Code::out_of_range);
}

TEST(Wei, reads_leading_zeros_as_decimal) { EXPECT_EQ(Wei::parse("010").value(), Wei(10)); }

TEST(Wei, arithmetic_never_wraps) {
  const auto max = Wei::parse(kMax).value();
  EXPECT_EQ(max.plus(Wei(1)).error().code, Code::out_of_range);
  EXPECT_EQ(Wei(1).minus(Wei(2)).error().code, Code::out_of_range);
  EXPECT_EQ(max.times(2).error().code, Code::out_of_range);
  EXPECT_EQ(max.scaled(1, 0).error().code, Code::invalid_argument);
  EXPECT_EQ(max.scaled(3, 3).value(), max);
  EXPECT_EQ(Wei(10).scaled(2, 3).value(), Wei(6));
}

TEST(Wei, orders_by_value) {
  EXPECT_LT(Wei(5), Wei::parse("18446744073709551616").value());
  EXPECT_GT(Wei(6), Wei(5));
}

TEST(Wei, abi_word_is_big_endian) {
  const auto value = Wei::parse("0x0102030405060708090a").value();
  EXPECT_EQ(to_hex(value.word()), "0x000000000000000000000000000000000000000000000102030405060708090a");
  EXPECT_EQ(Wei::from_word(value.word()), value);
  EXPECT_EQ(value.to_u64().error().code, Code::out_of_range);
}

}  // namespace
}  // namespace koinon::base
