#include "net/http.hpp"

#include <gtest/gtest.h>

#include "net/body_source.hpp"

namespace koinon::net {
namespace {

TEST(Headers, compare_names_without_case) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("X", "1");
  headers.set("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "b");
  EXPECT_EQ(headers.items().size(), 2u);
  EXPECT_EQ(headers.get("absent", "fallback"), "fallback");
}

TEST(HttpResponse, shows_an_error_as_json) {
  const auto response = HttpResponse::error({Code::not_found, "[order] 7 \"x\""});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body_text(), R"({"error":{"code":"not_found","text":"[order] 7 \"x\""}})");
}

TEST(ParseRange, reads_the_three_forms) {
  const auto range = [](std::string_view field) { return **parse_range(field, 100); };
  EXPECT_EQ(range("bytes=10-19").last, 19u);
  EXPECT_EQ(range("bytes=90-").last, 99u);
  EXPECT_EQ(range("bytes=-10").first, 90u);
  EXPECT_EQ(range("bytes=0-1000").last, 99u);
  EXPECT_EQ(range("bytes=-1000").first, 0u);
}

TEST(ParseRange, ignores_what_it_does_not_serve) {
  for (const char* field : {"items=0-1", "bytes=0-1,3-4", "bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "bytes=+1-2"})
    EXPECT_FALSE(parse_range(field, 100)->has_value()) << field;
}

TEST(ParseRange, refuses_a_range_outside_the_body) {
  EXPECT_EQ(parse_range("bytes=100-", 100).error().code, Code::out_of_range);
  EXPECT_EQ(parse_range("bytes=-0", 100).error().code, Code::out_of_range);
  EXPECT_EQ(parse_range("bytes=0-", 0).error().code, Code::out_of_range);
}

}  // namespace
}  // namespace koinon::net
