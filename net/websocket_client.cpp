#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "base/log.hpp"
#include "net/text.hpp"
#include "net/url.hpp"
#include "net/websocket.hpp"

namespace koinon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Outbound {
  std::string text;
  std::promise<ErrorCode> sent;
};

}  // namespace

/// 1. The stream and what is named io-side are touched by the connection's own thread only.
/// 2. Reading from the peer pauses while max_queue messages wait, so that memory is bounded.
struct WebSocketClient::State {
  explicit State(WebSocketOptions o) : options(std::move(o)) {}
  ~State() { shut(); }

  Status open(const Url& url);
  void run();
  void resolved(const Url& url, const ErrorCode& error, const tcp::resolver::results_type& found);
  void handshake(const Url& url);
  void settled(const ErrorCode& error);
  void read();
  void received(const ErrorCode& error);
  void write();
  void broken(const ErrorCode& error);
  void shut();

  const WebSocketOptions options;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{
      io.get_executor()};                           ///< a paused connection waits for nothing
  tcp::resolver resolver{io};                       // io-side
  websocket::stream<beast::tcp_stream> stream{io};  // io-side
  beast::flat_buffer buffer;                        // io-side
  std::deque<std::shared_ptr<Outbound>> outbound;   // io-side
  bool writing = false;                             // io-side
  std::promise<ErrorCode> connected;                // io-side
  bool connecting = true;                           // io-side

  std::mutex shut_lock;
  mutable std::mutex lock;
  std::condition_variable_any changed;
  std::deque<std::string> inbound;  ///< guarded by lock
  bool paused = false;              ///< guarded by lock: no read is under way
  bool is_open = false;             ///< guarded by lock
  bool too_long = false;            ///< guarded by lock
  std::string why;                  ///< guarded by lock: what ended the connection
  std::jthread thread;
};

Status WebSocketClient::State::open(const Url& url) {
  auto done = connected.get_future();
  beast::get_lowest_layer(stream).expires_after(std::chrono::milliseconds(options.connect_timeout_ms));
  resolver.async_resolve(
      url.host, std::to_string(url.port),
      [this, url](const ErrorCode& error, const tcp::resolver::results_type& found) { resolved(url, error, found); });
  thread = std::jthread([this] { run(); });
  // The resolver knows no deadline of its own; the margin lets the stream's deadline speak first.
  if (done.wait_for(std::chrono::milliseconds(options.connect_timeout_ms + 500)) != std::future_status::ready)
    return base::fail(Code::timeout, "[websocket] {}: no connection within {} ms", url.authority(), options.connect_timeout_ms);
  const auto error = done.get();
  if (error == beast::error::timeout)
    return base::fail(Code::timeout, "[websocket] {}: no connection within {} ms", url.authority(), options.connect_timeout_ms);
  if (error) return base::fail(Code::network, "[websocket] {}: {}", url.authority(), error.message());
  return {};
}

void WebSocketClient::State::run() {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& e) {
      base::log_error("[websocket] {}", e.what());
    }
  }
}

void WebSocketClient::State::resolved(const Url& url, const ErrorCode& error, const tcp::resolver::results_type& found) {
  if (error) return settled(error);
  beast::get_lowest_layer(stream).async_connect(found, [this, url](const ErrorCode& failed, const tcp::endpoint&) {
    if (failed) return settled(failed);
    handshake(url);
  });
}

void WebSocketClient::State::handshake(const Url& url) {
  ErrorCode ignored;
  beast::get_lowest_layer(stream).socket().set_option(tcp::no_delay(true), ignored);
  beast::get_lowest_layer(stream).expires_never();
  stream.set_option(websocket::stream_base::timeout{std::chrono::milliseconds(options.connect_timeout_ms),
                                                    std::chrono::milliseconds(2 * options.ping_ms), true});
  stream.set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
    for (const auto& [name, value] : options.headers.items()) request.set(name, value);
  }));
  stream.read_message_max(static_cast<std::size_t>(options.max_message));
  stream.async_handshake(url.authority(), url.target, [this](const ErrorCode& error) { settled(error); });
}

void WebSocketClient::State::settled(const ErrorCode& error) {
  connecting = false;
  if (!error) {
    {
      const std::lock_guard hold(lock);
      is_open = true;
    }
    read();
  }
  connected.set_value(error);
}

void WebSocketClient::State::read() {
  stream.async_read(buffer, [this](const ErrorCode& error, std::size_t) { received(error); });
}

void WebSocketClient::State::received(const ErrorCode& error) {
  if (error) return broken(error);
  std::string text(static_cast<const char*>(buffer.cdata().data()), buffer.size());
  buffer.clear();
  bool more = true;
  {
    const std::lock_guard hold(lock);
    inbound.push_back(std::move(text));
    more = inbound.size() < options.max_queue;
    paused = !more;
  }
  changed.notify_all();
  if (more) read();
}

void WebSocketClient::State::write() {
  if (writing || outbound.empty()) return;
  writing = true;
  stream.text(true);
  stream.async_write(asio::buffer(outbound.front()->text), [this](const ErrorCode& error, std::size_t) {
    writing = false;
    outbound.front()->sent.set_value(error);
    outbound.pop_front();
    if (error) return broken(error);
    write();
  });
}

