#include "base/json.hpp"

#include <nlohmann/json.hpp>
#include <set>

namespace koinon::base {

namespace {

/// Calls `visit` with each character that stands outside of strings, and with the quote that opens one, until it gives false.
template <class F>
void each_outside(std::string_view json, F&& visit) {
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!visit(json[i])) return;
    if (json[i] != '"') continue;
    for (++i; i < json.size() && json[i] != '"'; ++i)
      if (json[i] == '\\') ++i;
  }
}

// A value has 16 bytes, which a growing array may hold three times over; an array or object is a block of its own; a member is
// a node with its key.
constexpr std::uint64_t kValue = 32;
constexpr std::uint64_t kBlock = 64;
constexpr std::uint64_t kMember = 112;

/// What the character of a value adds to the estimate of its memory.
std::uint64_t memory_of(char c) {
  if (c == '[' || c == '{') return kBlock;
  if (c == ',') return kValue;
  return c == ':' ? kMember : 0;
}

/// How deep a text nests after one more of its characters.
int deeper(int depth, char c) {
  if (c == '[' || c == '{') return depth + 1;
  return c == ']' || c == '}' ? depth - 1 : depth;
}

/// Both bounds in one walk.
Status check_limits(std::string_view text, const JsonLimits& limits) {
  int depth = 0;
  bool deep = false;
  std::uint64_t memory = kValue;
  each_outside(text, [&](char c) {
    depth = deeper(depth, c);
    memory += memory_of(c);
    deep = depth > limits.depth;
    return !deep;
  });
  if (deep) return fail(Code::out_of_range, "[json] nests deeper than {}", limits.depth);
  if (memory > limits.memory)
    return fail(Code::out_of_range, "[json] {} bytes of text would take {} MiB in memory: at most {} MiB", text.size(),
                memory >> 20, limits.memory >> 20);
  return {};
}

}  // namespace

bool nests_deeper(std::string_view json, int most) {
  int depth = 0;
  each_outside(json, [&](char c) {
    depth = deeper(depth, c);
    return depth <= most;
  });
  return depth > most;
}

std::uint64_t json_memory(std::string_view json) {
  auto out = kValue;
  each_outside(json, [&](char c) {
    out += memory_of(c);
    return true;
  });
  return out;
}

Result<nlohmann::json> read_json(std::string_view text, const JsonLimits& limits) {
  using nlohmann::json;
  // The library takes a NUL for the end, and whatever stands behind it for nothing.
  if (text.find('\0') != std::string_view::npos) return fail(Code::malformed, "[json] a NUL byte");
  KOINON_CHECK(check_limits(text, limits));
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
