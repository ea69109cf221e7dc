#pragma once
#include <memory>

#include "net/router.hpp"

namespace koinon::net {

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                          ///< 0: a free one; HttpServer::port tells
  std::size_t io_threads = 1;                      ///< read and write sockets
  std::size_t handler_threads = 4;                 ///< run handlers, which may block
  std::size_t max_connections = 2048;              ///< beyond: one that idles makes place, or 503 (HttpServer, 5)
  std::size_t max_waiting = 2048;                  ///< requests waiting for a handler thread; beyond: 503 with Retry-After
  std::uint32_t requests_per_s = 0;                ///< of one client, four seconds' worth at once; beyond: 429. 0: any number
  bool behind_proxy = false;                       ///< a peer on loopback is a proxy: X-Forwarded-For ends with its client
  std::uint32_t max_header = 16u << 10;            ///< bytes of a request's line and fields; beyond: 431
  std::uint64_t max_bodies = 256u << 20;           ///< bytes of all bodies above 64 KiB at once; beyond: 503 with Retry-After
  std::int64_t header_timeout_ms = 10'000;         ///< to send a whole request header
  std::int64_t body_timeout_ms = 30'000;           ///< to send each 256 KiB of body, and to take each piece of the response
  std::int64_t idle_timeout_ms = 60'000;           ///< between two requests of a connection
  std::uint64_t max_websocket_message = 1u << 20;  ///< bytes
  std::size_t max_websocket_queue = 1024;          ///< frames waiting to be sent to one connection; beyond: closed
  std::size_t max_websocket_queue_bytes = 16u << 20;  ///< the same bound in bytes
  std::int64_t websocket_ping_ms = 20'000;            ///< a silent peer is pinged, and closed after twice this time
  std::int64_t stop_grace_ms = 5'000;                 ///< time that stop() gives to requests under way
};

/// An HTTP/1.1 and WebSocket server over Boost.Beast. Plain text: TLS is left to a reverse proxy.
///
/// 1. No request is handled twice, and none is handled before it was read whole.
/// 2. A message that carries both Content-Length and Transfer-Encoding, or two Content-Lengths, is refused and its connection
///    closed (RFC 9112, section 6.3), so that no proxy in front can be made to see other requests than we do.
/// 3. A request's line and fields decide first: route, method, the route's gate, the declared size. Only then is its body read,
///    or `Expect: 100-continue` answered.
/// 4. Memory is bounded by connections times (header + 64 KiB of body + WebSocket queue), and max_bodies.
/// 5. Nobody keeps others out by asking more. A client is an address, or a /64 of IPv6. Requests of clients are handled in
/// turns.
///    Above max_connections a new connection takes the place of one that has idled for a second, the longest of the client with
///    the most; no client but loopback has more than half of all. requests_per_s does not hold for loopback itself.
class HttpServer {
 public:
  /// Listens and serves from then on. Errors: io (address in use or not ours), invalid_argument.
  static Result<std::unique_ptr<HttpServer>> start(Router router, ServerOptions options = {});
  /// Stops as stop() does.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:PORT"
  [[nodiscard]] std::string url() const;
  /// From now on new requests get these routes; those under way, and open WebSockets, keep theirs. Thread-safe.
  void replace(Router router);
  /// Open connections now.
  [[nodiscard]] std::size_t connections() const;
  /// Accepts no more, lets requests under way end (stop_grace_ms at most), closes the rest, joins its threads. Must not be
  /// called from a handler.
  void stop();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::net
