#pragma once
#include "engine/language/folder.hpp"

namespace koinon::engine::language {

/// A model of random weights, for tests and benches: what any trained one of this form would be compiled to.
Transformer random_model(const Config& config, std::uint64_t seed);

/// A tokenizer.json of 260 tokens: all bytes, three merges and one that ends a text. `strings`: merges as older files write
/// them.
std::string byte_tokeniser(bool strings = false);
/// random_model compiled, with byte_tokeniser. Preconditions: vocabulary of at least 260, options that build_programs takes.
Folder random_folder(const Config& config, const BuildOptions& options, std::uint64_t seed);

}  // namespace koinon::engine::language
