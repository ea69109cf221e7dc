#include "net/http_server.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.hpp"
#include "net/server_state.hpp"

namespace koinon::net {
namespace asio = boost::asio;
using asio::ip::tcp;

std::uint64_t PeerRegistry::add(const std::weak_ptr<ServerPeer>& peer) {
  const std::lock_guard hold(lock_);
  peers_.emplace(next_, peer);
  return next_++;
}

void PeerRegistry::remove(std::uint64_t id) {
  const std::lock_guard hold(lock_);
  peers_.erase(id);
  changed_.notify_all();
}

void PeerRegistry::end_all(bool at_once) {
  std::vector<std::shared_ptr<ServerPeer>> alive;
  {
    const std::lock_guard hold(lock_);
    for (const auto& [id, peer] : peers_)
      if (auto held = peer.lock()) alive.push_back(std::move(held));
  }
  for (const auto& peer : alive) peer->end(at_once);
}

std::size_t PeerRegistry::count() const {
  const std::lock_guard hold(lock_);
  return peers_.size();
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
  if (shared.peers->count() >= shared.options.max_connections) {
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
