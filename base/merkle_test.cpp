#include "base/merkle.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace koinon::base {
namespace {

Bytes data(std::size_t size) {
  Bytes out(size);
  SeededRandom(size).fill(out);
  return out;
}

ByteView leaf_of(ByteView bytes, std::size_t i) {
  return bytes.subspan(i * kLeafSize, std::min(kLeafSize, bytes.size() - i * kLeafSize));
}

TEST(ByteTree, opens_every_leaf_of_every_shape) {
  for (const std::size_t size : {0U, 1U, 1023U, 1024U, 1025U, 3000U, 4096U, 5000U, 9000U}) {
    const auto bytes = data(size);
    const auto root = byte_tree_root(Domain::tensor, bytes);
    const auto leaves = std::max<std::size_t>(1, (size + 1023) / 1024);
    for (std::size_t i = 0; i < leaves; ++i) {
      const auto path = open_byte_leaf(Domain::tensor, bytes, i).value();
      EXPECT_TRUE(verify_byte_leaf(Domain::tensor, root, leaf_of(bytes, i), path)) << size << " leaf " << i;
    }
    EXPECT_EQ(open_byte_leaf(Domain::tensor, bytes, leaves).error().code, Code::out_of_range);
  }
}

TEST(ByteTree, refuses_every_changed_field) {
  const auto bytes = data(5000);
  const auto root = byte_tree_root(Domain::tensor, bytes);
  const auto path = open_byte_leaf(Domain::tensor, bytes, 3).value();
  const auto leaf = leaf_of(bytes, 3);
  ASSERT_TRUE(verify_byte_leaf(Domain::tensor, root, leaf, path));
  EXPECT_FALSE(verify_byte_leaf(Domain::weights, root, leaf, path));
  auto other = Bytes(leaf.begin(), leaf.end());
  other[5] ^= 1;
  EXPECT_FALSE(verify_byte_leaf(Domain::tensor, root, other, path));
  EXPECT_FALSE(verify_byte_leaf(Domain::tensor, root, leaf.first(leaf.size() - 1), path));
  for (auto change : {0, 1, 2, 3, 4}) {
    auto bad = path;
    if (change == 0) bad.index = 2;
    if (change == 1) bad.length = 5001;
    if (change == 2) bad.siblings[1].bytes[0] ^= 1;
    if (change == 3) bad.siblings.pop_back();
    if (change == 4) bad.length = ~std::uint64_t{0};
    EXPECT_FALSE(verify_byte_leaf(Domain::tensor, root, leaf, bad)) << change;
  }
}

TEST(ByteTree, length_is_part_of_the_root) {
  EXPECT_NE(byte_tree_root(Domain::tensor, Bytes(10)), byte_tree_root(Domain::tensor, Bytes(11)));
}

TEST(ByteTree, opens_subtrees_of_64_leaves) {
  const auto bytes = data(200'000);  // 196 leaves: four subtrees, the last cut short
  const auto root = byte_tree_root(Domain::envelope, bytes);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto siblings = open_byte_subtree(Domain::envelope, bytes, i).value();
    ASSERT_EQ(siblings.size(), 2U);
    // The path of the subtree's first leaf ends in the same siblings.
    const auto path = open_byte_leaf(Domain::envelope, bytes, i * kSubtreeLeaves).value();
    EXPECT_TRUE(std::equal(siblings.begin(), siblings.end(), path.siblings.begin() + 6));
    EXPECT_TRUE(verify_byte_leaf(Domain::envelope, root, leaf_of(bytes, i * kSubtreeLeaves), path));
  }
  EXPECT_EQ(open_byte_subtree(Domain::envelope, bytes, 4).error().code, Code::out_of_range);
  EXPECT_TRUE(open_byte_subtree(Domain::envelope, data(65'536), 0).value().empty());
}

TEST(ListTree, opens_every_item) {
  for (std::size_t n : {1U, 2U, 3U, 7U, 8U, 9U}) {
    std::vector<Hash> items(n);
    SeededRandom random(n);
    for (auto& item : items) item = random.hash();
    const auto root = list_root(Domain::trace, items);
    for (std::size_t i = 0; i < n; ++i) {
      const auto path = open_list_item(Domain::trace, items, i).value();
      EXPECT_TRUE(verify_list_item(Domain::trace, root, items[i], path));
      EXPECT_FALSE(verify_list_item(Domain::trace, root, items[(i + 1) % n], path) && n > 1);
    }
  }
}

TEST(ListTree, empty_list_has_a_root_of_its_own) {
  EXPECT_NE(list_root(Domain::trace, {}), list_root(Domain::trace, {Hash{}}));
  EXPECT_FALSE(verify_list_item(Domain::trace, list_root(Domain::trace, {}), Hash{}, MerklePath{}));
}

// Golden: a contract computes the same roots.
TEST(ByteTree, golden) {
  Bytes bytes(2500);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  EXPECT_EQ(to_hex(byte_tree_root(Domain::tensor, bytes)),
            "0x86766e454318384953d957692c9ba5152899838bf143134ae93483a534d47e04");
  EXPECT_EQ(to_hex(list_root(Domain::outputs, {byte_tree_root(Domain::tensor, bytes)})),
            "0x03cb0f77a5bef979f650c9c5f2798bb541502ea0811df7551e5d57df89d66d4a");
}

}  // namespace
}  // namespace koinon::base
