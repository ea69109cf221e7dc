#include "base/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace koinon::base {
namespace {

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, reads_what_is_json_and_not_too_deep) {
  EXPECT_EQ(parse_json(R"({"a": [1, {"b": "]}\"["}]})").dump(), R"({"a":[1,{"b":"]}\"["}]})");
  EXPECT_FALSE(parse_json(nested(kMaxJsonDepth)).is_discarded());
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth + 1)).is_discarded());
  EXPECT_TRUE(parse_json(nested(1'000'000)).is_discarded());
  for (const auto* text : {"", "{", "[1,", "nul", "\"\\", "]["}) EXPECT_TRUE(parse_json(text).is_discarded()) << text;
}

TEST(Json, brackets_in_strings_do_not_nest) {
  EXPECT_FALSE(nests_deeper("\"" + std::string(1000, '[') + "\""));
  EXPECT_FALSE(nests_deeper(R"(["\"[[[[", "\\", "["])", 1));
  EXPECT_TRUE(nests_deeper(R"(["\\", ["a"]])", 1));
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],{},";
  EXPECT_FALSE(nests_deeper(wide, 2));
}

}  // namespace
}  // namespace koinon::base
