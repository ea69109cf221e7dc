#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace koinon::base {

/// Deepest nesting of arrays and objects in JSON from outside. What we exchange nests less than ten deep; a library that prints
/// a value by recursion runs out of stack at about a hundred thousand.
inline constexpr int kMaxJsonDepth = 64;

/// True when arrays and objects nest deeper than `most`, as far as the text is JSON at all.
bool nests_deeper(std::string_view json, int most = kMaxJsonDepth);

/// Reads JSON that nobody vouches for; a discarded value (`is_discarded()`) when it is none, or nests deeper than
/// kMaxJsonDepth.
nlohmann::json parse_json(std::string_view text);

}  // namespace koinon::base
