#include "base/tree.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace koinon::base {
namespace {

Bytes data(std::size_t size) {
  Bytes out(size);
  SeededRandom(size).fill(out);
  return out;
}

TEST(Tree, has_the_roots_and_paths_of_the_functions_that_keep_nothing) {
  for (const std::size_t size : {0U, 1U, 1024U, 1025U, 3000U, 5000U, 9000U}) {
    const auto bytes = data(size);
    const auto tree = Tree::of_bytes(Domain::tensor, bytes);
    EXPECT_EQ(tree.root(), byte_tree_root(Domain::tensor, bytes)) << size;
    const auto leaves = std::max<std::size_t>(1, (size + kLeafSize - 1) / kLeafSize);
    for (std::size_t i = 0; i < leaves; ++i)
      EXPECT_EQ(tree.path(i), open_byte_leaf(Domain::tensor, bytes, i).value().siblings) << size << " leaf " << i;
  }
  std::vector<Hash> items;
  for (int i = 0; i < 12; ++i) {
    const auto tree = Tree::of_list(Domain::trace, items);
    EXPECT_EQ(tree.root(), list_root(Domain::trace, items));
    for (std::size_t j = 0; j < items.size(); ++j)
      EXPECT_EQ(tree.path(j), open_list_item(Domain::trace, items, j).value().siblings);
    items.push_back(keccak256(be64(items.size())));
  }
}

TEST(Tree, opens_runs_that_close_to_its_root) {
  SeededRandom random(3);
  for (const std::size_t size : {1U, 1024U, 3000U, 5000U, 20'000U}) {
    const auto bytes = data(size);
    const auto tree = Tree::of_bytes(Domain::tensor, bytes);
    for (int i = 0; i < 40; ++i) {
      const auto from = random.u64() % size;
      const auto length = 1 + random.u64() % (size - from);
      auto run = tree.open(bytes, from, length).value();
      EXPECT_EQ(run_root(Domain::tensor, size, from, length, run).value(), tree.root())
          << size << ": " << length << " at " << from;
      run.data[random.u64() % run.data.size()] ^= 1;
      EXPECT_NE(run_root(Domain::tensor, size, from, length, run).value(), tree.root());
      run.siblings.push_back({});
      EXPECT_EQ(run_root(Domain::tensor, size, from, length, run).error().code, Code::malformed);
      run.siblings.resize(0);
      run.data.push_back(0);
      EXPECT_EQ(run_root(Domain::tensor, size, from, length, run).error().code, Code::malformed);
    }
    EXPECT_EQ(tree.open(bytes, size, 1).error().code, Code::out_of_range);
    EXPECT_EQ(tree.open(bytes, 0, 0).error().code, Code::out_of_range);
    EXPECT_EQ(run_root(Domain::tensor, size, size, 1, {}).error().code, Code::malformed);
  }
}

}  // namespace
}  // namespace koinon::base
