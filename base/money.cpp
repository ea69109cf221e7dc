#include "base/money.hpp"

#include <boost/multiprecision/cpp_int.hpp>

namespace koinon::base {

using Wide = boost::multiprecision::cpp_int;

/// Conversion between limbs and the arbitrary-precision integer that does the arithmetic.
struct WeiAccess {
  static Wide wide(const Wei& wei) {
    Wide out = 0;
    for (std::size_t i = 4; i-- > 0;) out = (out << 64) | wei.limbs_[i];
    return out;
  }
  static Result<Wei> narrow(Wide value, std::string_view operation) {
    if (value < 0) return fail(Code::out_of_range, "[money] {}: result is below zero", operation);
    if (value >= Wide(1) << 256) return fail(Code::out_of_range, "[money] {}: result exceeds 2^256 - 1", operation);
    Wei out;
    const Wide mask = (Wide(1) << 64) - 1;
    for (auto& limb : out.limbs_) {
      limb = static_cast<std::uint64_t>(Wide(value & mask));
      value >>= 64;
    }
    return out;
  }
};

namespace {

constexpr std::size_t kDecimals = 18;

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<Wei> Wei::parse(std::string_view text) {
  if (text.starts_with("0x")) {
    if (text.size() == 2 || text.size() > 66 || text.find_first_not_of("0123456789abcdefABCDEF", 2) != std::string_view::npos)
      return fail(Code::malformed, "[money] '{}': 0x and 1 to 64 hex digits expected", text.substr(0, 80));
    return WeiAccess::narrow(Wide(std::string(text)), "parse");
  }
  if (!all_digits(text) || text.size() > 78)
    return fail(Code::malformed, "[money] '{}': a whole number of wei expected", text.substr(0, 80));
  // A leading zero would make the big integer read the number as octal.
  const auto first = text.find_first_not_of('0');
  if (first == std::string_view::npos) return Wei{};
  return WeiAccess::narrow(Wide(std::string(text.substr(first))), "parse");
}

Result<Wei> Wei::parse_tokens(std::string_view text) {
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  const auto part = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const bool good = all_digits(whole) && (point == std::string_view::npos || all_digits(part)) && part.size() <= kDecimals &&
                    whole.size() <= 60;
  if (!good)
    return fail(Code::malformed, "[money] '{}': an amount such as 1.25 expected, at most 18 digits after the point",
                text.substr(0, 80));
  return parse(std::string(whole) + std::string(part) + std::string(kDecimals - part.size(), '0'));
}

Wei Wei::from_word(const Hash& word) {
  Wei out;
  for (std::size_t i = 0; i < 32; ++i) out.limbs_[3 - i / 8] = out.limbs_[3 - i / 8] << 8 | word.bytes[i];
  return out;
}

Hash Wei::word() const {
  Hash out;
  for (std::size_t i = 0; i < 32; ++i) out.bytes[i] = static_cast<std::uint8_t>(limbs_[3 - i / 8] >> (8 * (7 - i % 8)));
  return out;
}

std::string Wei::text() const { return WeiAccess::wide(*this).str(); }

std::string Wei::tokens() const {
  auto digits = text();
  if (digits.size() <= kDecimals) digits.insert(0, kDecimals + 1 - digits.size(), '0');
  auto part = digits.substr(digits.size() - kDecimals);
  part.erase(part.find_last_not_of('0') + 1);
  auto whole = digits.substr(0, digits.size() - kDecimals);
  return part.empty() ? whole : whole + "." + part;
}

Result<std::uint64_t> Wei::to_u64() const {
  if (limbs_[1] != 0 || limbs_[2] != 0 || limbs_[3] != 0)
    return fail(Code::out_of_range, "[money] {} does not fit 64 bits", text());
  return limbs_[0];
}

Result<Wei> Wei::plus(const Wei& other) const {
  return WeiAccess::narrow(WeiAccess::wide(*this) + WeiAccess::wide(other), "add");
}

Result<Wei> Wei::minus(const Wei& other) const {
  return WeiAccess::narrow(WeiAccess::wide(*this) - WeiAccess::wide(other), "subtract");
}

Result<Wei> Wei::times(std::uint64_t factor) const { return WeiAccess::narrow(WeiAccess::wide(*this) * factor, "multiply"); }

Result<Wei> Wei::scaled(std::uint64_t numerator, std::uint64_t denominator) const {
  if (denominator == 0) return fail(Code::invalid_argument, "[money] scale: denominator is 0");
  return WeiAccess::narrow(WeiAccess::wide(*this) * numerator / denominator, "scale");
}

}  // namespace koinon::base
