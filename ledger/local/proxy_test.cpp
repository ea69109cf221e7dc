#include "ledger/local/proxy.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

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

/// A proxy before a chain that keeps what it is asked, and does not answer calls that run code before `let_go`.
struct ProxyMeasureTest : testing::Test {
  std::mutex lock;
  std::vector<std::string> asked;  // guarded by lock
  std::promise<void> let_go;
  std::shared_future<void> gone{let_go.get_future()};
  std::unique_ptr<net::HttpServer> chain;
  std::unique_ptr<Proxy> proxy;

  void SetUp() override {
    net::Router router;
    router.post("/", [this](const net::HttpRequest& request) {
      {
        const std::lock_guard hold(lock);
        asked.push_back(request.body);
      }
      if (request.body.find("eth_call") != std::string::npos) gone.wait();
      return net::HttpResponse::json(200, R"({"jsonrpc":"2.0","id":1,"result":"0x1"})");
    });
    chain = *net::HttpServer::start(std::move(router), {});
    proxy = std::make_unique<Proxy>(
        ProxyBackend{[](const Bytes&) -> Result<Hash> { return base::fail(Code::exhausted, "no chain"); },
                     [this] { return chain->url(); }},
        1u << 20);
  }
  static std::string call(const std::string& method, const std::string& params) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"{}","params":{}}})", method, params);
  }
};

TEST_F(ProxyMeasureTest, gives_calls_without_gas_the_most_there_is) {
  let_go.set_value();
  proxy->answer(call("eth_call", R"([{"data":"0x5b600056"},"latest"])"));
  proxy->answer(call("eth_estimateGas", R"([{"data":"0x5b600056","gas":"0x5208"}])"));
  const auto batch = "[" + call("eth_call", R"([{"data":"0x00"}])") + "," + call("eth_blockNumber", "[]") + "]";
  proxy->answer(batch);
  const auto count = asked.size();
  ASSERT_GE(count, 3U);
  EXPECT_NE(asked[0].find(R"("gas":"0x1000000")"), std::string::npos) << asked[0];
  EXPECT_NE(asked[1].find(R"("gas":"0x5208")"), std::string::npos) << asked[1];
  EXPECT_NE(asked[2].find(R"("gas":"0x1000000")"), std::string::npos) << asked[2];
  EXPECT_NE(proxy->answer(call("eth_call", R"([{"gas":"0x1000001"}])")).find("-32602"), std::string::npos);
  EXPECT_EQ(asked.size(), count) << "refused here";
}

TEST_F(ProxyMeasureTest, runs_few_calls_at_once_and_keeps_the_rest_from_waiting_for_them) {
  const auto running = call("eth_call", R"([{"data":"0x5b600056"},"latest"])");
  std::vector<std::future<std::string>> held;
  for (int i = 0; i < 2; ++i) held.push_back(std::async(std::launch::async, [&] { return proxy->answer(running); }));
  const auto count = [this] {
    const std::lock_guard hold(lock);
    return asked.size();
  };
  while (count() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_NE(proxy->answer(running).find("-32005"), std::string::npos);
  EXPECT_EQ(count(), 2U);
  EXPECT_NE(proxy->answer(call("eth_blockNumber", "[]")).find("result"), std::string::npos);
  let_go.set_value();
  for (auto& one : held) EXPECT_NE(one.get().find("result"), std::string::npos);
  EXPECT_NE(proxy->answer(running).find("result"), std::string::npos) << "places are given back";
}

}  // namespace
}  // namespace koinon::ledger::local
