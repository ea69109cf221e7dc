#include "ledger/local/proxy.hpp"

#include <gtest/gtest.h>

#include "net/websocket.hpp"

namespace koinon::ledger::local {
namespace {

constexpr const char* kPage = "http://127.0.0.1:7070";
constexpr const char* kWallet = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn";
constexpr const char* kCall = R"({"jsonrpc":"2.0","id":1,"method":"eth_accounts","params":[]})";

/// A proxy whose chain is not there: who may ask it is decided before.
struct ProxySiteTest : testing::Test {
  Proxy proxy{
      {[](const Bytes&) -> Result<Hash> { return base::fail(Code::exhausted, "no chain"); }, [] { return std::string(); }},
      1u << 20,
      {.origins = {kPage}, .extensions = true}};
  net::HttpClient http;

  void SetUp() override { ASSERT_TRUE(proxy.listen("127.0.0.1", 0)); }
  net::HttpResponse ask(net::Method method, const std::string& host, const std::string& origin) {
    net::ClientRequest request;
    request.method = method;
    request.url = proxy.url();
    if (method == net::Method::post) request.body = kCall;
    if (!host.empty()) request.headers.add("Host", host);
    if (!origin.empty()) request.headers.add("Origin", origin);
    auto out = http.send(request);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *std::move(out) : net::HttpResponse{};
  }
};

TEST_F(ProxySiteTest, serves_programs_its_own_page_and_wallets) {
  EXPECT_EQ(ask(net::Method::post, "", "").status, 200);
  EXPECT_EQ(ask(net::Method::post, "", proxy.url()).status, 200);
  for (const std::string origin : {kPage, kWallet}) {
    const auto answer = ask(net::Method::post, "", origin);
    EXPECT_EQ(answer.status, 200) << origin;
    EXPECT_EQ(answer.headers.get("Access-Control-Allow-Origin"), origin);
    const auto before = ask(net::Method::options, "", origin);
    EXPECT_EQ(before.status, 204) << origin;
    EXPECT_EQ(before.headers.get("Access-Control-Allow-Origin"), origin);
    EXPECT_NE(before.headers.get("Access-Control-Allow-Headers").find("Content-Type"), std::string::npos);
  }
}

TEST_F(ProxySiteTest, refuses_other_sites_and_rebound_names) {
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:7071"}) {
    const auto answer = ask(net::Method::post, "", origin);
    EXPECT_EQ(answer.status, 401) << origin;
    EXPECT_EQ(answer.headers.find("Access-Control-Allow-Origin"), nullptr);
    EXPECT_EQ(ask(net::Method::options, "", origin).status, 401) << origin;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example:80", "[::1].evil.com", "127.0.0.1:evil", "localhost."})
    EXPECT_NE(ask(net::Method::post, host, "").status, 200) << host;
}

TEST_F(ProxySiteTest, the_same_holds_for_its_websocket) {
  const auto url = "ws" + proxy.url().substr(4) + "/";
  const auto opens = [&](const std::string& origin) {
    net::WebSocketOptions options;
    if (!origin.empty()) options.headers.add("Origin", origin);
    return net::WebSocketClient::connect(url, options).has_value();
  };
  EXPECT_TRUE(opens(""));
  EXPECT_TRUE(opens(kPage));
  EXPECT_TRUE(opens(kWallet));
  EXPECT_FALSE(opens("http://evil.example"));
  EXPECT_FALSE(opens("null"));
}

}  // namespace
}  // namespace koinon::ledger::local
