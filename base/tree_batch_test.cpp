#include "base/tree_batch.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace koinon::base {
namespace {

// Strings of these sizes, added one after the other, against byte_tree_root of each.
void expect_roots(const std::vector<std::size_t>& sizes, ThreadPool* pool) {
  SeededRandom random(sizes.size());
  TreeBatch batch(Domain::tensor, pool);
  std::vector<Hash> want;
  for (const auto size : sizes) {
    Bytes bytes(size);
    random.fill(bytes);
    EXPECT_EQ(batch.add(bytes), want.size());
    want.push_back(byte_tree_root(Domain::tensor, bytes));
    std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xaa});  // nothing is read later
  }
  EXPECT_EQ(batch.roots(), want);
}

TEST(TreeBatch, has_the_roots_of_strings_one_by_one) {
  ThreadPool pool(2);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    expect_roots({}, threads);
    expect_roots({0}, threads);
    expect_roots({1, 1024, 1025, 2048, 2049, 4095, 5000, 0, 70'000, 3}, threads);
    expect_roots({600'000, 10, 3'000'000, 1'048'577}, threads);  // more than waits at once
  }
}

TEST(TreeBatch, folds_between_strings_when_there_are_many) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 6000; ++i) sizes.push_back(i % 7 * 500);
  expect_roots(sizes, nullptr);
}

}  // namespace
}  // namespace koinon::base
