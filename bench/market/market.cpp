// Orders per second and order-to-paid latency on the local ledger, and where the time goes: bench_market [ORDERS].
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "test/e2e/world.hpp"

namespace koinon::bench::market {
namespace {

using Clock = std::chrono::steady_clock;
using koinon::market::Book;
using koinon::market::OrderView;
using koinon::market::Phase;
using test::e2e::World;

/// Moments of an order, as the buyer's node sees them.
enum Moment : std::size_t { kAsked, kDrawn, kPublished, kCommitted, kRevealed, kStanding, kPaid, kMoments };
constexpr std::array<const char*, kMoments> kPart = {
    "",       "place and draw (two transactions)", "publish the input",           "fetch, run, commit",
    "reveal", "draw whether there is an audit",    "fetch results, confirm, pay",
};
using Moments = std::array<Clock::time_point, kMoments>;

/// The last moment that an order has reached.
Moment reached(const OrderView& order) {
  switch (order.phase) {
    case Phase::none:
    case Phase::draw: return kAsked;
    case Phase::input: return kDrawn;
    case Phase::commit: return kPublished;
    case Phase::reveal: return kCommitted;
    case Phase::audit_draw: return kRevealed;
    case Phase::standing: return kStanding;
    case Phase::settled:
    case Phase::refunded: break;
  }
  return kPaid;
}

/// Notes when each order first reaches each moment.
class Watch {
 public:
  explicit Watch(World& world) {
    world.buyer().node->sync().on_change([this, &world](const std::vector<std::uint64_t>& orders, std::uint64_t) {
      const auto now = Clock::now();
      world.buyer().node->sync().read([&](const Book& book, std::uint64_t) {
        for (const auto id : orders)
          if (const auto* order = book.order(id)) note(id, reached(*order), now);
      });
    });
  }
  void asked(std::uint64_t order, Clock::time_point when) {
    const std::lock_guard lock(mutex_);
    seen_[order][kAsked] = when;
  }
  std::map<std::uint64_t, Moments> all() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  /// An update can bring several moments at once: those in between happened by then.
  void note(std::uint64_t order, Moment moment, Clock::time_point when) {
    const std::lock_guard lock(mutex_);
    auto& moments = seen_[order];
    for (std::size_t i = kDrawn; i <= moment; ++i)
      if (moments[i] == Clock::time_point{}) moments[i] = when;
  }
  std::mutex mutex_;
  std::map<std::uint64_t, Moments> seen_;  ///< guarded by mutex_
};

double seconds(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

/// Places `count` orders from `hands` threads, each waiting for its order to be paid when `patient`, and prints what it took.
bool measure(World& world, Watch& watch, const char* title, std::uint64_t count, std::size_t hands, bool patient) {
  const auto model = test::e2e::small_model();
  std::mutex mutex;
  std::map<std::uint64_t, std::uint64_t> inputs;  // by order
  std::atomic<std::uint64_t> next = 0;
  std::atomic<bool> good = true;
  const auto began = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < hands; ++i)
      threads.emplace_back([&] {
        for (auto input = next++; input < count; input = next++) {
          const auto asked = Clock::now();
          const auto id = world.buyer().node->buyer().place(world.purchase(model, input));
          if (!id) {
            std::fprintf(stderr, "%s\n", id.error().text.c_str());
            good = false;
            return;
          }
          watch.asked(*id, asked);
          const std::lock_guard lock(mutex);
          inputs[*id] = input;
          if (patient) world.await_end(*id);
        }
      });
  }
  std::vector<double> latency;
  std::array<double, kMoments> spent{};
  auto last = began;
  for (const auto& [id, input] : inputs) {
    const auto order = world.await_end(id);
    // No figure for work that was not done rightly.
    if (order.phase != Phase::settled || order.verdict->output_root != model.run(model.input(input)).roots.output) {
      std::fprintf(stderr, "order %llu was not settled rightly\n", static_cast<unsigned long long>(id));
      return false;
    }
    // Listeners are told after the book is updated.
    if (!test::e2e::eventually([&, order_id = id] { return watch.all()[order_id][kPaid] != Clock::time_point{}; }))
      return false;
    const auto moments = watch.all()[id];
    latency.push_back(seconds(moments[kAsked], moments[kPaid]));
    last = std::max(last, moments[kPaid]);
    for (std::size_t i = kDrawn; i < kMoments; ++i) spent[i] += seconds(moments[i - 1], moments[i]);
  }
  if (!good || latency.empty()) return false;
  const auto orders = static_cast<double>(latency.size());
  std::printf("%s: %zu orders, %.2f orders/s, order to paid p50 %.2f s, p95 %.2f s\n", title, latency.size(),
              orders / seconds(began, last), quantile(latency, 0.5), quantile(latency, 0.95));
  for (std::size_t i = kDrawn; i < kMoments; ++i) std::printf("  %-34s %6.2f s\n", kPart[i], spent[i] / orders);
  return true;
}

int run(std::uint64_t count) {
  World world(4);
  world.cast({0, 1, 2, 3});
  Watch watch(world);
  std::printf("local ledger, 1 buyer, 4 providers in one process, quorum(3, 2), a program that takes no time\n\n");
  const bool good = measure(world, watch, "one after the other", std::max<std::uint64_t>(count / 4, 5), 1, true) &&
                    measure(world, watch, "as fast as they can be placed", count, 4, false);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace koinon::bench::market

int main(int argc, char** argv) {
  const auto count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 40;
  return koinon::bench::market::run(std::clamp<std::uint64_t>(count, 5, 1'000));
}
