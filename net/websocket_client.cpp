#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
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
namespace ssl = asio::ssl;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Outbound {
  std::string text;
  std::promise<ErrorCode> sent;
};

/// TLS 1.2 or later to servers whose certificate one of `ca_file` (PEM; empty: the system's) vouches for.
Result<ssl::context> trust_in(const std::string& ca_file) {
  ssl::context context(ssl::context::tls_client);
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.set_verify_mode(ssl::verify_peer);
  ErrorCode error;
  if (ca_file.empty())
    context.set_default_verify_paths(error);
  else
    context.load_verify_file(ca_file, error);
  if (error) return base::fail(Code::invalid_argument, "[websocket] certificates '{}': {}", ca_file, error.message());
  return context;
}

}  // namespace

/// 1. The stream and what is named io-side are touched by the connection's own thread only.
/// 2. Reading from the peer pauses while max_queue messages wait, so that memory is bounded.
struct WebSocketClient::State {
  explicit State(WebSocketOptions o) : options(std::move(o)) {}
  virtual ~State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // What differs between TCP and TLS. Each asynchronous one ends in the function named beside it.
  virtual beast::tcp_stream& wire() = 0;
  virtual bool stands() = 0;                   ///< the WebSocket is open
  virtual void handshake(const Url& url) = 0;  ///< settled
  virtual void read() = 0;                     ///< received
  virtual void send_front() = 0;               ///< written
  virtual void say_goodbye(std::function<void(const ErrorCode&)>) = 0;

  Status open(const Url& url);
  void run();
  void resolved(const Url& url, const ErrorCode& error, const tcp::resolver::results_type& found);
  void settled(const ErrorCode& error);
  void received(const ErrorCode& error);
  void write();
  void written(const ErrorCode& error);
  void broken(const ErrorCode& error);
  void shut();

  const WebSocketOptions options;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{
      io.get_executor()};                          ///< a paused connection waits for nothing
  tcp::resolver resolver{io};                      // io-side
  beast::flat_buffer buffer;                       // io-side
  std::deque<std::shared_ptr<Outbound>> outbound;  // io-side
  bool writing = false;                            // io-side
  std::promise<ErrorCode> connected;               // io-side
  bool connecting = true;                          // io-side

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

/// The connection over `Lower`: beast::tcp_stream, or TLS over it.
template <class Lower>
struct WebSocketClient::Over final : WebSocketClient::State {
  explicit Over(WebSocketOptions o) : State(std::move(o)), stream(io) {}
  Over(WebSocketOptions o, ssl::context made) : State(std::move(o)), context(std::move(made)), stream(io, *context) {}
  ~Over() override { shut(); }

  beast::tcp_stream& wire() override { return beast::get_lowest_layer(stream); }
  bool stands() override { return stream.is_open(); }
  void handshake(const Url& url) override;
  void read() override {
    stream.async_read(buffer, [this](const ErrorCode& error, std::size_t) { received(error); });
  }
  void send_front() override {
    stream.text(true);
    stream.async_write(asio::buffer(outbound.front()->text), [this](const ErrorCode& error, std::size_t) { written(error); });
  }
  void say_goodbye(std::function<void(const ErrorCode&)> done) override {
    stream.async_close(websocket::close_code::normal, std::move(done));
  }
  void upgrade(const Url& url);

  std::optional<ssl::context> context;  ///< of TLS; outlives the stream
  websocket::stream<Lower> stream;      // io-side
};

Status WebSocketClient::State::open(const Url& url) {
  auto done = connected.get_future();
  wire().expires_after(std::chrono::milliseconds(options.connect_timeout_ms));
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
  wire().async_connect(found, [this, url](const ErrorCode& failed, const tcp::endpoint&) {
    if (failed) return settled(failed);
    handshake(url);
  });
}

template <class Lower>
void WebSocketClient::Over<Lower>::handshake(const Url& url) {
  if constexpr (std::is_same_v<Lower, beast::tcp_stream>) {
    upgrade(url);
  } else {
    auto& secure = stream.next_layer();
    // Server Name Indication (RFC 6066 section 3), which says nothing of numeric addresses.
    ErrorCode numeric;
    asio::ip::make_address(url.host, numeric);
    if (numeric && SSL_set_tlsext_host_name(secure.native_handle(), url.host.c_str()) != 1)
      return settled(ErrorCode(static_cast<int>(::ERR_get_error()), asio::error::get_ssl_category()));
    ErrorCode failed;
    secure.set_verify_callback(ssl::host_name_verification(url.host), failed);
    if (failed) return settled(failed);
    secure.async_handshake(ssl::stream_base::client, [this, url](const ErrorCode& error) {
      if (error) return settled(error);
      upgrade(url);
    });
  }
}

template <class Lower>
void WebSocketClient::Over<Lower>::upgrade(const Url& url) {
  ErrorCode ignored;
  wire().socket().set_option(tcp::no_delay(true), ignored);
  wire().expires_never();
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
  send_front();
}

void WebSocketClient::State::written(const ErrorCode& error) {
  writing = false;
  outbound.front()->sent.set_value(error);
  outbound.pop_front();
  if (error) return broken(error);
  write();
}

void WebSocketClient::State::broken(const ErrorCode& error) {
  {
    const std::lock_guard hold(lock);
    if (why.empty()) why = error.message();
    is_open = false;
    too_long = too_long || error == websocket::error::message_too_big;
  }
  changed.notify_all();
  wire().close();
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
    if (connecting || !stands()) return closed.set_value();
    say_goodbye([&closed](const ErrorCode&) { closed.set_value(); });
  });
  const bool polite = done.wait_for(std::chrono::seconds(1)) == std::future_status::ready;
  asio::post(io, [this] {
    resolver.cancel();
    wire().close();
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
  if (parsed->scheme != "ws" && parsed->scheme != "wss")
    return base::fail(Code::invalid_argument, "[websocket] scheme '{}': ws or wss expected", parsed->scheme);
  for (const auto& [name, value] : options.headers.items())
    if (!is_token(name) || !is_field_value(value))
      return base::fail(Code::invalid_argument, "[websocket] header '{}' holds a character that no header may hold", name);
  std::unique_ptr<State> state;
  if (parsed->scheme == "wss") {
    KOINON_TRY(auto context, trust_in(options.ca_file));
    state = std::make_unique<Over<beast::ssl_stream<beast::tcp_stream>>>(std::move(options), std::move(context));
  } else {
    state = std::make_unique<Over<beast::tcp_stream>>(std::move(options));
  }
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
      if (!state->stands()) return item->sent.set_value(asio::error::not_connected);
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
