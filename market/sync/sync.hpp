#pragma once
#include <functional>
#include <memory>
#include <stop_token>

#include "ledger/log_index.hpp"
#include "market/book/book.hpp"

namespace koinon::market {

/// Where events are kept, so that a restart reads only what is new. An update is taken whole or not at all.
class EventStore {
 public:
  virtual ~EventStore() = default;
  /// In one transaction: forgets the events of `removed` blocks, keeps `added`, saves the cursor.
  virtual Status update(const std::vector<Hash>& removed_blocks, const std::vector<Event>& added,
                        const std::string& cursor) = 0;
  /// All events in the ledger's order.
  virtual Status each(const std::function<Status(const Event&)>& visit) = 0;
  /// The cursor of the last update, or empty.
  virtual Result<std::string> cursor() = 0;
};

/// Keeps events in memory: for tests and one-off tools.
class MemoryEventStore final : public EventStore {
 public:
  Status update(const std::vector<Hash>& removed_blocks, const std::vector<Event>& added, const std::string& cursor) override;
  Status each(const std::function<Status(const Event&)>& visit) override;
  Result<std::string> cursor() override { return cursor_; }

 private:
  std::vector<Event> events_;
  std::string cursor_;
};

struct SyncOptions {
  std::uint64_t first_block = 0;  ///< of the deployment
  base::Address market, registry;
  std::uint64_t finality_depth = 64;  ///< blocks
  std::int64_t poll_ms = 250;         ///< where the ledger does not push its blocks over a WebSocket at the place of its URL
};

/// Follows the market's contracts and keeps the Book current, through reorganisations and restarts. Thread-safe.
class Sync {
 public:
  /// Reads what the store holds, then follows the ledger on a thread of its own, over a share of `rpc`. `store` outlives it.
  /// Errors: malformed (the store), those of Rpc.
  static Result<std::unique_ptr<Sync>> start(ledger::Rpc& rpc, EventStore& store, SyncOptions options);
  ~Sync();
  /// Follows no more; listeners are not called after it has returned. The book stays. The destructor does the same, but a
  /// listener that reaches this object through an owner that is letting it go needs it stopped before.
  void stop();
  Sync(const Sync&) = delete;
  Sync& operator=(const Sync&) = delete;

  /// Calls with the book and the newest block, the book held meanwhile: be quick.
  void read(const std::function<void(const Book& book, std::uint64_t head)>& body) const;
  /// Waits until something is newer than `seen` (a value of this function, 0 at first) or `timeout_ms` have passed. Blocks
  /// count.
  std::uint64_t wait_beyond(std::uint64_t seen, std::int64_t timeout_ms, std::stop_token stop) const;
  /// Reads on until the newest block is in the book. Errors: those of Rpc.
  Status catch_up();
  /// Adds a listener that is called after every update with the orders that it touched, by id, from Sync's thread, the book not
  /// held.
  void on_change(std::function<void(const std::vector<std::uint64_t>& orders, std::uint64_t head)> listener);
  /// Empty while the ledger answers; else what the last attempt said.
  [[nodiscard]] std::string trouble() const;

 private:
  struct State;
  explicit Sync(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::market