void WebSocketClient::State::broken(const ErrorCode& error) {
  {
    const std::lock_guard hold(lock);
    if (why.empty()) why = error.message();
    is_open = false;
    too_long = too_long || error == websocket::error::message_too_big;
  }
  changed.notify_all();
  beast::get_lowest_layer(stream).close();
  while (outbound.size() > (writing ? 1u : 0u)) {
    outbound.back()->sent.set_value(error);
    outbound.pop_back();
  }
}

void WebSocketClient::State::shut() {
  const std::lock_guard once(shut_lock);
  if (!thread.joinable()) return;
  {
    const std::lock_guard hold(lock);
    is_open = false;  // first, so that nothing is queued behind what follows
    if (why.empty()) why = "closed by this side";
  }
  changed.notify_all();
  std::promise<void> closed;
  auto done = closed.get_future();
  asio::post(io, [this, &closed] {
    if (connecting || !stream.is_open()) return closed.set_value();
    stream.async_close(websocket::close_code::normal, [&closed](const ErrorCode&) { closed.set_value(); });
  });
  const bool polite = done.wait_for(std::chrono::seconds(1)) == std::future_status::ready;
  asio::post(io, [this] {
    resolver.cancel();
    beast::get_lowest_layer(stream).close();
  });
  if (!polite) done.wait();  // the close above ends async_close
  io.stop();
  thread.join();
  // What was queued and never written must not leave its sender waiting.
  for (const auto& waiting : outbound) waiting->sent.set_value(asio::error::operation_aborted);
  outbound.clear();
}

WebSocketClient::WebSocketClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
WebSocketClient::~WebSocketClient() = default;

Result<std::unique_ptr<WebSocketClient>> WebSocketClient::connect(const std::string& url, WebSocketOptions options) {
  const auto parsed = Url::parse(url);
  if (!parsed) return base::fail(Code::invalid_argument, "[websocket] {}", parsed.error().text);
  if (parsed->scheme != "ws") return base::fail(Code::invalid_argument, "[websocket] scheme '{}': ws expected", parsed->scheme);
  for (const auto& [name, value] : options.headers.items())
    if (!is_token(name) || !is_field_value(value))
      return base::fail(Code::invalid_argument, "[websocket] header '{}' holds a character that no header may hold", name);
  auto state = std::make_unique<State>(std::move(options));
  KOINON_CHECK(state->open(*parsed));
  return std::unique_ptr<WebSocketClient>(new WebSocketClient(std::move(state)));
}

Status WebSocketClient::send(std::string text) {
  if (text.size() > state_->options.max_message)
    return base::fail(Code::out_of_range, "[websocket] message of {} bytes: at most {}", text.size(),
                      state_->options.max_message);
  auto item = std::make_shared<Outbound>();
  item->text = std::move(text);
  auto done = item->sent.get_future();
  {
    const std::lock_guard hold(state_->lock);
    if (!state_->is_open) return base::fail(Code::network, "[websocket] the connection is closed: {}", state_->why);
    asio::post(state_->io, [state = state_.get(), item] {
      if (!state->stream.is_open()) return item->sent.set_value(asio::error::not_connected);
      state->outbound.push_back(item);
      state->write();
    });
  }
  if (done.wait_for(std::chrono::milliseconds(state_->options.write_timeout_ms)) != std::future_status::ready)
    return base::fail(Code::timeout, "[websocket] not sent within {} ms", state_->options.write_timeout_ms);
  const auto error = done.get();
  if (error) return base::fail(Code::network, "[websocket] send: {}", error.message());
  return {};
}

Result<std::string> WebSocketClient::read(std::int64_t timeout_ms, std::stop_token stop) {
  std::unique_lock hold(state_->lock);
  const auto ready = [&] { return !state_->inbound.empty() || !state_->is_open; };
  const bool came = state_->changed.wait_for(hold, stop, std::chrono::milliseconds(timeout_ms), ready);
  if (!came && stop.stop_requested()) return base::fail(Code::cancelled, "[websocket] read: cancelled");
  if (!came) return base::fail(Code::timeout, "[websocket] no message within {} ms", timeout_ms);
  if (state_->inbound.empty()) {
    if (state_->too_long)
      return base::fail(Code::out_of_range, "[websocket] message above {} bytes", state_->options.max_message);
    return base::fail(Code::network, "[websocket] the connection is closed: {}", state_->why);
  }
  auto out = std::move(state_->inbound.front());
  state_->inbound.pop_front();
  if (state_->paused && state_->is_open && state_->inbound.size() * 2 <= state_->options.max_queue) {
    state_->paused = false;
    asio::post(state_->io, [state = state_.get()] { state->read(); });
  }
  return out;
}

void WebSocketClient::close() { state_->shut(); }

bool WebSocketClient::is_open() const {
  const std::lock_guard hold(state_->lock);
  return state_->is_open;
}

}  // namespace koinon::net
