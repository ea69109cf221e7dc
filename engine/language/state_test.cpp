#include <gtest/gtest.h>

#include "base/random.hpp"
#include "engine/language/state_trees.hpp"
#include "engine/run/roots.hpp"

namespace koinon::engine::language {
namespace {

using tensor::DType;
using tensor::IntTensor;

TEST(StateTrees, roots_are_those_of_the_whole_tensors_after_any_changes) {
  std::vector<IntTensor> state;
  for (std::int64_t size : {1, 1000, 1024, 1025, 5000, 8192, 33000}) state.push_back(IntTensor::zeros(DType::i8, {size}));
  StateTrees trees(state);
  EXPECT_EQ(trees.roots(state), run::tensor_roots(state));
  base::SeededRandom random(3);
  for (int round = 0; round < 50; ++round) {
    for (std::size_t t = 0; t < state.size(); ++t)
      for (std::uint64_t changes = random.u64() % 4; changes > 0; --changes) {
        const auto size = state[t].bytes.size();
        const auto first = random.u64() % size;
        const auto count = 1 + random.u64() % std::min<std::uint64_t>(size - first, 2100);
        for (auto i = first; i < first + count; ++i) state[t].bytes[i] = static_cast<std::uint8_t>(random.u64());
        trees.touch(t, first, count);
      }
    ASSERT_EQ(trees.roots(state), run::tensor_roots(state)) << round;
  }
}

TEST(StateTrees, what_was_not_touched_is_not_hashed) {
  std::vector<IntTensor> state{IntTensor::zeros(DType::i8, {4096})};
  StateTrees trees(state);
  const auto before = trees.roots(state);
  state[0].bytes[2000] = 1;
  EXPECT_EQ(trees.roots(state), before);
  trees.touch(0, 2000, 1);
  EXPECT_EQ(trees.roots(state), run::tensor_roots(state));
}

}  // namespace
}  // namespace koinon::engine::language
