// Random models through the whole pipeline: import, quantise, run.
#include "engine/quantise/random_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "base/hash.hpp"
#include "engine/quantise/build.hpp"
#include "engine/quantise/check_model.hpp"

namespace koinon::engine::quantise {
namespace {

TEST(RandomModels, become_programs_that_keep_to_float) {
  const auto* many = std::getenv("KOINON_RANDOM_MODELS");
  const auto* first = std::getenv("KOINON_FIRST_SEED");
  const std::uint64_t from = first == nullptr ? 1 : std::strtoull(first, nullptr, 10);
  const std::uint64_t count = many == nullptr ? 300 : std::strtoull(many, nullptr, 10);
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    Choices choices(seed);
    const auto nodes = static_cast<int>(1 + choices.roll(16));
    const auto trouble = check_model(random_model(choices, nodes));
    for (const auto& line : trouble) ADD_FAILURE() << "seed " << seed << ": " << line;
  }
}

// What a machine of another kind, compiler or build must make of the same files: programs of 40 models at 16 and at 8 bits. A
// change of a lowering changes it: take the new value from the failure once the change is meant.
TEST(RandomModels, become_the_same_bytes_everywhere) {
  base::Bytes ids;
  for (std::uint64_t seed = 1; seed <= 40; ++seed)
    for (int bits : {16, 8}) {
      Choices choices(seed);
      BuildOptions options;
      options.activations = bits;
      const auto built = build(base::as_bytes(random_model(choices, 8)), {}, options);
      ASSERT_TRUE(built) << "seed " << seed << ": " << built.error().text;
      const auto id = program::program_id(built->program);
      ids.insert(ids.end(), id.view().begin(), id.view().end());
    }
  EXPECT_EQ(base::to_hex(base::keccak256(ids)), "0xfe1799fdc4c5fffcbbbc5c3d157adcc40ccc309e05be978388c41d472cf25031");
}

}  // namespace
}  // namespace koinon::engine::quantise
