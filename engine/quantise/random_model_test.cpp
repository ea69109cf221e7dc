// Random models through the whole pipeline: import, quantise, run.
#include "engine/quantise/random_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

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

}  // namespace
}  // namespace koinon::engine::quantise
