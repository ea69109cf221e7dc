#pragma once
#include <string>
#include <string_view>

namespace koinon::net {

/// Compares ASCII letters without case, as header names and tokens compare.
bool equal_without_case(std::string_view a, std::string_view b);

/// Without the spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

/// A JSON string literal with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

/// True for a header name: one or more token characters (RFC 9110, section 5.6.2).
bool is_token(std::string_view text);

/// True for a header value: no control characters but the tab, so that it cannot begin another field.
bool is_field_value(std::string_view text);

}  // namespace koinon::net
