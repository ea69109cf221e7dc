#pragma once
#include <memory>

#include "market/actor/ports.hpp"
#include "market/sync/sync.hpp"
#include "market/watch/game.hpp"
#include "market/watch/rule.hpp"

namespace koinon::market {

struct WatchOptions {
  bool others = false;  ///< checks claims that others pay for, as the rule says; own orders that were run here always
  WatchRule rule;
  std::size_t hands = 2;  ///< claims looked at at once
  std::int64_t tick_ms = 200;
  std::int64_t demand_after_ms = 6'000;  ///< a provider that shows nothing so long is asked on the ledger
  /// Blocks that hold a commitment, its own included, before its proof is shown, so that no reorganisation puts a copy before
  /// it; earlier where half of the time to prove has passed.
  std::uint64_t depth = 2;
};

/// Runs claims of optimistic orders again while they stand, and disputes those that are wrong: it searches what does not
/// follow, asks the provider's node for what it needs and, where that shows nothing, demands it on the ledger; then it commits
/// to a proof and shows it (docs/trust/optimistic.md).
///
/// Invariants:
/// 1. An order is played by one thread at a time, from the ledger and its note alone: a kill between any two moves loses
/// nothing.
/// 2. A proof and its salt are on disk before the commitment to them is sent, and the proof refutes the claim here before
/// either.
/// 3. A claim is disputed only when our own run of the order's program on the order's input gave something else.
class Watcher {
 public:
  /// All outlive it. Precondition: the services have disputes and peers.
  Watcher(const Services& services, Sync& sync, WatchOptions options);
  /// Stops as stop() does.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void start();
  /// Takes up nothing new and waits for what is under way.
  void stop();
  [[nodiscard]] const WatchOptions& options() const;
  /// What is known of a claim, or nothing: not looked at. Errors: those of the journal.
  Result<std::optional<GameNote>> game(const OrderView& order) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::market
