#include "cli/remote/reply.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::cli {

using nlohmann::json;

base::Result<json> parse_reply(std::string_view text) {
  auto out = base::parse_json(text);
  if (out.is_discarded()) return base::fail(base::Code::malformed, "[node] the answer is not JSON");
  return out;
}

const json& child(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

std::string text_at(const json& object, const char* key, std::string_view otherwise) {
  const auto& value = child(object, key);
  return value.is_string() ? value.get<std::string>() : std::string(otherwise);
}

std::uint64_t number_at(const json& object, const char* key, std::uint64_t otherwise) {
  const auto& value = child(object, key);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : otherwise;
}

bool true_at(const json& object, const char* key) {
  const auto& value = child(object, key);
  return value.is_boolean() && value.get<bool>();
}

base::Wei wei_at(const json& object, const char* key) {
  const auto parsed = base::Wei::parse(text_at(object, key));
  return parsed ? *parsed : base::Wei{};
}

std::string tokens_at(const json& object, const char* key) {
  const auto parsed = base::Wei::parse(text_at(object, key));
  return parsed ? parsed->tokens() : "-";
}

std::vector<std::string> texts_of(const json& array) {
  std::vector<std::string> out;
  if (array.is_array())
    for (const auto& value : array)
      if (value.is_string()) out.push_back(value.get<std::string>());
  return out;
}

std::vector<double> numbers_of(const json& array) {
  std::vector<double> out;
  if (array.is_array())
    for (const auto& value : array)
      if (value.is_number()) out.push_back(value.get<double>());
  return out;
}

}  // namespace koinon::cli
