#pragma once
#include <string_view>
#include <vector>

namespace koinon::engine::language {

/// Cuts a text as GPT-2 does before BPE:
///
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// The pieces together are the text. A byte that is not UTF-8 counts as a character of its own, of the third sort.
std::vector<std::string_view> gpt2_pieces(std::string_view text);

}  // namespace koinon::engine::language
