#pragma once
#include "base/bytes.hpp"
#include "trust/optimistic/demand.hpp"

namespace koinon::market {

/// An answer as it travels from a provider's node: "KNA1" | u64 length | hashes | blob data | hashes siblings | u64 count |
/// hashes list, where hashes are a u8 count and so many times 32 bytes.
base::Bytes encode_answer(const trust::optimistic::Answer& answer);
/// Errors: malformed, naming the position; out_of_range (more than any place takes).
base::Result<trust::optimistic::Answer> decode_answer(base::ByteView bytes);

/// The most bytes that an encoded answer takes.
inline constexpr std::size_t kMaxAnswer = 16'384;

}  // namespace koinon::market
