#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "base/log.hpp"
#include "net/address.hpp"
#include "net/outgoing.hpp"
#include "net/site.hpp"
#include "net/text.hpp"
#include "net/url.hpp"
#include "net/websocket_session.hpp"

namespace koinon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using ErrorCode = boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

constexpr std::uint64_t kBodyStep = 256u << 10;     ///< progress that earns a new body deadline
constexpr std::uint64_t kMostDiscarded = 1u << 20;  ///< bytes read and dropped so that a refusal reaches the client

std::optional<Method> method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get: return Method::get;
    case http::verb::head: return Method::head;
    case http::verb::post: return Method::post;
    case http::verb::put: return Method::put;
    case http::verb::patch: return Method::patch;
    case http::verb::delete_: return Method::del;
    case http::verb::options: return Method::options;
    default: return std::nullopt;
  }
}

/// Refuses a header by which a proxy in front and we could disagree where the message ends (RFC 9112, sections 3.2 and 6.3).
Status check_framing(const http::request<http::string_body>& request) {
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::size_t hosts = 0;
  for (const auto& field : request) {
    if (field.name() == http::field::content_length) {
      ++lengths;
      if (field.value().find_first_not_of("0123456789") != beast::string_view::npos)
        return base::fail(Code::malformed, "[http] Content-Length: digits expected");
    }
    if (field.name() == http::field::host) ++hosts;
    if (field.name() != http::field::transfer_encoding) continue;
    ++encodings;
    if (!equal_without_case(trimmed({field.value().data(), field.value().size()}), "chunked"))
      return base::fail(Code::malformed, "[http] Transfer-Encoding other than chunked");
  }
  if (lengths > 1) return base::fail(Code::malformed, "[http] {} Content-Length fields: at most one", lengths);
  if (encodings > 1) return base::fail(Code::malformed, "[http] {} Transfer-Encoding fields: at most one", encodings);
  if (lengths + encodings > 1) return base::fail(Code::malformed, "[http] both Content-Length and Transfer-Encoding");
  if (encodings > 0 && request.version() < 11) return base::fail(Code::malformed, "[http] Transfer-Encoding in HTTP/1.0");
  if (request.version() == 11 && hosts != 1) return base::fail(Code::malformed, "[http] {} Host fields: one expected", hosts);
  return {};
}

HttpResponse call(const Handler& handler, const HttpRequest& request) {
  try {
    auto response = handler(request);
    return response ? *std::move(response) : HttpResponse::error(response.error());
  } catch (const std::exception& e) {
    base::log_error("[http] {} {}: {}", method_name(request.method), request.path, e.what());
    return HttpResponse::error({Code::internal, "[http] the handler failed"});
  }
}

/// 1. All members are touched on the socket's strand only; a handler gets a copy of what it needs.
/// 2. The next request is read only after the response to this one has been written.
class Connection final : public ServerPeer, public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerShared& server, asio::ip::tcp::socket socket)
      : registration_(server.peers), server_(server), stream_(std::move(socket)) {
    ErrorCode ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    const auto remote = stream_.socket().remote_endpoint(ignored);
    if (!ignored) peer_ = remote.address().to_string();
    client_ = client_of(peer_);
  }

  void begin() {
    registration_.enter(std::weak_ptr<ServerPeer>(shared_from_this()), client_);
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->wait_request(); });
  }
  void end(bool at_once) override {
    asio::post(stream_.get_executor(), [self = shared_from_this(), at_once] {
      self->last_ = true;
      if (!self->upgraded_ && (at_once || self->idle())) self->stream_.close();
    });
  }
  [[nodiscard]] std::int64_t idle_since() const override { return idle_since_; }

 private:
  [[nodiscard]] bool idle() const { return idle_since_ != INT64_MAX; }
  void deadline(std::int64_t ms) { stream_.expires_after(std::chrono::milliseconds(ms)); }
  void wait_request();
  void read_header();
  void header_read(const ErrorCode& error);
  Status admit();
  [[nodiscard]] std::string asking() const;
  std::int64_t ask_rate();
  std::optional<HttpResponse> ask_gate();
  void read_body();
  void body_read(const ErrorCode& error);
  void dispatch();
  void handle(std::shared_ptr<const HttpRequest> request, const Router::Route& route);
  void upgrade(std::shared_ptr<const HttpRequest> request, const Router::Route& route);
  [[nodiscard]] HttpResponse written(const Error& error) const;
  void refuse(int status, const Error& error, const char* allow = nullptr);
  void refuse(HttpResponse response);
  void refuse_full();
  void refuse_often(std::int64_t wait_ms);
  void write(Outgoing outgoing);
  void write_more();
  void write_piece(std::string piece);
  void write_chunk(const std::string& piece);
  void response_written();
  void linger();

  Registration registration_;
  ServerShared& server_;
  beast::tcp_stream stream_;
  std::string peer_;
  std::string client_;  ///< whose turn a request takes
  beast::flat_buffer buffer_{std::size_t{server_.options.max_header} + (64u << 10)};
  std::optional<Parser> parser_;
  HttpRequest request_;
  BodyShare share_{server_.bodies};
  std::shared_ptr<const Router> router_;  ///< of which route_ is one
  const Router::Route* route_ = nullptr;
  std::uint64_t max_body_ = 0;
  std::uint64_t next_step_ = 0;
  std::uint64_t discarded_ = 0;
  Outgoing outgoing_;
  std::string piece_;
  std::atomic<std::int64_t> idle_since_{INT64_MAX};
  bool last_ = false;
  bool refused_ = false;   ///< the request was not read to its end
  bool upgraded_ = false;  ///< stream_ has gone to the WebSocket
};

