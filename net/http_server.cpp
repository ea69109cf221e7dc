#include "net/http_server.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.hpp"
#include "net/address.hpp"
#include "net/server_state.hpp"
#include "net/site.hpp"

namespace koinon::net {
namespace asio = boost::asio;
using asio::ip::tcp;

std::uint64_t PeerRegistry::add(const std::weak_ptr<ServerPeer>& peer, const std::string& client) {
  const std::lock_guard hold(lock_);
  peers_.emplace(next_, Entry{peer, client});
  ++by_client_[client];
  return next_++;
}

void PeerRegistry::remove(std::uint64_t id) {
  const std::lock_guard hold(lock_);
  const auto at = peers_.find(id);
  if (at == peers_.end()) return;
  const auto client = by_client_.find(at->second.client);
  if (--client->second == 0) by_client_.erase(client);
  peers_.erase(at);
  changed_.notify_all();
}

void PeerRegistry::end_all(bool at_once) {
  std::vector<std::shared_ptr<ServerPeer>> alive;
  {
    const std::lock_guard hold(lock_);
    for (const auto& [id, entry] : peers_)
      if (auto held = entry.peer.lock()) alive.push_back(std::move(held));
  }
  for (const auto& peer : alive) peer->end(at_once);
}

std::size_t PeerRegistry::count() const {
  const std::lock_guard hold(lock_);
  return peers_.size();
}

std::size_t PeerRegistry::count(const std::string& client) const {
  const std::lock_guard hold(lock_);
  const auto at = by_client_.find(client);
  return at == by_client_.end() ? 0 : at->second;
}

bool PeerRegistry::end_idle() {
  std::vector<std::shared_ptr<ServerPeer>> alive;  // let go without the lock, which the last of a peer takes
  std::shared_ptr<ServerPeer> longest;
  {
    const std::lock_guard hold(lock_);
    const auto until = steady_ms() - 1000;
    std::pair<std::size_t, std::int64_t> best;  // connections of its client, how long idle
    for (const auto& [id, entry] : peers_) {
      auto peer = entry.peer.lock();
      if (!peer) continue;
      const auto idle = peer->idle_since();
      const std::pair rank(by_client_.at(entry.client), until - idle);
      if (idle <= until && (!longest || rank > best)) {
        best = rank;
        longest = peer;
      }
      alive.push_back(std::move(peer));
    }
  }
  if (longest) longest->end(false);
  return longest != nullptr;
}

bool PeerRegistry::wait_empty(std::int64_t timeout_ms) {
  std::unique_lock hold(lock_);
  return changed_.wait_for(hold, std::chrono::milliseconds(timeout_ms), [&] { return peers_.empty(); });
}

struct HttpServer::State {
  State(Router router, ServerOptions options) : shared(std::move(router), std::move(options)) {}

  Status listen();
  void accept();
  void accepted(const boost::system::error_code& error, tcp::socket socket);
  bool has_place(const tcp::socket& socket);
  void run();

  ServerShared shared;
  asio::executor_work_guard<asio::io_context::executor_type> work{shared.io.get_executor()};
  tcp::acceptor acceptor{asio::make_strand(shared.io)};
  asio::steady_timer retry{acceptor.get_executor()};
  tcp::endpoint endpoint;
  std::mutex stop_lock;
  std::vector<std::jthread> threads;  ///< guarded by stop_lock
};

Status HttpServer::State::listen() {
  boost::system::error_code error;
  const auto& options = shared.options;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return base::fail(Code::invalid_argument, "[listen] '{}': an IP address expected", options.address);
  const auto refuse = [&] {
    return base::fail(Code::io, "[listen] {}:{}: {}", options.address, options.port, error.message());
  };
  const tcp::endpoint wanted(address, options.port);
  if (acceptor.open(wanted.protocol(), error)) return refuse();
  if (acceptor.set_option(asio::socket_base::reuse_address(true), error)) return refuse();
  if (acceptor.bind(wanted, error)) return refuse();
  if (acceptor.listen(asio::socket_base::max_listen_connections, error)) return refuse();
  endpoint = acceptor.local_endpoint(error);
  if (error) return refuse();
  return {};
}

void HttpServer::State::accept() {
  acceptor.async_accept(asio::make_strand(shared.io), [this](const boost::system::error_code& error, tcp::socket socket) {
    accepted(error, std::move(socket));
  });
}

void HttpServer::State::accepted(const boost::system::error_code& error, tcp::socket socket) {
  if (shared.stopping || !acceptor.is_open()) return;
  if (error) {
    // Out of descriptors, most likely: to try again at once would only spin.
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) accept();
    });
    return;
  }
  if (!has_place(socket)) {
    static constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kFull.data(), kFull.size()), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  } else {
    serve_connection(shared, std::move(socket));
  }
  accept();
}

/// Whether one more connection may be held; one that idles may have to end for it.
bool HttpServer::State::has_place(const tcp::socket& socket) {
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return false;
  const auto most = shared.options.max_connections;
  const auto client = client_of(remote.address().to_string());
  if (!is_loopback_address(client) && shared.peers->count(client) >= std::max<std::size_t>(most / 2, 1)) return false;
  return shared.peers->count() < most || shared.peers->end_idle();
}

void HttpServer::State::run() {
  for (;;) {
    try {
      shared.io.run();
      return;
    } catch (const std::exception& e) {
      base::log_error("[http] {}", e.what());
    }
  }
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(Router router, ServerOptions options) {
  auto state = std::make_unique<State>(std::move(router), std::move(options));
  KOINON_CHECK(state->listen());
  state->accept();
  const auto threads = std::max<std::size_t>(state->shared.options.io_threads, 1);
  for (std::size_t i = 0; i < threads; ++i) state->threads.emplace_back([raw = state.get()] { raw->run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::~HttpServer() { stop(); }

std::uint16_t HttpServer::port() const { return state_->endpoint.port(); }

std::string HttpServer::url() const {
  const auto& address = state_->endpoint.address();
  const auto any = address.is_unspecified();
  if (address.is_v6()) return fmt::format("http://[{}]:{}", any ? "::1" : address.to_string(), port());
  return fmt::format("http://{}:{}", any ? "127.0.0.1" : address.to_string(), port());
}

void HttpServer::replace(Router router) { state_->shared.replace(std::move(router)); }

std::size_t HttpServer::connections() const { return state_->shared.peers->count(); }

void HttpServer::stop() {
  const std::lock_guard hold(state_->stop_lock);
  if (state_->threads.empty()) return;
  auto& shared = state_->shared;
  shared.stopping = true;
  asio::post(state_->acceptor.get_executor(), [raw = state_.get()] {
    boost::system::error_code ignored;
    raw->acceptor.close(ignored);
    raw->retry.cancel();
  });
  shared.peers->end_all(false);
  if (!shared.peers->wait_empty(shared.options.stop_grace_ms)) {
    shared.peers->end_all(true);
    shared.peers->wait_empty(1000);
  }
  shared.pool.stop();  // a handler that still runs is waited for: it uses what its owner frees next
  shared.peers->end_all(true);
  shared.peers->wait_empty(10'000);
  state_->work.reset();
  shared.io.stop();
  state_->threads.clear();
}

}  // namespace koinon::net
