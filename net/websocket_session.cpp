#include "net/websocket_session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>

#include "base/log.hpp"
#include "net/text.hpp"

namespace koinon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using ErrorCode = boost::system::error_code;

/// Runs a handler's callback, whose exception must not end the pool's thread.
template <class F>
void guarded(F&& callback) {
  try {
    callback();
  } catch (const std::exception& e) {
    base::log_error("[websocket] handler: {}", e.what());
  }
}

std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (const auto item = trimmed(list.substr(0, comma)); !item.empty()) out.push_back(item);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return out;
}

bool offers(const http::request<http::string_body>& request, std::string_view protocol) {
  const auto field = request[http::field::sec_websocket_protocol];
  const auto all = split_list({field.data(), field.size()});
  return std::ranges::find(all, protocol) != all.end();
}

/// 1. Everything but `waiting_`, `waiting_bytes_` and `ended_` is touched on the strand only.
/// 2. At most one read, one write and one handler call are under way.
class Socket final : public PendingSocket, public ServerPeer, public std::enable_shared_from_this<Socket> {
 public:
  Socket(ServerShared& server, std::shared_ptr<const WebSocketHandler> handler, asio::any_io_executor strand)
      : registration_(server.peers), server_(server), handler_(std::move(handler)), strand_(std::move(strand)) {}

  void enter(const std::string& client) {
    client_ = client;
    registration_.enter(std::weak_ptr<ServerPeer>(shared_from_this()), client);
  }
  [[nodiscard]] std::shared_ptr<WebSocketSession> handle() override;
  void start(beast::tcp_stream stream, http::request<http::string_body> request) override;
  void end(bool at_once) override;

  Status send(std::string text);
  void close() { end(false); }
  [[nodiscard]] std::uint64_t id() const { return registration_.id(); }

 private:
  void accepted(const ErrorCode& error);
  void read();
  void received(const ErrorCode& error);
  void write();
  void written(const ErrorCode& error);
  void close_politely();
  void cut();
  void finish();

  Registration registration_;
  std::string client_;
  ServerShared& server_;
  const std::shared_ptr<const WebSocketHandler> handler_;
  const asio::any_io_executor strand_;
  std::optional<websocket::stream<beast::tcp_stream>> stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  bool open_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool close_sent_ = false;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<bool> ended_{false};
};

/// What handlers keep: it does not hold the connection, which may be gone before it.
class Handle final : public WebSocketSession {
 public:
  Handle(std::weak_ptr<Socket> socket, std::uint64_t number) : socket_(std::move(socket)), id_(number) {}
  Status send(std::string text) override {
    const auto socket = socket_.lock();
    if (!socket) return base::fail(Code::cancelled, "[websocket] the connection is closed");
    return socket->send(std::move(text));
  }
  void close() override {
    if (const auto socket = socket_.lock()) socket->close();
  }
  [[nodiscard]] std::uint64_t id() const override { return id_; }

 private:
  const std::weak_ptr<Socket> socket_;
  const std::uint64_t id_;
};

std::shared_ptr<WebSocketSession> Socket::handle() { return std::make_shared<Handle>(weak_from_this(), id()); }

void Socket::start(beast::tcp_stream stream, http::request<http::string_body> request) {
  stream.expires_never();
  stream_.emplace(std::move(stream));
  request_ = std::move(request);
  stream_->set_option(websocket::stream_base::timeout{std::chrono::milliseconds(server_.options.header_timeout_ms),
                                                      std::chrono::milliseconds(2 * server_.options.websocket_ping_ms), true});
  if (const auto& chosen = handler_->protocol; !chosen.empty() && offers(request_, chosen))
    stream_->set_option(websocket::stream_base::decorator(
        [chosen](websocket::response_type& answer) { answer.set(http::field::sec_websocket_protocol, chosen); }));
  stream_->read_message_max(static_cast<std::size_t>(server_.options.max_websocket_message));
  stream_->async_accept(request_, [self = shared_from_this()](const ErrorCode& error) { self->accepted(error); });
}

void Socket::accepted(const ErrorCode& error) {
  if (error) return finish();
  open_ = true;
  if (closing_ || server_.stopping) close_politely();
  read();
  write();
}

void Socket::read() {
  stream_->async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->received(error); });
}

void Socket::received(const ErrorCode& error) {
  if (error) return finish();
  if (!stream_->got_text()) {
    closing_ = true;
    close_politely();
    buffer_.clear();
    return read();
  }
  std::string text(static_cast<const char*>(buffer_.cdata().data()), buffer_.size());
  buffer_.clear();
  if (!handler_->on_text) return read();
  server_.pool.resume(client_, [self = shared_from_this(), text = std::move(text)]() mutable {
    guarded([&] { self->handler_->on_text(self->handle(), std::move(text)); });
    asio::post(self->strand_, [self] { self->read(); });
  });
}

Status Socket::send(std::string text) {
  if (ended_) return base::fail(Code::cancelled, "[websocket] the connection is closed");
  const auto& options = server_.options;
  if (waiting_ >= options.max_websocket_queue || waiting_bytes_ + text.size() > options.max_websocket_queue_bytes) {
    end(true);
    return base::fail(Code::exhausted, "[websocket] {} frames wait: the other side reads too slowly", waiting_.load());
  }
  ++waiting_;
  waiting_bytes_ += text.size();
  asio::post(strand_, [self = shared_from_this(), text = std::move(text)]() mutable {
    self->queue_.push_back(std::move(text));
    self->write();
  });
  return {};
}

void Socket::write() {
  if (!open_ || writing_ || close_sent_ || ended_) return;
  if (queue_.empty()) {
    if (closing_) close_politely();
    return;
  }
  writing_ = true;
  stream_->text(true);
  stream_->async_write(asio::buffer(queue_.front()),
                       [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->written(error); });
}

void Socket::written(const ErrorCode& error) {
  writing_ = false;
  waiting_bytes_ -= queue_.front().size();
  --waiting_;
  queue_.pop_front();
  if (error) return cut();
  write();
}

void Socket::close_politely() {
  if (!open_ || writing_ || close_sent_ || ended_) return;
  close_sent_ = true;
  stream_->async_close(server_.stopping ? websocket::close_code::going_away : websocket::close_code::normal,
                       [self = shared_from_this()](const ErrorCode&) { self->cut(); });
}

void Socket::cut() {
  if (stream_) beast::get_lowest_layer(*stream_).close();
}

void Socket::finish() {
  if (ended_.exchange(true)) return;
  cut();
  if (!handler_->on_close) return;
  server_.pool.resume(client_, [self = shared_from_this()] { guarded([&] { self->handler_->on_close(self->id()); }); });
}

void Socket::end(bool at_once) {
  asio::post(strand_, [self = shared_from_this(), at_once] {
    self->closing_ = true;
    if (at_once) return self->cut();
    self->write();
  });
}

}  // namespace

std::vector<std::string_view> offered_protocols(const HttpRequest& request) {
  const auto* field = request.headers.find("Sec-WebSocket-Protocol");
  return field == nullptr ? std::vector<std::string_view>{} : split_list(*field);
}

std::shared_ptr<PendingSocket> make_websocket(ServerShared& server, std::shared_ptr<const WebSocketHandler> handler,
                                              const asio::any_io_executor& strand, const std::string& client) {
  auto out = std::make_shared<Socket>(server, std::move(handler), strand);
  out->enter(client);
  return out;
}

}  // namespace koinon::net
