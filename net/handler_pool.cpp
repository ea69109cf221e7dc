#include "net/handler_pool.hpp"

#include <algorithm>

namespace koinon::net {

HandlerPool::HandlerPool(std::size_t threads, std::size_t max_waiting) : max_waiting_(max_waiting) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) threads_.emplace_back([this] { work(); });
}

HandlerPool::~HandlerPool() { stop(); }

void HandlerPool::push(const std::string& client, Job job) {
  auto at = lines_.find(client);
  if (at == lines_.end()) at = lines_.emplace(client, turns_.insert(turns_.end(), Line{client, {}})).first;
  at->second->jobs.push_back(std::move(job));
  ++waiting_;
}

HandlerPool::Job HandlerPool::pop() {
  Line& line = turns_.front();
  Job job = std::move(line.jobs.front());
  line.jobs.pop_front();
  --waiting_;
  if (!line.jobs.empty()) {
    turns_.splice(turns_.end(), turns_, turns_.begin());
  } else {
    lines_.erase(line.client);
    turns_.pop_front();
  }
  return job;
}

bool HandlerPool::begin(const std::string& client, Job job) {
  {
    const std::lock_guard hold(lock_);
    if (stopping_ || waiting_ >= max_waiting_) return false;
    push(client, std::move(job));
  }
  ready_.notify_one();
  return true;
}

void HandlerPool::resume(const std::string& client, Job job) {
  {
    const std::lock_guard hold(lock_);
    if (stopping_) return;
    push(client, std::move(job));
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
    Job job;
    {
      std::unique_lock hold(lock_);
      ready_.wait(hold, [&] { return stopping_ || !turns_.empty(); });
      if (turns_.empty()) return;
      job = pop();
    }
    job();
  }
}

}  // namespace koinon::net
