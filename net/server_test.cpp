#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/file.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/test_socket.hpp"

namespace koinon::net {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<HttpServer> serve(Router router, ServerOptions options = {}) {
  auto server = HttpServer::start(std::move(router), std::move(options));
  EXPECT_TRUE(server) << server.error().text;
  return *std::move(server);
}

Router echo() {
  Router router;
  router.get("/hello", [](const HttpRequest& r) {
    const auto* name = r.query_value("name");
    return HttpResponse::text(200, name ? *name : "nobody");
  });
  router.post("/echo", [](const HttpRequest& r) { return HttpResponse::text(200, r.body); }, {.max_body = 4u << 20});
  router.put("/small", [](const HttpRequest& r) { return HttpResponse::text(200, r.body); }, {.max_body = 10});
  router.get("/fail", [](const HttpRequest&) -> Result<HttpResponse> { return base::fail(Code::conflict, "[x] moved on"); });
  router.get("/throw", [](const HttpRequest&) -> Result<HttpResponse> { throw std::runtime_error("secret"); });
  return router;
}

TEST(HttpServer, answers_and_keeps_the_connection) {
  const auto server = serve(echo());
  HttpClient client;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get(server->url() + "/hello?name=a%20b")->body_text(), "a b");
  EXPECT_EQ(server->connections(), 1u);
  const std::string big(3u << 20, 'x');
  EXPECT_EQ(client.post(server->url() + "/echo", big)->body_text(), big);
}

TEST(HttpServer, turns_errors_and_exceptions_into_responses) {
  const auto server = serve(echo());
  HttpClient client;
  EXPECT_EQ(client.get(server->url() + "/fail")->status, 409);
  const auto thrown = client.get(server->url() + "/throw");
  EXPECT_EQ(thrown->status, 500);
  EXPECT_EQ(thrown->body_text().find("secret"), std::string::npos);
  EXPECT_EQ(client.get(server->url() + "/absent")->status, 404);
  const auto wrong = client.get(server->url() + "/echo");
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->headers.get("Allow"), "POST");
}

