#include "node/api/fields.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::node::api {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

Status only_fields(const json& object, std::initializer_list<std::string_view> known, std::string_view where) {
  if (!object.is_object()) return fail(Code::malformed, "[{}] {}: an object expected", where, object.type_name());
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(Code::invalid_argument, "[{}] unknown field '{}': {} expected", where, key.substr(0, 40),
                  fmt::join(known, ", "));
  return {};
}

Result<json> read_object(std::string_view text, std::initializer_list<std::string_view> known) {
  auto out = base::parse_json(text);
  if (out.is_discarded()) return fail(Code::malformed, "[body] {} bytes are no JSON", text.size());
  KOINON_CHECK(only_fields(out, known, "body"));
  return out;
}

Result<std::string> text_field(const json& object, const char* key, std::size_t limit) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string()) return fail(Code::invalid_argument, "[body] {}: a string expected", key);
  const auto& text = at->get_ref<const std::string&>();
  if (text.size() > limit) return fail(Code::out_of_range, "[body] {}: {} bytes, at most {}", key, text.size(), limit);
  return text;
}

Result<std::string> text_or(const json& object, const char* key, std::string_view fallback, std::size_t limit) {
  if (!object.contains(key)) return std::string(fallback);
  return text_field(object, key, limit);
}

Result<base::Wei> parse_wei(std::string_view text, std::string_view name) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (text.size() > 1 && text[0] == '0'))
    return fail(Code::invalid_argument, "[{}] '{}': wei as a decimal number expected", name, text.substr(0, 90));
  auto wei = base::Wei::parse(text);
  if (!wei) return fail(Code::invalid_argument, "[{}] '{}': at most 2^256 - 1", name, text.substr(0, 90));
  return wei;
}

Result<base::Wei> wei_field(const json& object, const char* key) {
  KOINON_TRY(const auto text, text_field(object, key, 80));
  return parse_wei(text, key);
}

Result<base::Address> address_field(const json& object, const char* key) {
  KOINON_TRY(const auto text, text_field(object, key, 42));
  const auto address = base::fixed_from_hex<20>(text);
  if (!address || text.size() != 42 || !text.starts_with("0x") || address->is_zero())
    return fail(Code::invalid_argument, "[body] {} '{}': 0x and 40 hex digits expected, not all zero", key, text);
  return *address;
}

Result<std::uint64_t> number_or(const json& object, const char* key, std::uint64_t fallback, std::uint64_t low,
                                std::uint64_t high) {
  const auto at = object.find(key);
  if (at == object.end()) return fallback;
  if (!at->is_number_unsigned())
    return fail(Code::invalid_argument, "[body] {}: a whole number from {} to {} expected", key, low, high);
  const auto value = at->get<std::uint64_t>();
  if (value < low || value > high) return fail(Code::out_of_range, "[body] {} is {}: {} to {} expected", key, value, low, high);
  return value;
}

Result<bool> flag_or(const json& object, const char* key, bool fallback) {
  const auto at = object.find(key);
  if (at == object.end()) return fallback;
  if (!at->is_boolean()) return fail(Code::invalid_argument, "[body] {}: true or false expected", key);
  return at->get<bool>();
}

Result<std::uint64_t> parse_number(std::string_view text, std::string_view name, std::uint64_t low, std::uint64_t high) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < low || out > high)
    return fail(Code::invalid_argument, "[{}] '{}': a whole number from {} to {} expected", name, text.substr(0, 40), low,
                high);
  return out;
}

}  // namespace koinon::node::api
