#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace koinon::base {

/// An amount in the smallest unit of the settlement token (18 decimals), 0 to 2^256 - 1. Arithmetic never wraps: it returns an
/// error (out_of_range) instead.
class Wei {
 public:
  constexpr Wei() = default;
  constexpr explicit Wei(std::uint64_t value) : limbs_{value, 0, 0, 0} {}

  /// Parses a whole number of wei in decimal, or in hex behind "0x".
  static Result<Wei> parse(std::string_view text);
  /// Parses tokens such as "1.25": at most 18 digits after the point.
  static Result<Wei> parse_tokens(std::string_view text);
  /// 32 big-endian bytes, as in an ABI word.
  static Wei from_word(const Hash& word);
  [[nodiscard]] Hash word() const;

  /// Decimal wei.
  [[nodiscard]] std::string text() const;
  /// Tokens with trailing zeros removed, such as "1.25".
  [[nodiscard]] std::string tokens() const;
  [[nodiscard]] bool is_zero() const { return *this == Wei{}; }
  /// The value when it fits 64 bits. Errors: out_of_range.
  [[nodiscard]] Result<std::uint64_t> to_u64() const;

  Result<Wei> plus(const Wei& other) const;
  Result<Wei> minus(const Wei& other) const;
  Result<Wei> times(std::uint64_t factor) const;
  /// floor(this * numerator / denominator), the product taken in full width. Errors: denominator 0, result too large.
  Result<Wei> scaled(std::uint64_t numerator, std::uint64_t denominator) const;

  friend bool operator==(const Wei&, const Wei&) = default;
  friend std::strong_ordering operator<=>(const Wei& a, const Wei& b) {
    for (std::size_t i = 4; i-- > 0;)
      if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] <=> b.limbs_[i];
    return std::strong_ordering::equal;
  }

 private:
  friend struct WeiAccess;
  std::array<std::uint64_t, 4> limbs_{};  ///< least significant first
};

}  // namespace koinon::base
