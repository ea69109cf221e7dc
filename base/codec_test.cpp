#include "base/codec.hpp"

#include <gtest/gtest.h>

namespace koinon::base {
namespace {

TEST(Codec, is_little_endian_and_reads_what_it_writes) {
  Writer w;
  w.number<std::uint32_t>(0x01020304);
  w.number<std::int16_t>(-2);
  w.text("hi");
  EXPECT_EQ(w.bytes(), (Bytes{4, 3, 2, 1, 0xfe, 0xff, 2, 0, 0, 0, 'h', 'i'}));
  Reader r(w.bytes());
  EXPECT_EQ(r.number<std::uint32_t>().value(), 0x01020304U);
  EXPECT_EQ(r.number<std::int16_t>().value(), -2);
  EXPECT_EQ(r.text(10).value(), "hi");
  EXPECT_TRUE(r.finish());
}

TEST(Codec, refuses_short_and_long_input) {
  const Bytes three = {1, 2, 3};
  EXPECT_EQ(Reader(three).number<std::uint32_t>().error().code, Code::malformed);
  EXPECT_EQ(Reader(three).finish().error().code, Code::malformed);
}

TEST(Codec, refuses_a_length_above_its_limit_or_its_input) {
  Writer w;
  w.number<std::uint32_t>(0xffffffff);
  EXPECT_EQ(Reader(w.bytes()).blob(100).error().code, Code::malformed);
  EXPECT_EQ(Reader(w.bytes()).blob(0xffffffff).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::base
