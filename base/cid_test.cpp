#include "base/cid.hpp"

#include <gtest/gtest.h>

namespace koinon::base {
namespace {

// Vector: base32 of 01551220 and sha256("hello world"), from Python's hashlib and base64.
TEST(Cid, matches_known_vector) {
  EXPECT_EQ(Cid::of(as_bytes("hello world")).text(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
}

TEST(Cid, reads_what_it_writes) {
  const auto cid = Cid::of(as_bytes("koinon"));
  EXPECT_EQ(Cid::parse(cid.text()).value(), cid);
}

TEST(Cid, refuses_everything_but_canonical_v1_raw_sha256) {
  auto text = Cid::of(as_bytes("koinon")).text();
  EXPECT_FALSE(Cid::parse(""));
  EXPECT_FALSE(Cid::parse(text + "a"));
  EXPECT_FALSE(Cid::parse("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"));
  auto other_codec = text;
  other_codec[4] = 'z';
  EXPECT_FALSE(Cid::parse(other_codec));
  auto upper = text;
  upper[10] = '1';
  EXPECT_EQ(Cid::parse(upper).error().code, Code::malformed);
  auto padding = text;
  padding.back() = padding.back() == '7' ? '6' : '7';  // 58 digits carry 290 bits: the last two are padding
  EXPECT_FALSE(Cid::parse(padding));
}

}  // namespace
}  // namespace koinon::base
