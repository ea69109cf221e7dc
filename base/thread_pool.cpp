#include "base/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace koinon::base {
namespace {

/// Looks for a short while whether something is there, before a thread sleeps: waking takes as long as a small round of work.
template <class F>
void look(F&& there) {
  constexpr auto kWhile = std::chrono::microseconds(20);
  const auto end = std::chrono::steady_clock::now() + kWhile;
  while (std::chrono::steady_clock::now() < end)
    for (int i = 0; i < 32; ++i) {
      if (there()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
}

}  // namespace

/// Invariants:
/// 1. `body` is set exactly while a parallel_for is under way; `caller` admits one at a time.
/// 2. Every worker that joins a round increments `inside` under the mutex and leaves before the round ends.
struct ThreadPool::State {
  std::mutex caller;

  std::mutex mutex;  // guards body, n, round, inside, stop
  std::condition_variable wake;
  std::condition_variable idle;
  const std::function<void(std::size_t)>* body = nullptr;
  std::size_t n = 0;
  std::atomic<std::size_t> round{0};   // written under the mutex
  std::atomic<std::size_t> inside{0};  // written under the mutex
  bool stop = false;

  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> workers;

  void drain(const std::function<void(std::size_t)>& work, std::size_t count) {
    for (auto i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  }

  void serve() {
    std::size_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      if (seen != 0) {
        lock.unlock();
        look([&] { return round.load(std::memory_order_relaxed) != seen; });
        lock.lock();
      }
      wake.wait(lock, [&] { return stop || (round != seen && body != nullptr); });
      if (stop) return;
      seen = round;
      const auto* work = body;
      const auto count = n;
      ++inside;
      lock.unlock();
      drain(*work, count);
      lock.lock();
      if (--inside == 0) idle.notify_all();
    }
  }
};

ThreadPool::ThreadPool(std::size_t threads) : state_(std::make_unique<State>()) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 1; i < threads; ++i) state_->workers.emplace_back([s = state_.get()] { s->serve(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  state_->workers.clear();
}

std::size_t ThreadPool::threads() const { return state_->workers.size() + 1; }

void ThreadPool::parallel_for(std::size_t n, const std::function<void(std::size_t)>& body) {
  auto& s = *state_;
  if (n <= 1 || s.workers.empty()) {
    for (std::size_t i = 0; i < n; ++i) body(i);
    return;
  }
  const std::lock_guard one_at_a_time(s.caller);
  {
    const std::lock_guard lock(s.mutex);
    s.body = &body;
    s.n = n;
    s.next = 0;
    ++s.round;
  }
  s.wake.notify_all();
  s.drain(body, n);
  std::unique_lock lock(s.mutex);
  s.body = nullptr;
  if (s.inside != 0) {
    lock.unlock();
    look([&] { return s.inside.load(std::memory_order_relaxed) == 0; });
    lock.lock();
  }
  s.idle.wait(lock, [&] { return s.inside == 0; });
}

}  // namespace koinon::base
