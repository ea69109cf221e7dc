#pragma once
#include <atomic>
#include <functional>
#include <optional>

#include "market/onchain/onchain.hpp"
#include "market/sync/sync.hpp"
#include "node/store/store.hpp"

namespace koinon::node {

/// How a provider goes without being slashed for it: no new orders, and an end to those that it has.
///
/// 1. What was offered is noted before it is withdrawn, so that the next start offers it again, whatever interrupts this one.
/// 2. Waits are bounded: an order that takes longer is left, and named.
class Farewell {
 public:
  /// All outlive it.
  struct Means {
    market::Accounts* accounts = nullptr;
    market::Sync* sync = nullptr;
    Store* store = nullptr;
    ledger::TxSender* sender = nullptr;
    const base::Clock* clock = nullptr;
    std::uint32_t account = 0;
    std::string ledger;  ///< chain and registry, of which the account is one
  };
  using Tell = std::function<void(const std::string& line)>;

  explicit Farewell(Means means) : m_(std::move(means)) {}

  /// Withdraws the account's offers, then waits until it owes nothing more to an order or `seconds` have passed. `tell` gets a
  /// line whenever what is waited for changes.
  void leave(std::uint32_t seconds, const Tell& tell);
  /// Offers again what leave() withdrew; of a provider, whose offers come from its configuration, only forgets it.
  base::Status come_back(bool provider);

 private:
  bool withdraw(std::int64_t until_ms, const Tell& tell);
  base::Status withdraw_all();
  [[nodiscard]] std::string owed() const;

  const Means m_;
};

}  // namespace koinon::node
