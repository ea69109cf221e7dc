#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace koinon::market {

/// A stop token that is asked for when the outer one is, or after some time: an order whose program runs longer than its commit
/// window must not make its members silent.
class TimeLimit {
 public:
  TimeLimit(std::optional<std::int64_t> ms, const std::stop_token& outer) : outer_(outer, [this] { source_.request_stop(); }) {
    if (!ms) return;
    timer_ = std::jthread([this, ms = std::max<std::int64_t>(*ms, 0)](const std::stop_token& ended) {
      std::unique_lock lock(mutex_);
      if (alarm_.wait_for(lock, ended, std::chrono::milliseconds(ms), [] { return false; }) || ended.stop_requested()) return;
      over_ = true;
      source_.request_stop();
    });
  }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  std::stop_source source_;
  std::atomic<bool> over_ = false;
  std::mutex mutex_;
  std::condition_variable_any alarm_;
  std::stop_callback<std::function<void()>> outer_;
  std::jthread timer_;  ///< last: ends before what it uses
};

}  // namespace koinon::market
