#include <algorithm>

#include "test/extension/statistics/statistics.hpp"

using koinon::test::extension::Recipe;
using koinon::test::extension::Statistics;

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  return {Recipe{.low = -100, .high = 100, .bins = 8, .quantiles = {0, 2500, 5000, 10'000}}.encode(),
          Recipe{.low = 0, .high = 1, .bins = 1, .quantiles = {}}.encode()};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  // One object has one encoding, and what decodes can be run.
  if (const auto recipe = Recipe::decode(bytes); recipe && !std::ranges::equal(recipe->encode(), bytes)) __builtin_trap();
  const koinon::base::Bytes artifact(bytes.begin(), bytes.end());
  const auto outcome = Statistics().run({koinon::base::keccak256(bytes), artifact, {artifact}}, {});
  if (!outcome && outcome.error().code != koinon::base::Code::rejected) __builtin_trap();
  return 0;
}
