#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "ledger/pending_store.hpp"
#include "ledger/rpc.hpp"

namespace koinon::ledger {

/// What a contract call or transfer asks for; the bindings make these.
struct TxRequest {
  std::optional<Address> to;  ///< absent: creates a contract
  Bytes data;
  Wei value;
  std::string label;            ///< kept in PendingTransaction::label
  std::uint64_t gas_limit = 0;  ///< 0: estimated
  std::uint64_t extra_gas = 0;  ///< on top of the estimate: for a call that may come to do more than it would now
};

struct TxOptions {
  std::uint64_t confirmations = 1;          ///< blocks, its own included, until a transaction counts as done
  std::int64_t stuck_after_ms = 30'000;     ///< not mined for so long: replaced with fees 12.5% higher (at least)
  std::uint64_t gas_margin_percent = 25;    ///< on top of the estimate
  std::uint64_t max_gas = 16'777'216;       ///< EIP-7825
  std::uint64_t base_fee_multiple = 2;      ///< max fee = multiple * base fee + priority fee
  Wei fee_cap{500'000'000'000};             ///< wei a gas; never bid more
  std::size_t max_in_flight = 64;           ///< further submits wait
  std::int64_t poll_ms = 200;               ///< how often the chain is asked
  std::int64_t idle_ms = 1'000;             ///< the same, while all is done but not yet final
  std::int64_t submit_timeout_ms = 60'000;  ///< waiting for a free place in flight
  std::int64_t fee_ms = 1'000;              ///< how long a base fee that was read serves
  std::uint64_t finality_depth = 64;        ///< blocks that no reorganisation removes
};

/// Sends transactions of one key: one nonce lane.
///
/// 1. Nonces are allocated here, without gaps, under one lock; after an error the lane is read anew from the chain.
/// 2. A transaction is durable in the PendingStore before it is sent, and leaves it only when it is `finality_depth` blocks
/// deep. Its
///    waiters are told when `confirmations` blocks hold it.
/// 3. Dropped ones are sent again, stuck ones are replaced at a higher fee. What a reorganisation removes, done or not, is sent
///    again in the order of nonces, also after a restart, so that the lane never waits on a gap; a missing nonce of which
///    nothing is known here is filled with an empty transaction after `stuck_after_ms`.
/// 4. If another transaction with the nonce was mined (somebody else uses the key), waiters get `conflict`.
/// 5. One sender a key and chain in a process; keeping other processes away is the caller's (the node locks its folder).
class TxSender {
 public:
  /// Starts the lane and its watching thread; takes up what the store holds. `key`, `store` and `clock` must outlive it; of
  /// `rpc` it takes a share. Errors: conflict (the key has a sender), those of Rpc and the store.
  static Result<std::unique_ptr<TxSender>> start(Rpc& rpc, const Key& key, PendingStore& store, const base::Clock& clock,
                                                 TxOptions options = {});
  /// Stops watching; what is pending stays in the store. No other call may be running: stop() ends them.
  ~TxSender();
  TxSender(const TxSender&) = delete;
  TxSender& operator=(const TxSender&) = delete;

  [[nodiscard]] const Address& address() const;
  /// Signs what needs no transaction of its own (typed data, EIP-712) with the lane's key.
  [[nodiscard]] Signature sign_digest(const Hash& digest) const;
  [[nodiscard]] std::size_t in_flight() const;
  /// The nonce under which a transaction with these call data is sent and not done yet, perhaps since before a restart: for
  /// calls that must not be made twice.
  [[nodiscard]] std::optional<std::uint64_t> sent(const Bytes& data) const;

  /// Estimates, signs, stores and sends; returns the nonce, by which wait() finds it. A revert at estimation is an error here
  /// and nothing is sent. Errors: ledger (would revert, refused), exhausted (no place in flight), those of Rpc.
  Result<std::uint64_t> submit(const TxRequest& request);
  /// Waits until the transaction is done. Errors: ledger (mined but reverted, with the reason), conflict, timeout (it stays
  /// pending), cancelled.
  Result<Receipt> wait(std::uint64_t nonce, std::int64_t timeout_ms = 120'000);
  /// Ends running and later calls with `cancelled`, at once; what is pending stays in the store. Thread-safe.
  void stop();
  /// submit and wait.
  Result<Receipt> send(const TxRequest& request, std::int64_t timeout_ms = 120'000);

 private:
  struct State;
  explicit TxSender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace koinon::ledger
