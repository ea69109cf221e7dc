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

TEST(Json, an_object_names_a_key_once) {
  for (const auto* text : {R"({"a":1,"a":1})", R"([{"b":{"a":1,"c":2,"a":3}}])", R"({"a":1,"\u0061":2})"}) {
    EXPECT_EQ(read_json(text).error().code, Code::malformed) << text;
    EXPECT_TRUE(parse_json(text).is_discarded()) << text;
  }
  EXPECT_TRUE(read_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
  EXPECT_NE(read_json(R"({"key":1,"key":2})").error().text.find("'key' twice"), std::string::npos);
}

TEST(Json, takes_bounded_memory) {
  std::string flat = "[0";
  for (int i = 0; i < 100'000; ++i) flat += ",0";
  flat += "]";
  EXPECT_TRUE(read_json(flat));
  EXPECT_EQ(read_json(flat, {.memory = 1u << 20}).error().code, Code::out_of_range);
  std::string nests = "[[]";
  for (int i = 0; i < 4'000'000; ++i) nests += ",[]";
  EXPECT_TRUE(parse_json(nests + "]").is_discarded());                                 // 12 MB of text, 384 MB of arrays
  EXPECT_TRUE(read_json("\"" + std::string(1u << 20, ',') + "\"", {.memory = 1024}));  // characters of a string are only text
}

TEST(Json, nothing_stands_behind_the_value) {
  EXPECT_TRUE(read_json(" {} \n"));
  for (const std::string text : {"{}x", "{}{}", "1 2", "[],"}) EXPECT_EQ(read_json(text).error().code, Code::malformed) << text;
  EXPECT_EQ(read_json(std::string("{}\0", 3)).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::base
