#include "ledger/subscription.hpp"

#include <chrono>
#include <thread>

#include "ledger/rpc_codec.hpp"
#include "net/websocket.hpp"

namespace koinon::ledger {
namespace {

using Time = std::chrono::steady_clock;
constexpr auto kReconnect = std::chrono::seconds(5);

}  // namespace

struct HeadWatcher::State {
  State(Rpc& rpc_, std::string url_, std::int64_t poll) : rpc(rpc_), url(std::move(url_)), poll_ms(poll) {}

  Rpc& rpc;
  std::string url;
  std::int64_t poll_ms;
  std::unique_ptr<net::WebSocketClient> socket;
  Time::time_point last_try{};
  Hash last;  ///< hash of the head returned last

  void connect() {
    if (url.empty() || socket || Time::now() - last_try < kReconnect) return;
    last_try = Time::now();
    net::WebSocketOptions options;
    options.max_message = 4u << 20;
    auto made = net::WebSocketClient::connect(url, options);
    if (!made) return;
    if ((*made)->send(R"({"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]})")) socket = std::move(*made);
  }

  /// Waits for a push or the poll interval. What a push says is only a hint: the head is asked for anew.
  void wait(std::int64_t ms, std::stop_token stop) {
    if (!socket) {
      for (std::int64_t slept = 0; slept < std::min(ms, poll_ms) && !stop.stop_requested(); slept += 20)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return;
    }
    auto text = socket->read(ms, stop);
    if (!text && text.error().code != Code::timeout && text.error().code != Code::cancelled) socket.reset();
    // A server that refuses the subscription answers with an error: ask from then on.
    if (text && codec::member(nlohmann::json::parse(*text, nullptr, false), "error").is_object()) {
      socket.reset();
      url.clear();
    }
  }
};

HeadWatcher::HeadWatcher(Rpc& rpc, std::string ws_url, std::int64_t poll_ms)
    : state_(std::make_unique<State>(rpc, std::move(ws_url), poll_ms)) {}

HeadWatcher::~HeadWatcher() = default;

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
