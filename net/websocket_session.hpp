#pragma once
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/server_state.hpp"

namespace koinon::net {

/// A WebSocket connection that is still to be accepted.
class PendingSocket {
 public:
  virtual ~PendingSocket() = default;
  /// What the handler gets.
  [[nodiscard]] virtual std::shared_ptr<WebSocketSession> handle() = 0;
  /// Accepts the upgrade on the connection's own strand and serves until it closes.
  virtual void start(boost::beast::tcp_stream stream, boost::beast::http::request<boost::beast::http::string_body> request) = 0;
};

/// `client`: whose connection it counts as (net/address.hpp, client_of).
std::shared_ptr<PendingSocket> make_websocket(ServerShared& server, std::shared_ptr<const WebSocketHandler> handler,
                                              const boost::asio::any_io_executor& strand, const std::string& client);

}  // namespace koinon::net
