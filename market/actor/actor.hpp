#pragma once
#include <memory>

#include "market/actor/buyer.hpp"
#include "market/sync/sync.hpp"

namespace koinon::market {

struct ActorOptions {
  std::size_t parallel = 1;  ///< runs of work at once, of each kind
  std::size_t fetches = 16;  ///< duties at once that wait for peers: inputs, programs, results
  std::size_t hands = 16;    ///< other duties at once, which wait for the ledger alone
  std::int64_t tick_ms = 200;
  std::int64_t demand_after_ms = 8'000;  ///< after failing so long to fetch an input it is demanded on the ledger
};

/// Does the duties of one account: watches the book and calls Seller and Buyer when something is due. Errors of a duty are
/// logged and the duty tried again, with growing pauses, for as long as the order asks for it.
///
/// Three sets of threads, so that none waits for what it need not: runs of work; what peers must serve, slowly if they like;
/// what only the ledger must take. A duty that waited its turn is done with the order as it is then, or not at all; work that
/// still waits for a slot when the last quarter of its commit window begins is declined (UNSERVED), which costs less than
/// silence.
///
/// Makes suspended offers again, of kinds that it can run, as renewals() says, from a view that it has just brought up to date.
class Actor {
 public:
  Actor(const Services& services, Sync& sync, std::unique_ptr<Seller> seller, std::unique_ptr<Buyer> buyer,
        ActorOptions options = {});
  /// Stops as stop() does.
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  Buyer& buyer();
  Seller& seller();
  /// Begins. Services may still be filled in before.
  void start();
  /// From now on suspended offers stay as they are: their owner withdraws.
  void retire();
  /// Takes no new duty and waits for those under way.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::market
