#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "net/http.hpp"

namespace koinon::net {

/// The server's side of one WebSocket connection. Thread-safe.
class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;
  /// Queues a text frame and returns at once. Errors: exhausted when the queue's bound is reached (the connection is then
  /// closed: the other side reads too slowly), cancelled when it is closed.
  virtual Status send(std::string text) = 0;
  /// Closes after what is queued. May be called more than once.
  virtual void close() = 0;
  /// A number that no other connection of this server has.
  [[nodiscard]] virtual std::uint64_t id() const = 0;
};

/// What a WebSocket route does. Calls of one connection never overlap and run on the server's handler pool.
struct WebSocketHandler {
  /// May keep the session to send from elsewhere. An Error refuses the upgrade.
  std::function<Status(const std::shared_ptr<WebSocketSession>& session, const HttpRequest& request)> on_open;
  std::function<void(const std::shared_ptr<WebSocketSession>& session, std::string text)> on_text;
  std::function<void(std::uint64_t session_id)> on_close;
  /// Subprotocol that is chosen when the client offers it (RFC 6455, section 1.9); empty: none.
  std::string protocol{};
};

/// The subprotocols that a client offers in Sec-WebSocket-Protocol.
std::vector<std::string_view> offered_protocols(const HttpRequest& request);

struct WebSocketOptions {
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t write_timeout_ms = 10'000;
  std::uint64_t max_message = 16u << 20;  ///< bytes
  std::size_t max_queue = 1024;           ///< received messages that wait to be read; beyond, reading from the peer pauses
  std::int64_t ping_ms = 20'000;          ///< an idle connection is pinged, and given up when no answer comes
  Headers headers{};                      ///< sent with the upgrade
  std::string ca_file{};                  ///< wss: PEM of the authorities trusted; empty: the system's
};

/// A WebSocket connection to a server over TCP (ws) or TLS 1.2 and later (wss; the certificate must name the host).
/// Reconnecting is left to the caller. One thread may read while others send.
class WebSocketClient {
 public:
  /// Errors: invalid_argument (URL), network, timeout.
  static Result<std::unique_ptr<WebSocketClient>> connect(const std::string& url, WebSocketOptions options = {});
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  /// Sends one text frame. Errors: network, timeout, out_of_range (longer than max_message).
  Status send(std::string text);
  /// The next text message. Errors: timeout (nothing came; the connection lives on), cancelled (stop token; the connection
  /// lives on), network (closed or broken: connect anew), out_of_range (message too long: closed).
  Result<std::string> read(std::int64_t timeout_ms, std::stop_token stop = {});
  /// Closes politely, waiting at most a second. Wakes a reader.
  void close();
  [[nodiscard]] bool is_open() const;

 private:
  struct State;
  template <class Lower>
  struct Over;
  explicit WebSocketClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::net
