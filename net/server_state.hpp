#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "net/handler_pool.hpp"
#include "net/http_server.hpp"
#include "net/rate_limit.hpp"

namespace koinon::net {

/// One open connection of either sort, as stop() sees it.
class ServerPeer {
 public:
  virtual ~ServerPeer() = default;
  /// Ends the connection: at once, or as soon as what is under way has ended. Thread-safe.
  virtual void end(bool at_once) = 0;
  /// Since when nothing is under way (steady clock, ms); INT64_MAX while something is. Thread-safe.
  [[nodiscard]] virtual std::int64_t idle_since() const { return INT64_MAX; }
};

/// The open connections. Shared by all of them, because a peer that a caller still holds may outlive the server.
class PeerRegistry {
 public:
  std::uint64_t add(const std::weak_ptr<ServerPeer>& peer, const std::string& client);
  void remove(std::uint64_t id);
  void end_all(bool at_once);
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::size_t count(const std::string& client) const;
  /// Ends the connection that has idled longest of the client with the most connections; false when none has for a second.
  bool end_idle();
  /// True when none is left within that time.
  bool wait_empty(std::int64_t timeout_ms);

 private:
  struct Entry {
    std::weak_ptr<ServerPeer> peer;
    std::string client;
  };

  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, Entry> peers_;          ///< guarded by lock_
  std::unordered_map<std::string, std::size_t> by_client_;  ///< how many; guarded by lock_
  std::uint64_t next_ = 1;                                  ///< guarded by lock_
};

/// A peer's place in the registry, given up when the peer is gone. Declare it first, so that it goes last.
class Registration {
 public:
  explicit Registration(std::shared_ptr<PeerRegistry> registry) : registry_(std::move(registry)) {}
  ~Registration() {
    if (id_ != 0) registry_->remove(id_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  void enter(const std::weak_ptr<ServerPeer>& peer, const std::string& client) { id_ = registry_->add(peer, client); }
  [[nodiscard]] std::uint64_t id() const { return id_; }

 private:
  const std::shared_ptr<PeerRegistry> registry_;
  std::uint64_t id_ = 0;
};

/// Bytes of bodies that are held at once. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::uint64_t most) : most_(most) {}
  [[nodiscard]] bool take(std::uint64_t bytes) {
    auto held = held_.load();
    do {
      if (bytes > most_ || held > most_ - bytes) return false;
    } while (!held_.compare_exchange_weak(held, held + bytes));
    return true;
  }
  void give(std::uint64_t bytes) { held_ -= bytes; }

 private:
  const std::uint64_t most_;
  std::atomic<std::uint64_t> held_{0};
};

/// What one request holds of the budget.
class BodyShare {
 public:
  explicit BodyShare(BodyBudget& budget) : budget_(budget) {}
  ~BodyShare() { release(); }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  /// Holds as much as a body of `bytes` needs, at least; false when there is no more.
  [[nodiscard]] bool reach(std::uint64_t bytes) {
    if (bytes <= kFree || bytes <= held_) return true;
    if (!budget_.take(bytes - held_)) return false;
    held_ = bytes;
    return true;
  }
  void release() { budget_.give(std::exchange(held_, 0)); }

 private:
  static constexpr std::uint64_t kFree = 64u << 10;  ///< so that small calls pass while large ones fill the budget
  BodyBudget& budget_;
  std::uint64_t held_ = 0;
};

/// What the connections of one server share. Outlives them: HttpServer::stop waits for the last.
struct ServerShared {
  ServerShared(Router r, ServerOptions o)
      : options(std::move(o)),
        bodies(options.max_bodies),
        rates(options.requests_per_s, 4 * options.requests_per_s),
        pool(options.handler_threads, options.max_waiting),
        router_(std::make_shared<const Router>(std::move(r))) {}

  /// Shared by the requests that found their route in it, which may outlast it here.
  [[nodiscard]] std::shared_ptr<const Router> router() {
    const std::lock_guard hold(router_lock_);
    return router_;
  }
  void replace(Router next) {
    auto fresh = std::make_shared<const Router>(std::move(next));
    const std::lock_guard hold(router_lock_);
    router_.swap(fresh);
  }

  const ServerOptions options;
  BodyBudget bodies;
  const std::shared_ptr<PeerRegistry> peers = std::make_shared<PeerRegistry>();
  std::atomic<bool> stopping{false};
  boost::asio::io_context io;
  RateLimit rates;
  HandlerPool pool;

 private:
  std::mutex router_lock_;
  std::shared_ptr<const Router> router_;  ///< guarded by router_lock_
};

/// Milliseconds of the steady clock.
inline std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Serves HTTP on a socket until it closes or becomes a WebSocket.
void serve_connection(ServerShared& server, boost::asio::ip::tcp::socket socket);

}  // namespace koinon::net
