#pragma once
#include "base/hash.hpp"

namespace koinon::base {

/// keccak256 of `count` messages of `length` bytes each, one behind the other, into out[0, count): 8 or 4 at once where the
/// processor can. The same hashes as keccak256, at a fraction of its time (Merkle leaves and nodes are such messages).
void keccak256_each(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out);
/// keccak256 of `head` and then each of `count` pieces of `length` bytes, one behind the other: the leaves of a tree from where
/// its data lie. Precondition: head is not longer than 8 bytes, and with a piece at least 136.
void keccak256_pieces(ByteView head, const std::uint8_t* pieces, std::size_t length, std::size_t count, Hash* out);
/// The same as keccak256_each, one after the other.
void keccak256_each_ref(const std::uint8_t* messages, std::size_t length, std::size_t count, Hash* out);

}  // namespace koinon::base
