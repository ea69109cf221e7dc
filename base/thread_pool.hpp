#pragma once
#include <cstddef>
#include <functional>
#include <memory>

namespace koinon::base {

/// A bounded pool for compute. Work is split at fixed places, so results never depend on the number of threads.
class ThreadPool {
 public:
  /// `threads` 0 means one for each core that this process may use.
  explicit ThreadPool(std::size_t threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::size_t threads() const;
  /// Calls body(i) for i in [0, n), on this thread and the pool's, and returns when all are done. Calls may run in any order
  /// and at once; they must not throw and must not call parallel_for of the same pool.
  void parallel_for(std::size_t n, const std::function<void(std::size_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::base
