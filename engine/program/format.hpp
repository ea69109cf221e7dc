#pragma once
#include <string_view>

#include "engine/program/program.hpp"

namespace koinon::engine::program {

inline constexpr std::string_view kMagic{"koinon\0\1", 8};  ///< first bytes of a .koinon file
inline constexpr std::size_t kAlignment = 64;               ///< tensor data begins at multiples of this in a file

/// True for UTF-8 text (RFC 3629) without control characters.
bool printable_utf8(std::string_view text);

/// Errors: unsupported, which says what to do about a file of an older version.
base::Status check_version(std::uint32_t version);

/// What a step's operands are. Preconditions: the refs are in range.
const Constant* constant_of(const Program& program, Ref ref);

}  // namespace koinon::engine::program
