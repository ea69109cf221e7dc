#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace koinon::base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The bytes of a text, borrowed.
inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
/// The text of bytes, borrowed.
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// A fixed-size byte string that compares and hashes by value. `Tag` keeps roots, addresses and keys apart.
template <std::size_t N>
struct FixedBytes {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> bytes{};

  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] bool is_zero() const {
    for (auto b : bytes)
      if (b != 0) return false;
    return true;
  }
  friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
};

using Hash = FixedBytes<32>;     ///< keccak256 or sha2-256 digest, Merkle root, program id
using Address = FixedBytes<20>;  ///< Ethereum address

/// Lower-case hex with "0x".
std::string to_hex(ByteView bytes);
template <std::size_t N>
std::string to_hex(const FixedBytes<N>& value) {
  return to_hex(value.view());
}

/// Decodes hex of either case; "0x" is optional. Errors: malformed on odd length or a character outside 0-9a-fA-F.
Result<Bytes> from_hex(std::string_view hex);

/// Decodes exactly N bytes of hex.
template <std::size_t N>
Result<FixedBytes<N>> fixed_from_hex(std::string_view hex) {
  KOINON_TRY(auto bytes, from_hex(hex));
  if (bytes.size() != N) return fail(Code::malformed, "[hex] {} bytes: {} expected", bytes.size(), N);
  FixedBytes<N> out;
  std::memcpy(out.bytes.data(), bytes.data(), N);
  return out;
}

/// Copies exactly N bytes. Precondition: view.size() == N (an invariant, not input).
template <std::size_t N>
FixedBytes<N> fixed(ByteView view) {
  KOINON_INVARIANT(view.size() == N);
  FixedBytes<N> out;
  std::memcpy(out.bytes.data(), view.data(), N);
  return out;
}

/// Overwrites memory in a way the compiler keeps (secrets).
void wipe(std::span<std::uint8_t> secret);

}  // namespace koinon::base

template <std::size_t N>
struct std::hash<koinon::base::FixedBytes<N>> {
  std::size_t operator()(const koinon::base::FixedBytes<N>& value) const noexcept {
    std::size_t h = 0;
    std::memcpy(&h, value.bytes.data(), sizeof h < N ? sizeof h : N);
    return h;
  }
};
