#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "net/handler_pool.hpp"
#include "net/http_server.hpp"

namespace koinon::net {

/// One open connection of either sort, as stop() sees it.
class ServerPeer {
 public:
  virtual ~ServerPeer() = default;
  /// Ends the connection: at once, or as soon as what is under way has ended. Thread-safe.
  virtual void end(bool at_once) = 0;
};

/// The open connections. Shared by all of them, because a peer that a caller still holds may outlive the server.
class PeerRegistry {
 public:
  std::uint64_t add(const std::weak_ptr<ServerPeer>& peer);
  void remove(std::uint64_t id);
  void end_all(bool at_once);
  [[nodiscard]] std::size_t count() const;
  /// True when none is left within that time.
  bool wait_empty(std::int64_t timeout_ms);

 private:
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, std::weak_ptr<ServerPeer>> peers_;  ///< guarded by lock_
  std::uint64_t next_ = 1;                                              ///< guarded by lock_
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
  void enter(const std::weak_ptr<ServerPeer>& peer) { id_ = registry_->add(peer); }
  [[nodiscard]] std::uint64_t id() const { return id_; }

 private:
  const std::shared_ptr<PeerRegistry> registry_;
  std::uint64_t id_ = 0;
};

/// What the connections of one server share. Outlives them: HttpServer::stop waits for the last.
struct ServerShared {
  ServerShared(Router r, ServerOptions o)
      : router(std::move(r)), options(std::move(o)), pool(options.handler_threads, options.max_waiting) {}

  const Router router;
  const ServerOptions options;
  const std::shared_ptr<PeerRegistry> peers = std::make_shared<PeerRegistry>();
  std::atomic<bool> stopping{false};
  boost::asio::io_context io;
  HandlerPool pool;
};

/// Serves HTTP on a socket until it closes or becomes a WebSocket.
void serve_connection(ServerShared& server, boost::asio::ip::tcp::socket socket);

}  // namespace koinon::net
