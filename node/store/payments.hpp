#pragma once
#include <optional>

#include "base/money.hpp"
#include "node/store/database.hpp"

namespace koinon::node {

/// What a call was paid with, and the answer that it paid for.
struct PaymentRecord {
  base::Address payer;
  Hash nonce;                        ///< of the authorisation (ERC-3009)
  Hash request;                      ///< digest of the request
  base::Wei amount;                  ///< wei
  std::uint64_t valid_before_s = 0;  ///< from then on the authorisation moves nothing
  std::uint64_t block = 0;           ///< head of the ledger before it was settled
  Hash transaction;                  ///< that settled it; zero until then
  bool settled = false;
  int status = 0;       ///< HTTP status of the answer
  std::string headers;  ///< JSON: [[name, value], ...]
  Bytes body;
  std::int64_t updated_ms = 0;
};

/// Payments of calls. put() is durable when it returns: call it before the transaction that takes the payment is sent, so that
/// a payer gets what it paid for whatever happens between.
class Payments {
 public:
  explicit Payments(Database& database) : database_(database) {}
  /// Errors: conflict (the authorisation stands for another request, or is there already).
  Status put(const PaymentRecord& payment);
  Result<std::optional<PaymentRecord>> get(const base::Address& payer, const Hash& nonce);
  /// Marks it settled, once, and adds it to the totals. Errors: not_found.
  Status settle(const base::Address& payer, const Hash& nonce, const Hash& transaction, std::int64_t now_ms);
  Status erase(const base::Address& payer, const Hash& nonce);

  /// Forgets payments whose authorisation ended before `now_ms` and that were not touched for `keep_ms`, and the answers of the
  /// oldest settled ones beyond `most_bytes`, so that those end before their time.
  Status prune(std::int64_t now_ms, std::int64_t keep_ms, std::uint64_t most_bytes);

  /// All that was settled ever.
  struct Totals {
    std::uint64_t calls = 0;
    base::Wei earned;
  };
  Result<Totals> totals();

 private:
  Database& database_;
};

}  // namespace koinon::node
