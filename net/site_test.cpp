#include "net/site.hpp"

#include <gtest/gtest.h>

#include "net/url.hpp"

namespace koinon::net {
namespace {

TEST(Authority, is_one_name_or_address_and_one_port) {
  const auto v6 = Authority::parse("[::1]:7070");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 7070);
  EXPECT_TRUE(v6->is_v6);
  EXPECT_EQ(Authority::parse("node.example")->port, 0);
  for (const char* text : {"",
                           ":",
                           ":80",
                           "a:",
                           "a:0",
                           "a:65536",
                           "a:-1",
                           "a:+1",
                           "a:1x",
                           "127.0.0.1:evil",
                           "[::1].evil.com",
                           "[::1]evil",
                           "[::1",
                           "[]",
                           "[1.2.3.4]",
                           "[::1]:",
                           "::1",
                           "a.",
                           ".a",
                           "a..b",
                           "user@127.0.0.1",
                           "127.0.0.1@evil.com",
                           "a b",
                           "a/b",
                           "a\\b",
                           "a#b",
                           "a?b",
                           "%6c",
                           "localhost:80:80"})
    EXPECT_EQ(Authority::parse(text).error().code, Code::malformed) << text;
}

TEST(Site, hosts_are_loopback_or_known) {
  const Site site{.hosts = {"node.example", "port.example:7070"}};
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:7070", "node.example",
                           "node.example:443", "port.example:7070"})
    EXPECT_TRUE(check_host(site, host)) << host;
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.1", "127.0.0.256",
                           "[::2]:1", "port.example", "port.example:1", "10.0.0.1"})
    EXPECT_EQ(check_host(site, host).error().code, Code::unauthorised) << host;
  for (const char* host : {"", "[::1].evil.com", "127.0.0.1:evil", "localhost.", "localhost:70000", "x@localhost"})
    EXPECT_EQ(check_host(site, host).error().code, Code::malformed) << host;
}

TEST(Site, a_server_that_others_reach_answers_to_what_cannot_be_rebound) {
  const Site site{.only_known_hosts = false};
  for (const char* host : {"10.0.0.1:7070", "[2001:db8::1]", "mybox:7070", "localhost"})
    EXPECT_TRUE(check_host(site, host)) << host;
  for (const char* host : {"evil.example", "10.0.0.1.evil.example", "10.0.0"}) EXPECT_FALSE(check_host(site, host)) << host;
}

TEST(Site, origins_are_the_same_site_or_named) {
  const Site site{.origins = {"https://app.example", "http://127.0.0.1:7070"}};
  const std::string host = "127.0.0.1:8545";
  EXPECT_TRUE(check_site(site, host, nullptr));
  for (const std::string origin : {"http://127.0.0.1:8545", "https://app.example", "http://127.0.0.1:7070"})
    EXPECT_TRUE(check_site(site, host, &origin)) << origin;
  for (const std::string origin : {"null", "", "http://127.0.0.1:8546", "http://127.0.0.1:8545.evil.example",
                                   "http://app.example", "https://app.example.evil", "chrome-extension://abc", "file://"})
    EXPECT_EQ(check_site(site, host, &origin).error().code, Code::unauthorised) << origin;
}

TEST(Site, extensions_pass_where_they_may) {
  const Site site{.extensions = true};
  for (const std::string origin : {"chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn", "moz-extension://0a-1b"})
    EXPECT_TRUE(check_site(site, "localhost", &origin)) << origin;
  for (const std::string origin : {"chrome-extension://", "chrome-extension://a.evil.example", "chrome-extension://A B"})
    EXPECT_FALSE(check_site(site, "localhost", &origin)) << origin;
}

TEST(Site, grants_only_pages_of_other_sites_that_are_named) {
  const Site site{.origins = {"https://app.example"}};
  const auto granted = [&](const std::string& origin) {
    HttpRequest request;
    request.headers.add("Host", "localhost:1");
    request.headers.add("Origin", origin);
    HttpResponse response;
    grant_origin(site, request, response);
    return response.headers.get("Access-Control-Allow-Origin", "-");
  };
  EXPECT_EQ(granted("https://app.example"), "https://app.example");
  EXPECT_EQ(granted("http://localhost:1"), "-");
  EXPECT_EQ(granted("https://evil.example"), "-");
}

TEST(Site, named_sites_may_pay_for_calls_and_read_what_is_asked) {
  const Site site{.origins = {"https://app.example"}};
  HttpRequest request;
  request.headers.add("Host", "localhost:1");
  request.headers.add("Origin", "https://app.example");
  const auto allowed = preflight(site, request).value().headers.get("Access-Control-Allow-Headers");
  EXPECT_NE(allowed.find("PAYMENT-SIGNATURE"), std::string::npos) << allowed;
  HttpResponse response;
  grant_origin(site, request, response);
  EXPECT_EQ(response.headers.get("Access-Control-Expose-Headers"), "PAYMENT-REQUIRED, PAYMENT-RESPONSE");
  request.headers.set("Origin", "https://evil.example");
  EXPECT_FALSE(preflight(site, request));
}

}  // namespace
}  // namespace koinon::net