void Connection::wait_request() {
  if (last_ || server_.stopping) return stream_.close();
  parser_.reset();
  if (buffer_.size() > 0) return read_header();
  idle_since_ = steady_ms();
  deadline(server_.options.idle_timeout_ms);
  stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
    self->idle_since_ = INT64_MAX;
    if (error) return;
    self->buffer_.commit(size);
    self->read_header();
  });
}

void Connection::read_header() {
  parser_.emplace();
  parser_->header_limit(server_.options.max_header);
  parser_->body_limit(boost::none);  // the route's limit is applied once the route is known
  deadline(server_.options.header_timeout_ms);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->header_read(error); });
}

void Connection::header_read(const ErrorCode& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refuse(431, {Code::out_of_range, fmt::format("[http] header above {} bytes", server_.options.max_header)});
  if (error.category() == http::make_error_code(http::error::bad_target).category() && error != http::error::end_of_stream &&
      error != http::error::partial_message)
    return refuse(400, {Code::malformed, fmt::format("[http] {}", error.message())});
  if (error) return stream_.close();
  if (auto framing = check_framing(parser_->get()); !framing) return refuse(400, framing.error());
  if (auto admitted = admit(); !admitted) {
    const bool elsewhere = admitted.error().code == Code::unsupported;
    const auto allow = elsewhere ? router_->allowed(request_.path) : std::string();
    return refuse(elsewhere ? 405 : http_status(admitted.error().code), admitted.error(), elsewhere ? allow.c_str() : nullptr);
  }
  if (const auto wait_ms = ask_rate(); wait_ms > 0) return refuse_often(wait_ms);
  if (auto refusal = ask_gate()) return refuse(*std::move(refusal));
  const auto& fields = request_.headers;
  if (const auto expect = fields.get("Expect"); !expect.empty() && !equal_without_case(expect, "100-continue"))
    return refuse(417, {Code::unsupported, fmt::format("[http] Expect '{}': 100-continue alone is known", expect)});
  if (const auto coding = fields.get("Content-Encoding"); !coding.empty() && !equal_without_case(coding, "identity"))
    return refuse(415, {Code::unsupported, fmt::format("[http] Content-Encoding '{}': send the body as it is", coding)});
  const auto length = parser_->content_length();
  if (length && *length > max_body_)
    return refuse(413, {Code::out_of_range, fmt::format("[http] body of {} bytes: at most {} here", *length, max_body_)});
  if (length && !share_.reach(*length)) return refuse_full();
  parser_->body_limit(max_body_);
  next_step_ = kBodyStep;
  deadline(server_.options.body_timeout_ms);
  if (parser_->is_done() || fields.get("Expect").empty()) return read_body();
  piece_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(piece_), [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
    failed ? self->stream_.close() : self->read_body();
  });
}

/// Fills request_ from the header and finds its route. request_.path stays encoded until dispatch.
Status Connection::admit() {
  const auto& message = parser_->get();
  request_ = {};
  router_ = server_.router();  // first: a refusal asks it too
  request_.peer = peer_;
  request_.target = std::string(message.target());
  KOINON_TRY(const auto target, split_target(request_.target));
  request_.path = std::string(target.path);
  const auto method = method_of(message.method());
  if (!method) return base::fail(Code::unsupported, "[http] unknown method");
  request_.method = *method;
  KOINON_TRY(request_.query, parse_query(target.query));
  KOINON_TRY(auto match, router_->find(*method, target.path, beast::websocket::is_upgrade(message)));
  for (const auto& field : message) request_.headers.add(std::string(field.name_string()), std::string(field.value()));
  request_.parameters = std::move(match.parameters);
  route_ = match.route;
  max_body_ = route_->socket ? 0 : route_->options.max_body;
  return {};
}