TEST(HttpServer, refuses_bodies_above_the_routes_limit) {
  const auto server = serve(echo());
  HttpClient client;
  EXPECT_EQ(client.put(server->url() + "/small", "0123456789")->status, 200);
  EXPECT_EQ(client.put(server->url() + "/small", std::string(1u << 20, 'x'))->status, 413);
  TestSocket socket(server->port());
  socket.send("PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + std::string(255, 'x') + "\r\n");
  EXPECT_TRUE(socket.receive().starts_with("HTTP/1.1 413"));
}

/// A route that nobody may use, and one whose bodies are large.
Router gated() {
  Router router;
  router.post("/closed", [](const HttpRequest&) { return HttpResponse::text(200, "in"); },
              {.max_body = 64u << 20, .gate = [](const HttpRequest& r) -> std::optional<HttpResponse> {
                 if (r.headers.get("X-Key") == "open") return std::nullopt;
                 return HttpResponse::text(401, "who?");
               }});
  router.post("/large", [](const HttpRequest& r) { return HttpResponse::text(200, std::to_string(r.body.size())); },
              {.max_body = 1u << 20});
  return router;
}

TEST(HttpServer, decides_on_the_header_before_a_byte_of_the_body) {
  const auto server = serve(gated());
  for (const std::string body : {"Content-Length: 60000000\r\n", "Transfer-Encoding: chunked\r\n",
                                 "Content-Length: 60000000\r\nExpect: 100-continue\r\n"}) {
    TestSocket socket(server->port());
    socket.send("POST /closed HTTP/1.1\r\nHost: x\r\n" + body + "\r\n");
    EXPECT_TRUE(socket.receive("who?").starts_with("HTTP/1.1 401")) << body;
  }
  TestSocket socket(server->port());
  socket.send("POST /closed HTTP/1.1\r\nHost: x\r\nX-Key: open\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(socket.receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
  socket.send("ab");
  EXPECT_TRUE(socket.receive("in").starts_with("HTTP/1.1 200"));
}

TEST(HttpServer, tells_its_client_of_a_refusal_instead_of_taking_a_large_body) {
  const auto server = serve(gated());
  HttpClient client;
  const auto refused = client.post(server->url() + "/closed", std::string(32u << 20, 'x'));
  ASSERT_TRUE(refused) << refused.error().text;
  EXPECT_EQ(refused->status, 401);
}

TEST(HttpServer, bounds_the_bodies_of_all_requests_together) {
  const auto server = serve(gated(), {.max_bodies = 1'500'000});
  const std::string head = "POST /large HTTP/1.1\r\nHost: x\r\n";
  TestSocket first(server->port());
  first.send(head + "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(first.receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
  TestSocket second(server->port());
  second.send(head + "Content-Length: 1000000\r\n\r\n");
  const auto full = second.receive();
  EXPECT_TRUE(full.starts_with("HTTP/1.1 503")) << full;
  EXPECT_NE(full.find("Retry-After: 1"), std::string::npos);
  TestSocket chunked(server->port());
  chunked.send(head + "Transfer-Encoding: chunked\r\n\r\n" + "f0000\r\n" + std::string(0xf0000, 'x') + "\r\n");
  EXPECT_TRUE(chunked.receive().starts_with("HTTP/1.1 503"));
  TestSocket small(server->port());
  small.send(head + "Content-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(small.receive("\r\n\r\n3").starts_with("HTTP/1.1 200"));
  first.send(std::string(1'000'000, 'y'));
  EXPECT_TRUE(first.receive("1000000").starts_with("HTTP/1.1 200"));
  HttpClient client;  // what was held is free again
  EXPECT_EQ(client.post(server->url() + "/large", std::string(1'000'000, 'z'))->status, 200);
}

TEST(HttpServer, gives_back_what_a_lost_request_held) {
  const auto server = serve(gated(), {.max_bodies = 1'000'000});
  for (int i = 0; i < 3; ++i) {
    TestSocket lost(server->port());
    lost.send("POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
    const auto answer = lost.receive("\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 100")) << answer;
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    ::shutdown(lost.descriptor(), SHUT_RDWR);
    while (server->connections() != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
  }
}

TEST(HttpServer, serves_other_routes_when_told_to) {
  Router waiting;
  waiting.get("/hello", [](const HttpRequest&) { return HttpResponse::text(503, "soon"); });
  const auto server = serve(std::move(waiting));
  HttpClient client;
  EXPECT_EQ(client.get(server->url() + "/hello")->status, 503);
  server->replace(echo());
  EXPECT_EQ(client.get(server->url() + "/hello?name=now")->body_text(), "now");
}

TEST(HttpServer, refuses_methods_that_nobody_serves_in_the_first_request) {
  const auto server = serve(echo());
  for (const char* method : {"TRACE", "CONNECT", "PROPFIND", "FOO"}) {
    TestSocket socket(server->port());
    socket.send(fmt::format("{} / HTTP/1.1\r\nHost: x\r\n\r\n", method));
    EXPECT_EQ(socket.receive("\r\n").substr(0, 10), std::string("HTTP/1.1 4")) << method;
  }
  EXPECT_EQ(HttpClient().get(server->url() + "/hello?name=still")->body_text(), "still");
}

TEST(HttpServer, takes_no_body_with_a_get) {
  const auto server = serve(echo());
  TestSocket socket(server->port());
  socket.send("GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_TRUE(socket.receive().starts_with("HTTP/1.1 413"));
}

TEST(HttpServer, refuses_long_headers) {
  const auto server = serve(echo());
  TestSocket socket(server->port());
  socket.send("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(socket.receive().starts_with("HTTP/1.1 431"));
}

TEST(HttpServer, closes_on_a_client_that_dribbles_its_header) {
  const auto server = serve(echo(), {.header_timeout_ms = 300});
  TestSocket socket(server->port(), 10);
  std::jthread dribble([&](const std::stop_token& stop) {
    for (const char c : std::string("GET /hello HTTP/1.1\r\nX-Long-Header: 0123456789")) {
      if (stop.stop_requested()) return;
      socket.send(std::string(1, c));
      std::this_thread::sleep_for(50ms);
    }
  });
  EXPECT_EQ(socket.receive(), "");
}

TEST(HttpServer, closes_idle_connections) {
  const auto server = serve(echo(), {.idle_timeout_ms = 200});
  TestSocket socket(server->port());
  EXPECT_EQ(socket.receive(), "");
  EXPECT_TRUE(socket.closed());
}

TEST(HttpServer, serves_files_whole_and_in_ranges) {
  const base::TempFolder folder;
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += static_cast<char>('a' + i * 7 % 26);
  const auto path = folder.path() / "f";
  ASSERT_TRUE(base::write_file(path, base::as_bytes(content)));
  Router router;
  router.get("/f", [&](const HttpRequest&) { return HttpResponse::file(path, "text/plain"); });
  router.get("/gone", [&](const HttpRequest&) { return HttpResponse::file(folder.path() / "gone", "text/plain"); });
  const auto server = serve(std::move(router));
  HttpClient client;
  EXPECT_EQ(client.get(server->url() + "/f")->body_text(), content);
  ClientRequest request;
  request.url = server->url() + "/f";
  request.range = {.first = 1000, .last = 1999};
  const auto part = client.send(request);
  EXPECT_EQ(part->status, 206);
  EXPECT_EQ(part->body_text(), content.substr(1000, 1000));
  EXPECT_EQ(part->headers.get("Content-Range"), "bytes 1000-1999/200000");
  request.range = {.first = 999'999, .last = {}};
  EXPECT_EQ(client.send(request)->status, 416);
  request.range.reset();
  request.method = Method::head;
  EXPECT_EQ(client.send(request)->headers.get("Content-Length"), "200000");
  EXPECT_EQ(client.get(server->url() + "/gone")->status, 404);
}

TEST(HttpServer, breaks_off_when_a_producer_fails) {
  Router router;
  router.get("/p", [](const HttpRequest&) {
    HttpResponse out;
    out.body = ProducedBody{2'000'000, [](std::uint64_t at) -> Result<std::string> {
                              if (at >= 1'000'000) return base::fail(Code::io, "[disk] gone");
                              return std::string(100'000, 'x');
                            }};
    return out;
  });
  const auto server = serve(std::move(router));
  HttpClient client;
  EXPECT_EQ(client.get(server->url() + "/p").error().code, Code::network);
}

/// Three pieces, the second after a while; `fails`: an error in the place of the end.
HttpResponse pieces(bool fails) {
  HttpResponse out;
  auto sent = std::make_shared<int>(0);
  out.body = StreamBody{[sent, fails]() -> Result<std::string> {
    if (++*sent > 3) return fails ? Result<std::string>(base::fail(Code::io, "[test] no more")) : std::string();
    return std::string(static_cast<std::size_t>(*sent), static_cast<char>('a' + *sent));
  }};
  return out;
}

TEST(HttpServer, sends_a_body_of_unknown_size_piece_by_piece) {
  Router router;
  router.get("/s", [](const HttpRequest&) { return pieces(false); });
  router.get("/broken", [](const HttpRequest&) { return pieces(true); });
  const auto server = serve(std::move(router));
  HttpClient client;
  for (int i = 0; i < 2; ++i) {
    const auto response = client.get(server->url() + "/s");
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->body_text(), "bccddd");
    EXPECT_EQ(response->headers.find("Content-Length"), nullptr);
  }
  EXPECT_EQ(client.get(server->url() + "/broken").error().code, Code::network) << "the client sees that it is not whole";
  TestSocket chunked(server->port());
  chunked.send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto text = chunked.receive("0\r\n\r\n");
  EXPECT_NE(text.find("\r\n\r\n1\r\nb\r\n2\r\ncc\r\n3\r\nddd\r\n0\r\n\r\n"), std::string::npos) << text;
  chunked.send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(chunked.receive("0\r\n\r\n").find("200 OK"), std::string::npos) << "the connection goes on";
  TestSocket old(server->port());
  old.send("GET /s HTTP/1.0\r\n\r\n");
  const auto whole = old.receive("ddd");
  EXPECT_EQ(whole.find("chunked"), std::string::npos);
  EXPECT_TRUE(whole.ends_with("\r\n\r\nbccddd")) << whole;
}

TEST(HttpServer, serves_two_hundred_connections_at_once) {
  const auto server = serve(echo());
  std::atomic<int> good{0};
  std::vector<std::unique_ptr<TestSocket>> sockets;
  for (int i = 0; i < 200; ++i) sockets.push_back(std::make_unique<TestSocket>(server->port()));
  for (const auto& socket : sockets) socket->send("GET /hello?name=x HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const auto& socket : sockets) good += socket->receive("\r\n\r\nx").starts_with("HTTP/1.1 200") ? 1 : 0;
  EXPECT_EQ(good, 200);
  EXPECT_EQ(server->connections(), 200u);
}

TEST(HttpServer, turns_away_connections_above_its_bound) {
  const auto server = serve(echo(), {.max_connections = 2});
  HttpClient a;
  HttpClient b;
  HttpClient c;
  EXPECT_EQ(a.get(server->url() + "/hello")->status, 200);
  EXPECT_EQ(b.get(server->url() + "/hello")->status, 200);
  const auto third = c.get(server->url() + "/hello");
  EXPECT_TRUE(!third || third->status == 503);
}

TEST(HttpServer, refuses_what_it_would_read_wrongly) {
  const auto server = serve(echo());
  for (const auto& [field, status] : {std::pair("Expect: nonsense", "417"), std::pair("Content-Encoding: gzip", "415")}) {
    TestSocket socket(server->port());
    socket.send(fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\n{}\r\nContent-Length: 4\r\n\r\nabcd", field));
    EXPECT_TRUE(socket.receive().starts_with(fmt::format("HTTP/1.1 {}", status))) << field;
  }
  TestSocket socket(server->port());
  socket.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_TRUE(socket.receive("abcd").starts_with("HTTP/1.1 200"));
}

TEST(HttpServer, writes_refusals_as_the_path_has_them) {
  auto router = echo();
  router.write_errors("/other/", [](const Error& error) { return HttpResponse::text(400, "other: " + error.text); });
  const auto server = serve(std::move(router));
  HttpClient http;
  const auto other = *http.get(server->url() + "/other/nothing");
  EXPECT_EQ(other.status, 404);
  EXPECT_TRUE(other.body_text().starts_with("other: ")) << other.body_text();
  EXPECT_TRUE(http.get(server->url() + "/nothing")->body_text().starts_with("{\"error\"")) << other.body_text();
}

TEST(HttpServer, answers_503_when_too_many_requests_wait) {
  std::promise<void> open;
  const auto gate = open.get_future().share();
  Router router;
  router.get("/wait", [gate](const HttpRequest&) {
    gate.wait();
    return HttpResponse::text(200, "done");
  });
  const auto server = serve(std::move(router), {.handler_threads = 1, .max_waiting = 1});
  std::vector<std::unique_ptr<TestSocket>> sockets;
  for (int i = 0; i < 8; ++i) {
    sockets.push_back(std::make_unique<TestSocket>(server->port()));
    sockets.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  std::this_thread::sleep_for(200ms);
  open.set_value();
  int refused = 0;
  int done = 0;
  for (const auto& socket : sockets) {
    const auto answer = socket->receive();
    refused += answer.starts_with("HTTP/1.1 503") ? 1 : 0;
    done += answer.starts_with("HTTP/1.1 200") ? 1 : 0;
  }
  EXPECT_EQ(refused + done, 8);
  EXPECT_GE(refused, 6);
}

TEST(HttpServer, finishes_the_request_under_way_when_stopped) {
  std::promise<void> entered;
  Router router;
  router.get("/slow", [&](const HttpRequest&) {
    entered.set_value();
    std::this_thread::sleep_for(300ms);
    return HttpResponse::text(200, "finished");
  });
  const auto server = serve(std::move(router));
  TestSocket idle(server->port());
  TestSocket busy(server->port());
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  entered.get_future().wait();
  server->stop();
  EXPECT_NE(busy.receive().find("finished"), std::string::npos);
  EXPECT_EQ(idle.receive(), "");
  EXPECT_FALSE(TestSocket(server->port()).connected());
}

TEST(HttpServer, says_why_it_cannot_listen) {
  const auto first = serve(echo());
  const auto second = HttpServer::start(echo(), {.port = first->port()});
  EXPECT_EQ(second.error().code, Code::io);
  EXPECT_EQ(HttpServer::start(echo(), {.address = "localhost"}).error().code, Code::invalid_argument);
}

TEST(HttpClient, stops_at_the_body_limit) {
  const auto server = serve(echo());
  HttpClient client({.max_body = 1000});
  EXPECT_EQ(client.post(server->url() + "/echo", std::string(2000, 'x')).error().code, Code::out_of_range);
}

TEST(HttpClient, gives_up_at_its_deadline_and_when_cancelled) {
  std::promise<void> open;
  const auto gate = open.get_future().share();
  Router router;
  router.get("/wait", [gate](const HttpRequest&) {
    gate.wait();
    return HttpResponse{};
  });
  const auto server = serve(std::move(router));
  HttpClient client;
  ClientRequest request;
  request.url = server->url() + "/wait";
  request.timeout_ms = 200;
  EXPECT_EQ(client.send(request).error().code, Code::timeout);
  std::stop_source stop;
  const auto start = std::chrono::steady_clock::now();
  std::jthread canceller([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  EXPECT_EQ(client.get(server->url() + "/wait", stop.get_token()).error().code, Code::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  open.set_value();
}

TEST(HttpClient, gives_the_body_to_a_sink_and_reports_progress) {
  const auto server = serve(echo());
  HttpClient client;
  std::string got;
  std::uint64_t seen = 0;
  ClientRequest request;
  request.method = Method::post;
  request.url = server->url() + "/echo";
  request.body = std::string(1u << 20, 'y');
  request.sink = [&](std::string_view bytes) -> Status {
    got += bytes;
    return {};
  };
  request.progress = [&](std::uint64_t received, std::uint64_t) { seen = std::max(seen, received); };
  ASSERT_TRUE(client.send(request));
  EXPECT_EQ(got, request.body);
  EXPECT_EQ(seen, request.body.size());
  request.sink = [](std::string_view) -> Status { return base::fail(Code::exhausted, "[disk] full"); };
  EXPECT_EQ(client.send(request).error().code, Code::exhausted);
}

TEST(HttpClient, refuses_private_addresses_when_told_to) {
  const auto server = serve(echo());
  HttpClient client({.allow_private = false});
  EXPECT_EQ(client.get(server->url() + "/hello").error().code, Code::unauthorised);
}

TEST(HttpClient, does_not_follow_redirects_to_other_schemes) {
  Router router;
  router.get("/file", [](const HttpRequest&) {
    auto out = HttpResponse::text(302, "");
    out.headers.add("Location", "file:///etc/passwd");
    return out;
  });
  router.get("/near", [](const HttpRequest&) {
    auto out = HttpResponse::text(302, "");
    out.headers.add("Location", "/there");
    return out;
  });
  router.get("/there", [](const HttpRequest&) { return HttpResponse::text(200, "there"); });
  const auto server = serve(std::move(router));
  HttpClient client;
  EXPECT_FALSE(client.get(server->url() + "/file"));
  EXPECT_EQ(client.get(server->url() + "/near")->body_text(), "there");
}

TEST(HttpClient, names_what_cannot_be_reached) {
  HttpClient client;
  EXPECT_EQ(client.get("http://127.0.0.1:1/").error().code, Code::network);
  EXPECT_EQ(client.get("file:///etc/passwd").error().code, Code::invalid_argument);
  ClientRequest request;
  request.url = "http://127.0.0.1:1/";
  request.headers.add("X", "a\r\nY: b");
  EXPECT_EQ(client.send(request).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::net
