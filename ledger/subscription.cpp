#include "ledger/subscription.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ledger/rpc_codec.hpp"
#include "net/websocket.hpp"

namespace koinon::ledger {
namespace {

using Time = std::chrono::steady_clock;
constexpr auto kFirstReconnect = std::chrono::seconds(5);
constexpr auto kLongestReconnect = std::chrono::seconds(300);
constexpr std::int64_t kConnectMs = 2'000;
constexpr int kMaxDrained = 1'024;  ///< pushes that count as one

}  // namespace

struct HeadWatcher::State {
  State(Rpc& rpc_, std::string url_, std::int64_t poll) : rpc(rpc_), url(std::move(url_)), poll_ms(poll) {}

  Rpc& rpc;
  std::string url;
  std::int64_t poll_ms;
  std::unique_ptr<net::WebSocketClient> socket;
  Time::time_point next_try{};
  std::chrono::seconds pause = kFirstReconnect;
  Hash last;  ///< hash of the head returned last

  void connect() {
    if (url.empty() || socket || Time::now() < next_try) return;
    net::WebSocketOptions options;
    options.connect_timeout_ms = kConnectMs;
    options.max_message = 4u << 20;
    auto made = net::WebSocketClient::connect(url, options);
    if (made && (*made)->send(R"({"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]})"))
      socket = std::move(*made);
    next_try = Time::now() + pause;
    if (!socket) pause = std::min(pause * 2, kLongestReconnect);
  }

  /// A server that refuses the subscription answers with an error: it is asked from then on.
  void take(const std::string& text) {
    const auto message = base::parse_json(text);
    if (codec::member(message, "error").is_object()) {
      socket.reset();
      url.clear();
    } else if (codec::member(message, "method").is_string()) {
      pause = kFirstReconnect;
    }
  }

  void sleep(std::int64_t ms, std::stop_token stop) const {
    std::mutex sleeping;
    std::condition_variable_any alarm;
    std::unique_lock lock(sleeping);
    alarm.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
  }

  /// Waits for a push or the poll interval. What a push says is only a hint: the head is asked for anew.
  void wait(std::int64_t ms, std::stop_token stop) {
    connect();
    if (!socket) return sleep(std::min(ms, poll_ms), stop);
    auto text = socket->read(ms, stop);
    for (int drained = 0; text && drained < kMaxDrained; ++drained) {
      take(*text);
      if (!socket) return;
      text = socket->read(0);
    }
    if (!text && text.error().code != Code::timeout && text.error().code != Code::cancelled) socket.reset();
  }
};

HeadWatcher::HeadWatcher(Rpc& rpc, std::string ws_url, std::int64_t poll_ms)
    : state_(std::make_unique<State>(rpc, std::move(ws_url), poll_ms)) {}

HeadWatcher::~HeadWatcher() = default;

std::string HeadWatcher::push_url(const std::string& rpc_url) {
  if (rpc_url.starts_with("ws://") || rpc_url.starts_with("wss://")) return rpc_url;
  return rpc_url.starts_with("http://") ? "ws" + rpc_url.substr(4) : std::string();
}

void HeadWatcher::wait(std::int64_t timeout_ms, std::stop_token stop) { state_->wait(timeout_ms, stop); }

bool HeadWatcher::is_subscribed() const { return state_->socket != nullptr; }

Result<std::uint64_t> HeadWatcher::next(std::int64_t timeout_ms, std::stop_token stop) {
  const auto end = Time::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (stop.stop_requested()) return fail(Code::cancelled, "[heads] cancelled");
    state_->connect();
    KOINON_TRY(const auto head, state_->rpc.block("latest"));
    if (head.hash != state_->last) {
      state_->last = head.hash;
      return head.number;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Time::now()).count();
    if (left <= 0) return fail(Code::timeout, "[heads] no new block in {} ms", timeout_ms);
    state_->wait(left, stop);
  }
}

}  // namespace koinon::ledger
