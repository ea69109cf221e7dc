#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace koinon::net {

/// Threads that run jobs which may block. Jobs must not throw.
class HandlerPool {
 public:
  HandlerPool(std::size_t threads, std::size_t max_waiting);
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  /// Queues a job that begins something; false when `max_waiting` jobs wait already or the pool is stopping.
  [[nodiscard]] bool begin(std::function<void()> job);
  /// Queues the continuation of something that has begun: never refused for a full queue, since each connection has at most
  /// one. Dropped when the pool is stopping.
  void resume(std::function<void()> job);
  /// Runs what is queued, then joins. Must not be called from a job.
  void stop();

 private:
  void work();

  const std::size_t max_waiting_;
  std::mutex lock_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;  ///< guarded by lock_
  bool stopping_ = false;                   ///< guarded by lock_
  std::vector<std::jthread> threads_;
};

}  // namespace koinon::net
