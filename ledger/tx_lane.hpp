#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "ledger/tx_sender.hpp"

// What a TxSender does behind its interface. Internal to ledger.
namespace koinon::ledger {

/// Holds a key's lane on a chain while it lives. The list of taken lanes is the process's, as a lock file is the machine's: two
/// lanes would give one nonce twice, whichever stores and connections they were made with.
class LaneClaim {
 public:
  /// Errors: conflict (the lane is taken).
  static Result<LaneClaim> take(std::uint64_t chain_id, const Address& address);
  LaneClaim(LaneClaim&& other) noexcept : held_(std::exchange(other.held_, std::nullopt)) {}
  LaneClaim& operator=(LaneClaim&&) = delete;
  ~LaneClaim();

 private:
  using Lane = std::pair<std::uint64_t, Address>;
  explicit LaneClaim(Lane lane) : held_(lane) {}
  std::optional<Lane> held_;
};

/// Words of servers for the usual refusals.
bool is_known(const Error& error);       ///< the pool or the chain has this very transaction
bool is_nonce_used(const Error& error);  ///< the chain has one with this nonce, ours or another
bool is_transport(const Error& error);   ///< the outcome is unknown

/// A transaction goes from `pending` to `kept` when it is done, back when a reorganisation removes it, and out when it is
/// final. It is in the store as long as it is in either.
struct TxSender::State {
  State(std::unique_ptr<Rpc> rpc_in, const Key& key_in, PendingStore& store_in, const base::Clock& clock_in,
        TxOptions options_in, std::uint64_t chain_id_in, LaneClaim claim_in)
      : rpc_owner(std::move(rpc_in)),
        rpc(*rpc_owner),
        key(key_in),
        store(store_in),
        clock(clock_in),
        options(options_in),
        chain_id(chain_id_in),
        claim(std::move(claim_in)) {}

  struct Fees {
    Wei priority;
    Wei max;
  };
  /// What the last look at the chain said of fees.
  struct FeeView {
    Wei base;
    Wei priority;
    std::int64_t priority_ms = 0;  ///< when it was read; 0: never
    std::int64_t base_ms = 0;
  };
  struct Kept {
    PendingTransaction item;
    std::uint64_t block = 0;  ///< that it was found in
  };
  /// What a call and its fees cost, read at once.
  struct Terms {
    std::uint64_t gas = 0;
    Fees fees;
  };

  std::unique_ptr<Rpc> rpc_owner;
  Rpc& rpc;
  const Key& key;
  PendingStore& store;
  const base::Clock& clock;
  const TxOptions options;
  const std::uint64_t chain_id;
  const LaneClaim claim;

  std::mutex lane;  ///< held while a nonce is taken, so that nonces are sent in order; taken before `mutex`
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex:
  std::uint64_t next_nonce = 0;
  std::uint64_t after_done = 0;  ///< one above the highest nonce of ours that was ever mined
  bool resync = false;
  bool stopping = false;
  bool nudged = false;                   ///< something was sent since the last look
  std::optional<std::uint64_t> sending;  ///< nonce whose first sending is not answered yet
  std::map<std::uint64_t, PendingTransaction> pending;
  std::map<std::uint64_t, Result<Receipt>> done;
  FeeView fee_view;
  // Of the watching thread alone:
  std::map<std::uint64_t, Kept> kept;
  std::map<std::uint64_t, int> foreign;       ///< looks in a row that found a nonce used, but not by ours
  std::map<std::uint64_t, std::string> told;  ///< refusals that were logged, by nonce
  std::int64_t gap_since_ms = 0;              ///< a nonce below all of ours has been missing since; 0: none
  std::thread watcher;

  // tx_sender.cpp: taking and sending
  Result<Terms> terms(const TxRequest& request);
  Result<Fees> fees_now();
  [[nodiscard]] Result<Fees> fees_from(const FeeView& view) const;
  Status wait_for_place();
  Status read_nonce();
  Result<std::uint64_t> submit(const TxRequest& request);
  Result<std::uint64_t> send_next(const TxRequest& request, const Terms& terms);
  Result<std::uint64_t> after_refusal(const PendingTransaction& item, Error refusal);
  Status forget(std::uint64_t nonce);
  void stop();

  // tx_watch.cpp: following
  void watch();
  Status look();
  Result<std::optional<Receipt>> find_receipt(const PendingTransaction& item);
  Error reason(const PendingTransaction& item, const Receipt& receipt);
  void settle(const PendingTransaction& item, const Receipt& receipt, std::uint64_t head);
  void finish(const PendingTransaction& item, std::uint64_t block, Result<Receipt> result);
  void abandon(const PendingTransaction& item);
  Status nurse(PendingTransaction item, std::uint64_t mined_nonce, std::uint64_t head);
  Status replace(PendingTransaction& item);
  Status take_back(std::uint64_t mined_nonce);
  Status fill_gap(std::uint64_t mined_nonce);
  Status drop_final(std::uint64_t head, std::uint64_t mined_nonce);
  void tell(const PendingTransaction& item, const Error& error);
};

}  // namespace koinon::ledger
