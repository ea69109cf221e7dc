#include "base/merkle.hpp"

#include "ledger/contracts/merkle_roots.hpp"
#include "test/quorum/chain.hpp"

namespace koinon::test::quorum {
namespace {

using base::ByteView;
using base::Domain;
using ledger::contracts::MerkleRoots;

constexpr std::uint64_t kSpan = base::kSubtreeLeaves * base::kLeafSize;  ///< bytes that one call answers with

class MerkleTwins : public ChainTest {};

std::uint8_t number(Domain domain) { return static_cast<std::uint8_t>(domain); }

TEST_F(MerkleTwins, give_the_same_byte_roots) {
  const auto contract = deploy<MerkleRoots>("MerkleRoots");
  base::SeededRandom random(7);
  std::vector<std::size_t> sizes{0, 1, 1023, 1024, 1025, 2048, 65'535, 65'536, 65'537, 131'072, 131'073, 200'000};
  for (int i = 0; i < 60; ++i) sizes.push_back(random.u64() % (i % 4 == 0 ? 300'000 : 12'000));
  for (const auto size : sizes) {
    base::Bytes bytes(size);
    random.fill(bytes);
    const auto subtrees = std::max<std::uint64_t>(1, (size + kSpan - 1) / kSpan);
    const auto index = random.u64() % subtrees;
    const auto siblings = base::open_byte_subtree(Domain::envelope, bytes, index).value();
    const auto part = ByteView(bytes).subspan(index * kSpan, std::min<std::size_t>(kSpan, size - index * kSpan));
    const auto root = base::byte_tree_root(Domain::envelope, bytes);
    const base::Bytes data(part.begin(), part.end());
    ASSERT_EQ(contract.byte_root(number(Domain::envelope), size, index, data, siblings).value(), root) << size;
    ASSERT_EQ(contract.root(number(Domain::envelope), size, base::byte_tree_top(Domain::envelope, bytes)).value(), root);
    ASSERT_NE(contract.byte_root(number(Domain::tensor), size, index, data, siblings).value(), root) << size;
    ASSERT_TRUE(contract.byte_root(number(Domain::envelope), size, subtrees, data, siblings).value().is_zero()) << size;
  }
}

TEST_F(MerkleTwins, give_the_same_list_roots) {
  const auto contract = deploy<MerkleRoots>("MerkleRoots");
  base::SeededRandom random(8);
  for (std::size_t count = 1; count <= 100; ++count) {
    std::vector<base::Hash> items(count);
    for (auto& item : items) item = random.hash();
    const auto index = random.u64() % count;
    const auto path = base::open_list_item(Domain::outputs, items, index).value();
    const auto root = base::list_root(Domain::outputs, items);
    ASSERT_EQ(contract.list_root(number(Domain::outputs), count, index, items[index], path.siblings).value(), root) << count;
    ASSERT_EQ(contract.root(number(Domain::outputs), count, base::list_top(Domain::outputs, items)).value(), root);
    ASSERT_NE(contract.list_root(number(Domain::outputs), count, index, random.hash(), path.siblings).value(), root);
    ASSERT_TRUE(contract.list_root(number(Domain::outputs), count, count, items[index], path.siblings).value().is_zero());
  }
  const auto none = base::list_root(Domain::outputs, {});
  ASSERT_EQ(contract.root(number(Domain::outputs), 0, base::list_top(Domain::outputs, {})).value(), none);
}

}  // namespace
}  // namespace koinon::test::quorum
