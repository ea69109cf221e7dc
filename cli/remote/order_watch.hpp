#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "net/websocket.hpp"

namespace koinon::cli {

/// Says when to look at an order again: when the node tells over its events that the order changed, and from time to time;
/// often when events cannot be had, which is tried again and again. Not thread-safe.
class OrderWatch {
 public:
  /// `node_url`: "http://host:port". https is not pushed (WebSocketClient), so there it looks from time to time.
  OrderWatch(const std::string& node_url, std::string order);

  /// Waits at most `longest_ms`, and returns true when it is time to look: at the first call, after a change, or when the last
  /// look is long ago.
  bool wait(std::int64_t longest_ms);
  /// From now on looks often: something is awaited that is not told.
  void hurry() { hurry_ = true; }
  /// True while the node tells what happens.
  [[nodiscard]] bool is_live() const { return socket_ != nullptr && socket_->is_open(); }

 private:
  using Clock = std::chrono::steady_clock;
  void connect();
  bool is_due() const;

  std::string url_;  ///< of the events; empty: none
  std::string order_;
  std::unique_ptr<net::WebSocketClient> socket_;
  Clock::time_point looked_{};
  Clock::time_point tried_{};
  bool hurry_ = false;
};

/// True when a message of the node's events (openapi.json, /api/v1/events) tells of the order. Whatever it holds, this returns.
bool tells_of(const std::string& message, const std::string& order);

}  // namespace koinon::cli
