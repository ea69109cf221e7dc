#include "net/url.hpp"

#include <gtest/gtest.h>

#include "net/address.hpp"
#include "net/text.hpp"

namespace koinon::net {
namespace {

TEST(Url, splits_scheme_host_port_and_target) {
  const auto url = Url::parse("HTTP://example.org:81/a/b?c=d#e");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->authority(), "example.org:81");
  EXPECT_EQ(url->target, "/a/b?c=d");
  EXPECT_EQ(Url::parse("https://[::1]?q")->authority(), "[::1]:443");
  EXPECT_EQ(Url::parse("https://[::1]?q")->target, "/?q");
}

TEST(Url, refuses_what_is_no_plain_address) {
  for (const char* text : {"", "example.org", "ftp://a", "http://", "http://user:secret@a", "http://a:0", "http://a:65536",
                           "http://a b", "http://[::1", "http://[::1]x", "http://a\r\nX: y", "http://a%00b"})
    EXPECT_EQ(Url::parse(text).error().code, Code::malformed) << text;
}

TEST(PercentDecode, undoes_percent_encode) {
  const std::string text = "a b/ü%&=+~";
  EXPECT_EQ(*percent_decode(percent_encode(text)), text);
}

TEST(PercentDecode, refuses_cut_and_foreign_escapes) {
  for (const char* text : {"%", "%4", "%zz", "a%00"}) EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(SplitPath, decodes_after_splitting) {
  EXPECT_EQ(*split_path("/a%2Fb/c"), (std::vector<std::string>{"a/b", "c"}));
  EXPECT_TRUE(split_path("/")->empty());
}

TEST(SplitPath, refuses_segments_that_leave_a_folder) {
  for (const char* text : {"/../a", "/a/%2e%2e/b", "/./a", "a", "//a", "/a//b", "/a%0ab"})
    EXPECT_FALSE(split_path(text)) << text;
}

TEST(ParseQuery, decodes_pairs_and_bounds_their_number) {
  const auto pairs = parse_query("a=1&b=x+y%21&c");
  ASSERT_TRUE(pairs);
  EXPECT_EQ((*pairs)[1], (std::pair<std::string, std::string>{"b", "x y!"}));
  EXPECT_EQ((*pairs)[2].second, "");
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a=1&";
  EXPECT_EQ(parse_query(many).error().code, Code::out_of_range);
}

TEST(Address, tells_public_from_special_addresses) {
  for (const char* text : {"8.8.8.8", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8"})
    EXPECT_TRUE(is_public_address(text)) << text;
  for (const char* text : {"127.0.0.1",         "10.1.2.3",        "172.16.0.1",  "172.31.255.255",
                           "192.168.1.1",       "169.254.169.254", "100.64.0.1",  "0.0.0.0",
                           "224.0.0.1",         "255.255.255.255", "::1",         "::",
                           "fe80::1",           "fd00::1",         "ff02::1",     "::ffff:127.0.0.1",
                           "64:ff9b::10.0.0.1", "2002:7f00:1::",   "2001:db8::1", "nonsense"})
    EXPECT_FALSE(is_public_address(text)) << text;
}

TEST(JsonQuoted, escapes_quotes_controls_and_bytes_that_are_no_text) {
  EXPECT_EQ(json_quoted("a\"b\\c\n\x80 ü"), "\"a\\\"b\\\\c\\u000a\xEF\xBF\xBD ü\"");
}

}  // namespace
}  // namespace koinon::net
