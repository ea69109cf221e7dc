#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace koinon::net {

/// Threads that run jobs which may block. Clients take turns: between two jobs of one, every other that waits has one run, so
/// that a client waits for the number of clients and not for how much they ask. Jobs must not throw.
class HandlerPool {
 public:
  HandlerPool(std::size_t threads, std::size_t max_waiting);
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  /// Queues a job that begins something; false when `max_waiting` jobs wait already or the pool is stopping.
  [[nodiscard]] bool begin(const std::string& client, std::function<void()> job);
  /// Queues the continuation of something that has begun: never refused for a full queue, since each connection has at most
  /// one. Dropped when the pool is stopping.
  void resume(const std::string& client, std::function<void()> job);
  /// Runs what is queued, then joins. Must not be called from a job.
  void stop();

 private:
  using Job = std::function<void()>;
  struct Line {
    std::string client;
    std::deque<Job> jobs;
  };

  void push(const std::string& client, Job job);
  Job pop();
  void work();

  const std::size_t max_waiting_;
  std::mutex lock_;
  std::condition_variable ready_;
  std::list<Line> turns_;                                             ///< clients with jobs, the next first; guarded by lock_
  std::unordered_map<std::string, std::list<Line>::iterator> lines_;  ///< guarded by lock_
  std::size_t waiting_ = 0;                                           ///< jobs; guarded by lock_
  bool stopping_ = false;                                             ///< guarded by lock_
  std::vector<std::jthread> threads_;
};

}  // namespace koinon::net