/// The client of this request: the peer, or whom a proxy on this machine names last (what stands before it anyone may write).
std::string Connection::asking() const {
  const auto peer = client_of(peer_);
  if (!server_.options.behind_proxy || !is_loopback_address(peer_)) return peer;
  const auto& named = request_.headers.items();
  const auto last = std::find_if(named.rbegin(), named.rend(),
                                 [](const auto& field) { return equal_without_case(field.first, "X-Forwarded-For"); });
  if (last == named.rend()) return peer;
  const std::string_view list = last->second;
  const auto comma = list.rfind(',');
  return client_of(trimmed(comma == list.npos ? list : list.substr(comma + 1)));
}

/// Milliseconds that this client must wait before it may ask; 0 when it may now.
std::int64_t Connection::ask_rate() {
  client_ = asking();
  return is_loopback_address(client_) ? 0 : server_.rates.ask(client_, steady_ms());
}

/// What the route says to the line and fields alone.
std::optional<HttpResponse> Connection::ask_gate() {
  if (!route_->options.gate) return std::nullopt;
  try {
    return route_->options.gate(request_);
  } catch (const std::exception& e) {
    base::log_error("[http] gate of {}: {}", request_.path, e.what());
    return HttpResponse::error({Code::internal, "[http] the gate failed"});
  }
}

void Connection::read_body() {
  if (parser_->is_done()) return dispatch();
  http::async_read_some(stream_, buffer_, *parser_,
                        [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->body_read(error); });
}

void Connection::body_read(const ErrorCode& error) {
  if (error == http::error::body_limit)
    return refuse(413, {Code::out_of_range, fmt::format("[http] body above {} bytes", max_body_)});
  if (error == beast::error::timeout || error == http::error::partial_message || error == http::error::end_of_stream)
    return stream_.close();
  if (error.category() == http::make_error_code(http::error::bad_chunk).category())
    return refuse(400, {Code::malformed, fmt::format("[http] {}", error.message())});
  if (error) return stream_.close();
  if (!share_.reach(parser_->get().body().size())) return refuse_full();
  if (parser_->get().body().size() >= next_step_) {
    next_step_ = parser_->get().body().size() + kBodyStep;
    deadline(server_.options.body_timeout_ms);
  }
  read_body();
}

void Connection::dispatch() {
  stream_.expires_never();
  if (!parser_->keep_alive()) last_ = true;
  if (auto decoded = percent_decode(request_.path)) request_.path = *std::move(decoded);
  auto request = std::make_shared<HttpRequest>(std::move(request_));
  if (route_->socket) return upgrade(std::move(request), *route_);
  request->body = std::move(parser_->get().body());
  handle(std::move(request), *route_);
}

void Connection::handle(std::shared_ptr<const HttpRequest> request, const Router::Route& route) {
  const bool close = last_ || server_.stopping, old = parser_->get().version() < 11;
  const bool queued = server_.pool.begin(client_, [self = shared_from_this(), request, &route, close, old] {
    auto outgoing = std::make_shared<Outgoing>(prepare(call(route.handler, *request), *request, close, old));
    asio::post(self->stream_.get_executor(), [self, outgoing] {
      self->share_.release();
      self->write(std::move(*outgoing));
    });
  });
  if (queued) return;
  share_.release();
  auto busy = HttpResponse::error({Code::exhausted, "[http] too many requests are waiting"});
  busy.status = 503;
  busy.headers.add("Retry-After", "1");
  write(prepare(std::move(busy), *request, close));
}

void Connection::upgrade(std::shared_ptr<const HttpRequest> request, const Router::Route& route) {
  if (buffer_.size() > 0) return refuse(400, {Code::malformed, "[websocket] bytes before the upgrade was answered"});
  const bool queued = server_.pool.begin(client_, [self = shared_from_this(), request, socket = route.socket] {
    auto pending = make_websocket(self->server_, socket, self->stream_.get_executor(), self->client_);
    Status opened;
    try {
      if (socket->on_open) opened = socket->on_open(pending->handle(), *request);
    } catch (const std::exception& e) {
      base::log_error("[websocket] {}: {}", request->path, e.what());
      opened = base::fail(Code::internal, "[websocket] the handler failed");
    }
    asio::post(self->stream_.get_executor(), [self, pending, opened = std::move(opened)] {
      if (!opened) return self->refuse(http_status(opened.error().code), opened.error());
      self->upgraded_ = true;
      pending->start(std::move(self->stream_), self->parser_->release());
    });
  });
  if (!queued) refuse(503, {Code::exhausted, "[http] too many requests are waiting"});
}

