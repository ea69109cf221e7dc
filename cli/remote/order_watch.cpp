#include "cli/remote/order_watch.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.hpp"
#include "cli/remote/reply.hpp"

namespace koinon::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOften{250};
constexpr milliseconds kSeldom{3'000};  ///< while the node tells: should a message be lost
constexpr milliseconds kReconnect{5'000};

}  // namespace

bool tells_of(const std::string& message, const std::string& order) {
  const auto read = base::parse_json(message);
  return text_at(read, "type") == "order" && text_at(child(read, "order"), "id") == order;
}

OrderWatch::OrderWatch(const std::string& node_url, std::string order) : order_(std::move(order)) {
  if (node_url.starts_with("http")) url_ = "ws" + node_url.substr(4) + "/api/v1/events";
}

void OrderWatch::connect() {
  const auto now = Clock::now();
  if (url_.empty() || is_live() || (tried_ != Clock::time_point{} && now - tried_ < kReconnect)) return;
  tried_ = now;
  net::WebSocketOptions options;
  options.connect_timeout_ms = 1'000;
  options.max_message = 1u << 20;
  auto made = net::WebSocketClient::connect(url_, options);
  socket_ = made ? *std::move(made) : nullptr;
}

bool OrderWatch::is_due() const {
  return looked_ == Clock::time_point{} || Clock::now() - looked_ >= (is_live() && !hurry_ ? kSeldom : kOften);
}

bool OrderWatch::wait(std::int64_t longest_ms) {
  connect();
  const auto until = Clock::now() + milliseconds(longest_ms);
  bool told = false;
  while (!told && !is_due() && Clock::now() < until) {
    const auto pause = std::min(std::chrono::duration_cast<milliseconds>(until - Clock::now()), kOften);
    if (!is_live()) {
      std::this_thread::sleep_for(std::max(pause, milliseconds(1)));
      continue;
    }
    const auto message = socket_->read(std::max<std::int64_t>(1, pause.count()));
    told = message && tells_of(*message, order_);
    if (!message && message.error().code != base::Code::timeout) socket_.reset();
  }
  if (!told && !is_due()) return false;
  looked_ = Clock::now();
  return true;
}

}  // namespace koinon::cli
