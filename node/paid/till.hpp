#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <variant>

#include "base/clock.hpp"
#include "ledger/tx_sender.hpp"
#include "net/http.hpp"
#include "node/paid/message.hpp"
#include "node/store/payments.hpp"

namespace koinon::node::paid {

struct TillOptions {
  Wei price;                          ///< of one call, beside what its request adds
  std::uint32_t max_timeout_s = 120;  ///< that a payer's authorisation should last
  std::uint32_t confirmations = 1;    ///< blocks that hold a payment, its own included, before the answer leaves
  std::size_t max_calls = 16;         ///< paid calls under way at once
  std::string endpoint;               ///< the node's public URL; empty: as the request's Host says
  std::int64_t wait_ms = 60'000;      ///< for a settlement; then the payer asks again
};

/// Sells calls: takes the payments of x402 (scheme exact, ERC-3009), a facilitator built in.
///
/// 1. An answer leaves only when its payment is on the ledger; a payment is taken only for a run that succeeded:
///    verify, run, settle, answer.
/// 2. One authorisation buys one answer, and an answer is sold for one authorisation: another one of its nonce gets nothing.
///    The answer is on disk before the transaction that takes the payment is sent, so that the same request with the same
///    payment gets it again, also after kill -9, and for a day once it is settled. A payment that is neither on the ledger nor
///    on its way (its transaction reverted, say) stands every check again.
/// 3. Whoever sends the transaction (it is public once it is signed), the payment counts when the token says that it was used.
/// 4. What one payer has under way at once is covered by its balance.
/// Thread-safe.
class Till {
 public:
  /// What it works with; all outlive it.
  struct Means {
    ledger::Rpc* rpc = nullptr;
    ledger::TxSender* sender = nullptr;
    Payments* payments = nullptr;
    const base::Clock* clock = nullptr;
    Address token;
    std::uint64_t chain_id = 0;
    std::function<Result<Address>()> pay_to;  ///< who gets the payments
  };
  using Run = std::function<Result<net::HttpResponse>()>;
  /// What a request costs beside the price of a call, wei.
  using Cost = std::function<Result<Wei>()>;

  /// Reads from the ledger how the token is signed for. Errors: unsupported (a token without ERC-3009, or with an unusual
  /// domain), those of the ledger and of pay_to.
  static Result<std::unique_ptr<Till>> open(Means means, TillOptions options);
  ~Till();
  Till(const Till&) = delete;
  Till& operator=(const Till&) = delete;

  /// The answer to a call that brings no payment, or none of any use, before its body is read; nothing when it may go on. Asks
  /// nobody, so that it never waits. `fixed_price`: the body adds nothing to the price, so that it can be told without it.
  /// Errors: malformed, out_of_range and unsupported (the payment).
  Result<std::optional<net::HttpResponse>> refusal(const net::HttpRequest& request, bool fixed_price);
  /// Verifies, runs, settles, answers. What `run` fails with, or answers with a status other than 2xx, is given as it is, and
  /// nothing is taken. Errors: those of refusal(), of the ledger and of the store; not_found (an answer that is kept no
  /// longer).
  Result<net::HttpResponse> serve(const net::HttpRequest& request, const Cost& cost, const Run& run);

  /// How a call is paid that costs `more` than the price. Errors: out_of_range.
  Result<Requirements> requirements(const Wei& more = {});
  /// Whether a payment could be settled now: signature, terms, time, balance, nonce, and a simulation. Errors: those of the
  /// ledger.
  Result<std::optional<Refusal>> verify(const Payment& payment, const Requirements& wanted);

 private:
  class Turn;
  struct Paid {
    Payment payment;
    Requirements wanted;
  };

  Till(Means means, TillOptions options);
  base::Status follow_payout();
  net::HttpResponse ask(const net::HttpRequest& request, const Requirements& wanted, const Refusal& why) const;
  Result<std::variant<Paid, net::HttpResponse>> read(const net::HttpRequest& request, const Wei& more);
  Result<net::HttpResponse> take(const net::HttpRequest& request, const Paid& paid, const Run& run);
  Result<net::HttpResponse> sell(const net::HttpRequest& request, const Paid& paid, const Hash& digest, const Run& run);
  Result<net::HttpResponse> hand_over(const net::HttpRequest& request, const Paid& paid, PaymentRecord record);
  Result<bool> is_under_way(const Authorization& authorization) const;
  Result<std::optional<Refusal>> check_ledger(const Payment& payment, const Wei& reserved);
  Result<Hash> settle(const Payment& payment, const PaymentRecord& record);
  Result<Hash> find_use(const Authorization& authorization, std::uint64_t since);
  base::Status confirm(const Hash& transaction);
  Result<ledger::TxRequest> transfer(const Authorization& authorization) const;
  void prune();

  const Means m_;
  const TillOptions options_;
  std::mutex mutex_;
  Requirements wanted_;                      ///< guarded by mutex_
  std::set<std::pair<Address, Hash>> busy_;  ///< guarded by mutex_: payments under way
  std::map<Address, Wei> reserved_;          ///< guarded by mutex_: by payer, of payments under way
  std::uint32_t since_prune_ = 0;            ///< guarded by mutex_
};

}  // namespace koinon::node::paid