HttpResponse Connection::written(const Error& error) const {
  return router_ ? router_->error(request_.path, error) : HttpResponse::error(error);
}

void Connection::refuse(int status, const Error& error, const char* allow) {
  auto response = written(error);
  response.status = status;
  if (allow) response.headers.add("Allow", allow);
  refuse(std::move(response));
}

void Connection::refuse_full() {
  auto response = written({Code::exhausted, "[http] the bodies of other requests fill the memory set aside: retry"});
  response.status = 503;
  response.headers.add("Retry-After", "1");
  refuse(std::move(response));
}

void Connection::refuse_often(std::int64_t wait_ms) {
  auto response = written(
      {Code::exhausted, fmt::format("[http] more than {} requests a second of one address", server_.options.requests_per_s)});
  response.headers.add("Retry-After", std::to_string((wait_ms + 999) / 1000));
  refuse(std::move(response));
}

/// Answers a request that is not handled. The rest of it is not worth reading, so the connection ends.
void Connection::refuse(HttpResponse response) {
  HttpRequest request;
  if (parser_ && parser_->is_header_done() && parser_->get().method() == http::verb::head) request.method = Method::head;
  last_ = true;
  refused_ = true;
  if (parser_) parser_->get().body() = std::string();
  share_.release();
  write(prepare(std::move(response), request, true));
}

void Connection::write(Outgoing outgoing) {
  outgoing_ = std::move(outgoing);
  if (outgoing_.close) last_ = true;
  piece_ = std::move(outgoing_.head);
  if (outgoing_.at < outgoing_.end && !outgoing_.body.streams()) {
    if (auto first = outgoing_.body.read(outgoing_.at, outgoing_.end - outgoing_.at)) {
      outgoing_.at += first->size();
      piece_ += *first;
    }
  }
  write_piece(std::move(piece_));
}

void Connection::write_piece(std::string piece) {
  piece_ = std::move(piece);
  deadline(server_.options.body_timeout_ms);
  asio::async_write(stream_, asio::buffer(piece_), [self = shared_from_this()](const ErrorCode& error, std::size_t) {
    error ? self->stream_.close() : self->write_more();
  });
}

void Connection::write_more() {
  if (outgoing_.at == outgoing_.end) return response_written();
  const auto next = [self = shared_from_this()] {
    auto piece = std::make_shared<Result<std::string>>();
    try {
      *piece = self->outgoing_.body.read(self->outgoing_.at, self->outgoing_.end - self->outgoing_.at);
    } catch (const std::exception& e) {
      *piece = base::fail(Code::internal, "{}", e.what());
    }
    asio::post(self->stream_.get_executor(), [self, piece] {
      // The header has promised more: to break off is the only way left to say that it failed.
      if (!*piece) return self->stream_.close();
      if (self->outgoing_.endless) return self->write_chunk(**piece);
      self->outgoing_.at += (*piece)->size();
      self->write_piece(**std::move(piece));
    });
  };
  stream_.expires_never();
  outgoing_.body.streams() ? server_.pool.resume(client_, next) : next();
}

void Connection::write_chunk(const std::string& piece) {
  if (piece.empty()) outgoing_.at = outgoing_.end;
  if (!outgoing_.chunked) return piece.empty() ? response_written() : write_piece(piece);
  write_piece(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
}

void Connection::response_written() {
  outgoing_ = {};
  if (!last_ && !server_.stopping) return wait_request();
  ErrorCode ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  if (!refused_) return stream_.close();
  deadline(1000);
  linger();
}

/// Reads what the client still sends for a moment: closing with unread bytes would reset the connection before the client reads
/// the answer (RFC 9112, section 9.6).
void Connection::linger() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(16u << 10), [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
    self->discarded_ += size;
    if (error || self->discarded_ > kMostDiscarded) return self->stream_.close();
    self->linger();
  });
}

}  // namespace

void serve_connection(ServerShared& server, asio::ip::tcp::socket socket) {
  std::make_shared<Connection>(server, std::move(socket))->begin();
}

}  // namespace koinon::net
