#include "net/websocket.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/test_socket.hpp"

namespace koinon::net {
namespace {

using namespace std::chrono_literals;

struct WebSocket : testing::Test {
  std::mutex lock;
  std::vector<std::shared_ptr<WebSocketSession>> sessions;
  std::atomic<int> closed{0};
  std::unique_ptr<HttpServer> server;

  void start(ServerOptions options = {}) {
    Router router;
    WebSocketHandler handler;
    handler.on_open = [this](const auto& session, const HttpRequest& request) -> Status {
      if (request.query_value("refuse")) return base::fail(Code::unauthorised, "[events] no token");
      const std::lock_guard hold(lock);
      sessions.push_back(session);
      return session->send("welcome");
    };
    handler.on_text = [](const auto& session, std::string text) { (void)session->send("echo " + text); };
    handler.on_close = [this](std::uint64_t) { ++closed; };
    router.websocket("/events", handler);
    router.get("/events", [](const HttpRequest&) { return HttpResponse::text(200, "plain"); });
    server = *HttpServer::start(std::move(router), std::move(options));
  }
  void TearDown() override { server.reset(); }
  std::string url() const { return fmt::format("ws://127.0.0.1:{}/events", server->port()); }
};

TEST_F(WebSocket, carries_text_both_ways) {
  start();
  const auto client = *WebSocketClient::connect(url());
  EXPECT_EQ(*client->read(2000), "welcome");
  ASSERT_TRUE(client->send("hello"));
  EXPECT_EQ(*client->read(2000), "echo hello");
  EXPECT_EQ(client->read(50).error().code, Code::timeout);
  EXPECT_TRUE(client->is_open());
  client->close();
  EXPECT_EQ(client->read(50).error().code, Code::network);
  EXPECT_EQ(client->send("late").error().code, Code::network);
  for (int i = 0; i < 100 && closed == 0; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(sessions.front()->send("late").error().code, Code::cancelled);
}

TEST_F(WebSocket, shares_its_path_with_plain_requests) {
  start();
  EXPECT_EQ(HttpClient().get(server->url() + "/events")->body_text(), "plain");
}

TEST_F(WebSocket, is_refused_by_its_handler) {
  start();
  EXPECT_EQ(WebSocketClient::connect(url() + "?refuse=1").error().code, Code::network);
  EXPECT_EQ(WebSocketClient::connect("http://127.0.0.1/").error().code, Code::invalid_argument);
}

TEST_F(WebSocket, cancels_a_read) {
  start();
  const auto client = *WebSocketClient::connect(url());
  (void)client->read(2000);
  std::stop_source stop;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  EXPECT_EQ(client->read(10'000, stop.get_token()).error().code, Code::cancelled);
}

TEST_F(WebSocket, bounds_what_waits_for_a_slow_reader) {
  start({.max_websocket_queue = 8});
  const auto client = *WebSocketClient::connect(url(), {.max_queue = 1});
  (void)client->read(2000);
  Status sent;
  for (int i = 0; i < 1000 && sent; ++i) sent = sessions.front()->send(std::string(1u << 20, 'x'));
  EXPECT_EQ(sent.error().code, Code::exhausted);
}

TEST_F(WebSocket, refuses_long_messages) {
  start({.max_websocket_message = 1000});
  const auto client = *WebSocketClient::connect(url(), {.max_message = 2000});
  (void)client->read(2000);
  ASSERT_TRUE(client->send(std::string(1500, 'x')));
  EXPECT_EQ(client->read(5000).error().code, Code::network);
  EXPECT_EQ(client->send(std::string(3000, 'x')).error().code, Code::out_of_range);
}

TEST_F(WebSocket, delivers_a_burst_in_order_past_a_paused_reader) {
  start();
  const auto client = *WebSocketClient::connect(url(), {.max_queue = 4});
  EXPECT_EQ(*client->read(2000), "welcome");
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(sessions.front()->send(std::to_string(i)));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(*client->read(5000), std::to_string(i));
}

TEST_F(WebSocket, ends_when_the_server_stops) {
  start();
  const auto client = *WebSocketClient::connect(url());
  (void)client->read(2000);
  server->stop();
  EXPECT_EQ(client->read(5000).error().code, Code::network);
  EXPECT_EQ(closed, 1);
}

TEST_F(WebSocket, outlives_a_peer_that_sends_garbage) {
  start();
  TestSocket socket(server->port());
  socket.send(
      "GET /events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(socket.receive("welcome").starts_with("HTTP/1.1 101"));
  socket.send("\xff\xff\xff\xff\xff\xff garbage that is no frame");
  (void)socket.receive();
  EXPECT_EQ(*(*WebSocketClient::connect(url()))->read(2000), "welcome");
}

}  // namespace
}  // namespace koinon::net
