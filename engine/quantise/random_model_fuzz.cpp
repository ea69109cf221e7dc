#include <cstdio>

#include "engine/quantise/check_model.hpp"
#include "engine/quantise/random_model.hpp"

/// The bytes choose a model; whatever they choose must keep to what check_model asks.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace quantise = koinon::engine::quantise;
  quantise::Choices choices(data, size);
  const auto nodes = static_cast<int>(1 + choices.roll(12));
  const auto trouble = quantise::check_model(quantise::random_model(choices, nodes));
  for (const auto& line : trouble) std::fprintf(stderr, "%s\n", line.c_str());
  if (!trouble.empty()) __builtin_trap();
  return 0;
}
