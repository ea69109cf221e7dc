#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace koinon::market {

/// A bounded set of threads that run tasks in order of arrival.
class Hands {
 public:
  explicit Hands(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this](std::stop_token stop) { serve(stop); });
  }
  ~Hands() {
    for (auto& t : threads_) t.request_stop();
    wake_.notify_all();
  }
  void give(std::function<void(std::stop_token)> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

 private:
  void serve(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [&] { return !tasks_.empty(); })) {
      if (stop.stop_requested()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task(stop);
      lock.lock();
    }
  }
  std::mutex mutex_;  // guards tasks_
  std::condition_variable_any wake_;
  std::deque<std::function<void(std::stop_token)>> tasks_;
  std::vector<std::jthread> threads_;
};

}  // namespace koinon::market
