#pragma once
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/base64.hpp"
#include "base/money.hpp"

// Reading small JSON bodies that nobody vouches for. Every error names the field.
namespace koinon::node::api {

/// A JSON object with no other fields than `known`. Errors: malformed, invalid_argument (unknown field).
base::Result<nlohmann::json> read_object(std::string_view text, std::initializer_list<std::string_view> known);
/// The same check of an object that was read already. `where` names it in errors.
base::Status only_fields(const nlohmann::json& object, std::initializer_list<std::string_view> known, std::string_view where);

/// A required text of at most `limit` bytes. Errors: invalid_argument, out_of_range.
base::Result<std::string> text_field(const nlohmann::json& object, const char* key, std::size_t limit);
/// The same, or `fallback` when it is absent.
base::Result<std::string> text_or(const nlohmann::json& object, const char* key, std::string_view fallback, std::size_t limit);
/// A required amount: decimal wei in a string.
base::Result<base::Wei> wei_field(const nlohmann::json& object, const char* key);
/// A required address, 0x and 40 hex digits; not zero.
base::Result<base::Address> address_field(const nlohmann::json& object, const char* key);
/// A whole number in [low, high], or `fallback` when it is absent.
base::Result<std::uint64_t> number_or(const nlohmann::json& object, const char* key, std::uint64_t fallback, std::uint64_t low,
                                      std::uint64_t high);
/// true or false, or `fallback` when it is absent.
base::Result<bool> flag_or(const nlohmann::json& object, const char* key, bool fallback);

/// Decimal wei as the API writes it: no sign, no leading zero. Errors: invalid_argument.
base::Result<base::Wei> parse_wei(std::string_view text, std::string_view name);
/// A decimal number of a query in [low, high]. Errors: invalid_argument.
base::Result<std::uint64_t> parse_number(std::string_view text, std::string_view name, std::uint64_t low, std::uint64_t high);

using base::decode_base64;
using base::encode_base64;

}  // namespace koinon::node::api
