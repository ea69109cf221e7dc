#include "base/json.hpp"

#include <nlohmann/json.hpp>
#include <set>

namespace koinon::base {

bool nests_deeper(std::string_view json, int most) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::uint64_t json_memory(std::string_view json) {
  // A value has 16 bytes, which a growing array may hold three times over; an array or object is a block of its own; a member
  // is a node with its key.
  constexpr std::uint64_t kValue = 32;
  constexpr std::uint64_t kBlock = 64;
  constexpr std::uint64_t kMember = 112;
  std::uint64_t out = kValue;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"')
      in_string = true;
    else if (c == '[' || c == '{')
      out += kBlock;
    else if (c == ',')
      out += kValue;
    else if (c == ':')
      out += kMember;
  }
  return out;
}

Result<nlohmann::json> read_json(std::string_view text, const JsonLimits& limits) {
  using nlohmann::json;
  // The library takes a NUL for the end, and whatever stands behind it for nothing.
  if (text.find('\0') != std::string_view::npos) return fail(Code::malformed, "[json] a NUL byte");
  if (nests_deeper(text, limits.depth)) return fail(Code::out_of_range, "[json] nests deeper than {}", limits.depth);
  if (const auto needed = json_memory(text); needed > limits.memory)
    return fail(Code::out_of_range, "[json] {} bytes of text would take {} MiB in memory: at most {} MiB", text.size(),
                needed >> 20, limits.memory >> 20);
  // One set of keys an open object: which of two values counts is for each reader to guess.
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second && twice.empty())
      twice = value.get<std::string>().substr(0, 40);
    return true;
  };
  auto out = json::parse(text, watch, false);
  if (!twice.empty()) return fail(Code::malformed, "[json] an object names '{}' twice", twice);
  if (out.is_discarded()) return fail(Code::malformed, "[json] {} bytes are no JSON", text.size());
  return out;
}

nlohmann::json parse_json(std::string_view text) {
  auto out = read_json(text);
  return out ? *std::move(out) : nlohmann::json(nlohmann::json::value_t::discarded);
}

}  // namespace koinon::base
