#pragma once
#include <map>
#include <mutex>
#include <thread>

#include "node/api/context.hpp"

namespace koinon::node::api {

/// Tells live connections what changes: blocks, orders, providers. A thread of its own follows the book; a connection that does
/// not keep up is closed by the server, whose queues are bounded.
///
/// Invariants:
/// 1. Every order's latest state is sent after it changed; states in between may be skipped.
/// 2. What only the owner may see goes to connections of the owner alone.
class EventHub {
 public:
  explicit EventHub(ContextPtr context);
  /// Waits for the thread.
  ~EventHub() = default;
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// Errors: those of the gate; exhausted above the limit of connections.
  Status open(const std::shared_ptr<net::WebSocketSession>& session, const HttpRequest& request);
  void close(std::uint64_t session_id);

 private:
  struct Listener {
    std::shared_ptr<net::WebSocketSession> session;  ///< shared with the server, which may close it meanwhile
    bool owner = false;
  };
  /// What tells one state of an order from the next.
  struct Mark {
    std::size_t events = 0;
    std::int64_t since_ms = 0;
    market::Phase phase = market::Phase::none;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  struct Changes {
    std::vector<market::OrderView> orders;
    std::vector<market::AccountView> providers;
    std::uint64_t head = 0;
  };

  void follow(const std::stop_token& stop);
  Changes collect();
  void tell(const Changes& changes);
  void send(const std::string& to_all, const std::string* to_owner = nullptr);

  const ContextPtr context_;
  std::map<std::uint64_t, Mark> open_;              ///< of the thread: orders that were open
  std::uint64_t newest_ = 0;                        ///< of the thread: highest order id seen
  std::map<std::uint32_t, std::string> providers_;  ///< of the thread: as last seen
  std::mutex mutex_;
  std::map<std::uint64_t, Listener> listeners_;  ///< guarded by mutex_
  std::uint64_t head_ = 0;                       ///< guarded by mutex_
  std::jthread thread_;                          // last: it stops first
};

}  // namespace koinon::node::api
