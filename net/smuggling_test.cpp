#include <gtest/gtest.h>

#include <atomic>

#include "net/http_server.hpp"
#include "net/test_socket.hpp"

namespace koinon::net {
namespace {

struct Smuggling : testing::Test {
  std::atomic<int> handled{0};
  std::unique_ptr<HttpServer> server;

  void SetUp() override {
    Router router;
    router.post("/a", [this](const HttpRequest& r) {
      ++handled;
      return HttpResponse::text(200, r.body);
    });
    router.get("/a", [this](const HttpRequest&) {
      ++handled;
      return HttpResponse::text(200, "got");
    });
    server = *HttpServer::start(std::move(router));
  }
  /// Sends one message and gives the answer; the connection must end with it.
  std::string refused(const std::string& message) const {
    TestSocket socket(server->port());
    socket.send(message);
    auto answer = socket.receive();
    EXPECT_TRUE(socket.closed()) << message;
    return answer;
  }
};

TEST_F(Smuggling, refuses_ambiguous_framing_and_closes) {
  const std::string start = "POST /a HTTP/1.1\r\nHost: x\r\n";
  const std::string smuggled = "\r\n0\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Content-Length : 5\r\n", "Host: y\r\n"})
    EXPECT_TRUE(refused(start + fields + smuggled).starts_with("HTTP/1.1 400")) << fields;
  EXPECT_EQ(handled, 0);
}

TEST_F(Smuggling, refuses_malformed_requests) {
  for (const std::string message :
       {"GET /a HTTP/1.1\r\n\r\n", "GET /../a HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a HTTP/9.9\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02garbage\r\n\r\n",
        "GET /a?%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a HTTP/1.1\nHost: x\n\n\r\n\r\n"})
    EXPECT_TRUE(refused(message).starts_with("HTTP/1.1 400")) << message;
  EXPECT_EQ(handled, 0);
}

TEST_F(Smuggling, refuses_a_bad_chunk_after_the_header) {
  const auto answer = refused("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << answer;
  EXPECT_EQ(handled, 0);
}

TEST_F(Smuggling, handles_each_pipelined_request_once) {
  TestSocket socket(server->port());
  socket.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = socket.receive();
  EXPECT_NE(answer.find("hello"), std::string::npos);
  EXPECT_NE(answer.find("got"), std::string::npos);
  EXPECT_EQ(handled, 2);
}

TEST_F(Smuggling, reads_a_well_formed_chunked_body) {
  TestSocket socket(server->port());
  socket.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n "
      "ab\r\n0\r\n\r\n");
  EXPECT_NE(socket.receive().find("hello ab"), std::string::npos);
}

}  // namespace
}  // namespace koinon::net
