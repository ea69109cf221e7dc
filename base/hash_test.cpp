#include "base/hash.hpp"

#include <gtest/gtest.h>

#include "base/keccak_lanes.hpp"
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

TEST(Keccak, hashes_many_as_it_hashes_one) {
  SeededRandom random(11);
  for (std::size_t length : std::vector<std::size_t>{0, 1, 8, 66, 135, 136, 137, 271, 272, 273, 1026})
    for (std::size_t count : std::vector<std::size_t>{0, 1, 3, 4, 5, 7, 8, 9, 12, 13, 17, 29}) {
      Bytes messages(length * count + 1);
      for (auto& b : messages) b = static_cast<std::uint8_t>(random.u64());
      std::vector<Hash> want(count), got(count);
      keccak256_each_ref(messages.data(), length, count, want.data());
      keccak256_each(messages.data(), length, count, got.data());
      ASSERT_EQ(got, want) << length << " bytes, " << count;
    }
}

TEST(Keccak, hashes_pieces_behind_a_head_as_it_hashes_one) {
  SeededRandom random(12);
  const Bytes head{3, 1};
  for (std::size_t length : std::vector<std::size_t>{134, 135, 270, 271, 1024})
    for (std::size_t count : std::vector<std::size_t>{0, 1, 3, 8, 9, 17}) {
      Bytes pieces(length * count + 1);
      random.fill(pieces);
      std::vector<Hash> want, got(count);
      for (std::size_t i = 0; i < count; ++i) want.push_back(keccak256({head, ByteView(pieces).subspan(i * length, length)}));
      keccak256_pieces(head, pieces.data(), length, count, got.data());
      ASSERT_EQ(got, want) << length << " bytes, " << count;
    }
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
