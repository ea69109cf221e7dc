#include "base/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace koinon::base {
namespace {

TEST(ThreadPool, calls_every_index_once) {
  for (std::size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    for (std::size_t n : {0U, 1U, 2U, 1000U}) {
      std::vector<std::atomic<int>> calls(n);
      pool.parallel_for(n, [&](std::size_t i) { ++calls[i]; });
      for (const auto& c : calls) EXPECT_EQ(c, 1);
    }
  }
}

TEST(ThreadPool, serves_many_short_rounds) {
  ThreadPool pool(4);
  std::atomic<std::size_t> sum{0};
  for (int round = 0; round < 2000; ++round) pool.parallel_for(3, [&](std::size_t i) { sum += i; });
  EXPECT_EQ(sum, 6000U);
}

}  // namespace
}  // namespace koinon::base
