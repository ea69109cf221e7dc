#pragma once
#include <span>

#include "base/bytes.hpp"

namespace koinon::trust::proof {

/// Keccak-256 (Ethereum's padding) of one message, with less overhead than base::keccak256 on short ones.
base::Hash keccak256_once(base::ByteView message);

/// out[i] = keccak256 of messages[i * size, (i + 1) * size), four at a time with AVX2 where the processor has it.
/// Precondition: messages.size() == out.size() * size.
void keccak256_many(base::ByteView messages, std::size_t size, std::span<base::Hash> out);
/// The same, one message after the other.
void keccak256_many_ref(base::ByteView messages, std::size_t size, std::span<base::Hash> out);

}  // namespace koinon::trust::proof
