#pragma once
#include "engine/language/transformer.hpp"

namespace koinon::engine::language {

/// A model of random weights, for tests and benches: what any trained one of this form would be compiled to.
Transformer random_model(const Config& config, std::uint64_t seed);

}  // namespace koinon::engine::language
