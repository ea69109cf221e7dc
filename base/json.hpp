#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.hpp"

namespace koinon::base {

/// Deepest nesting of arrays and objects in JSON from outside. What we exchange nests less than ten deep; a library that prints
/// a value by recursion runs out of stack at about a hundred thousand.
inline constexpr int kMaxJsonDepth = 64;

/// True when arrays and objects nest deeper than `most`, as far as the text is JSON at all.
bool nests_deeper(std::string_view json, int most = kMaxJsonDepth);

/// What JSON from outside may cost. An array of small numbers takes sixteen times the memory of its text, so that a bound on
/// the text alone is none.
struct JsonLimits {
  int depth = kMaxJsonDepth;
  std::uint64_t memory = std::uint64_t{256} << 20;  ///< bytes that the values may take, by the estimate of json_memory()
};

/// Bytes that the values of a JSON text take in memory at most, but for the characters of its strings: estimated from its
/// brackets, commas and colons without reading it.
std::uint64_t json_memory(std::string_view json);

/// Reads JSON that nobody vouches for. Errors: malformed (no JSON, an object that names a key twice, bytes behind the value),
/// out_of_range (nests deeper or takes more memory than the limits).
Result<nlohmann::json> read_json(std::string_view text, const JsonLimits& limits = {});

/// The same; a discarded value (`is_discarded()`) where that gives an error.
nlohmann::json parse_json(std::string_view text);

}  // namespace koinon::base
