#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace koinon::base {
namespace {

TEST(Hex, reads_what_it_writes) {
  const Bytes bytes = {0x00, 0x7f, 0x80, 0xff};
  EXPECT_EQ(to_hex(bytes), "0x007f80ff");
  EXPECT_EQ(from_hex("0x007F80fF").value(), bytes);
  EXPECT_EQ(from_hex("007f80ff").value(), bytes);
}

TEST(Hex, refuses_odd_length_and_other_characters) {
  EXPECT_EQ(from_hex("0x123").error().code, Code::malformed);
  EXPECT_EQ(from_hex("0xzz").error().code, Code::malformed);
}

TEST(Hex, refuses_wrong_fixed_length) { EXPECT_EQ(fixed_from_hex<4>("0x1234").error().code, Code::malformed); }

TEST(Wipe, clears_every_byte) {
  Bytes secret(33, 0xaa);
  wipe(secret);
  EXPECT_EQ(secret, Bytes(33, 0));
}

}  // namespace
}  // namespace koinon::base
