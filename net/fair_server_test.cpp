// What one client can take from others: places, turns, requests.
#include <gtest/gtest.h>

#include <thread>

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/test_socket.hpp"

namespace koinon::net {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<HttpServer> serve(ServerOptions options) {
  Router router;
  router.get("/hello", [](const HttpRequest& r) {
    const auto* name = r.query_value("name");
    return HttpResponse::text(200, name ? *name : "nobody");
  });
  auto server = HttpServer::start(std::move(router), std::move(options));
  EXPECT_TRUE(server) << server.error().text;
  return *std::move(server);
}

TEST(FairServer, gives_the_place_of_an_idle_connection_to_a_new_one) {
  const auto server = serve({.max_connections = 2});
  TestSocket oldest(server->port());
  TestSocket younger(server->port());
  for (auto* socket : {&oldest, &younger}) {
    socket->send("GET /hello?name=x HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(socket->receive("\r\n\r\nx").starts_with("HTTP/1.1 200"));
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(1100ms);
  HttpClient late;
  EXPECT_EQ(late.get(server->url() + "/hello")->status, 200);
  EXPECT_EQ(oldest.receive(), "");  // closed
  younger.send("GET /hello?name=y HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(younger.receive("\r\n\r\ny").starts_with("HTTP/1.1 200"));
}

// What a proxy on this machine says of its client stands last; what the client wrote itself stands before.
HttpResponse asked_by(HttpClient& http, const std::string& url, const std::string& forwarded_for) {
  ClientRequest request;
  request.url = url + "/hello";
  if (!forwarded_for.empty()) request.headers.add("X-Forwarded-For", forwarded_for);
  return *http.send(request);
}

TEST(FairServer, holds_one_address_to_its_rate) {
  const auto server = serve({.requests_per_s = 1, .behind_proxy = true});
  HttpClient http;
  for (int i = 0; i < 4; ++i) ASSERT_EQ(asked_by(http, server->url(), fmt::format("10.0.0.{}, 203.0.113.7", i)).status, 200);
  const auto refused = asked_by(http, server->url(), "10.0.0.9, 203.0.113.7");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_EQ(asked_by(http, server->url(), "203.0.113.7, 203.0.113.8").status, 200);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(asked_by(http, server->url(), "").status, 200);  // this machine itself
}

TEST(FairServer, believes_no_client_that_comes_without_a_proxy) {
  const auto server = serve({.requests_per_s = 1});
  HttpClient http;
  for (int i = 0; i < 20; ++i) ASSERT_EQ(asked_by(http, server->url(), "203.0.113.7").status, 200);
}

}  // namespace
}  // namespace koinon::net
