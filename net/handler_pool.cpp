#include "net/handler_pool.hpp"

#include <algorithm>

namespace koinon::net {

HandlerPool::HandlerPool(std::size_t threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) threads_.emplace_back([this] { work(); });
}

HandlerPool::~HandlerPool() { stop(); }

bool HandlerPool::begin(std::function<void()> job) {
  {
    const std::lock_guard hold(lock_);
    if (stopping_ || jobs_.size() >= max_waiting_) return false;
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
  return true;
}

void HandlerPool::resume(std::function<void()> job) {
  {
    const std::lock_guard hold(lock_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void HandlerPool::stop() {
  {
    const std::lock_guard hold(lock_);
    stopping_ = true;
  }
  ready_.notify_all();
  threads_.clear();
}

void HandlerPool::work() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock hold(lock_);
      ready_.wait(hold, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace koinon::net
