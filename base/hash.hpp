#pragma once
#include <initializer_list>

#include "base/bytes.hpp"

namespace koinon::base {

/// Keccak-256 as Ethereum uses it (the padding before FIPS 202, not SHA3-256).
Hash keccak256(ByteView bytes);
/// Keccak-256 of the concatenation of `parts`.
Hash keccak256(std::initializer_list<ByteView> parts);
/// SHA2-256 (FIPS 180-4), used in CIDs.
Hash sha256(ByteView bytes);

/// Big-endian bytes of a 64-bit number, as Solidity's abi.encodePacked(uint64) gives. Hash preimages that a contract also
/// computes use this order; files use little-endian.
std::array<std::uint8_t, 8> be64(std::uint64_t value);

}  // namespace koinon::base
