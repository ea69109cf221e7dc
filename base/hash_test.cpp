#include "base/hash.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace koinon::base {
namespace {

TEST(Keccak, matches_ethereum_vectors) {
  EXPECT_EQ(to_hex(keccak256(ByteView{})), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(to_hex(keccak256(as_bytes("transfer(address,uint256)")).view().first(4)), "0xa9059cbb");
}

TEST(Keccak, parts_equal_their_concatenation) {
  EXPECT_EQ(keccak256({as_bytes("ko"), as_bytes("inon")}), keccak256(as_bytes("koinon")));
}

TEST(Sha256, matches_fips_180_vector) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(SeededRandom, repeats_itself) {
  SeededRandom a(7);
  SeededRandom b(7);
  SeededRandom c(8);
  const auto first = a.hash();
  EXPECT_EQ(first, b.hash());
  EXPECT_NE(first, c.hash());
  EXPECT_NE(first, a.hash());
}

}  // namespace
}  // namespace koinon::base
