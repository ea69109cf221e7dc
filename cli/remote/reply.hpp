#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.hpp"

namespace koinon::cli {

/// JSON from a node, which is not trusted. Errors: malformed.
base::Result<nlohmann::json> parse_reply(std::string_view text);

/// A field of an object, or null when the object has none (or is none). None of these throws, whatever the JSON.
const nlohmann::json& child(const nlohmann::json& object, const char* key);
/// A text field, or `otherwise`.
std::string text_at(const nlohmann::json& object, const char* key, std::string_view otherwise = "");
/// A whole number of 0 or more, or `otherwise`.
std::uint64_t number_at(const nlohmann::json& object, const char* key, std::uint64_t otherwise = 0);
bool true_at(const nlohmann::json& object, const char* key);
/// An amount in wei; zero when there is none.
base::Wei wei_at(const nlohmann::json& object, const char* key);
/// An amount in tokens for people; "-" when there is none.
std::string tokens_at(const nlohmann::json& object, const char* key);
/// Texts of an array; others are skipped.
std::vector<std::string> texts_of(const nlohmann::json& array);
/// Numbers of an array; others are skipped.
std::vector<double> numbers_of(const nlohmann::json& array);

}  // namespace koinon::cli
