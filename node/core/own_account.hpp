#pragma once
#include <functional>

#include "ledger/tx_sender.hpp"
#include "market/onchain/onchain.hpp"
#include "market/sync/sync.hpp"
#include "node/config/config.hpp"
#include "node/store/store.hpp"
#include "work/kind.hpp"

namespace koinon::node {

/// The account that a node acts for: opened, funded and staked once, whatever kill -9 interrupts.
///
/// 1. Before anything is opened, paid in or staked, every transaction of an earlier run is done and in the book. A transaction
///    is on disk before it is sent, so what the book then says is all that there is.
/// 2. The account's id, and that it got its working balance, are on disk once they are known.
/// 3. Only an account that our own key opened is taken for ours, or one that the configuration names: anyone may open an
/// account
///    and name any key as its operator, and what is paid into it belongs to its owner.
class OwnAccount {
 public:
  /// What it works with. All outlive it.
  struct Means {
    ledger::TxSender* sender = nullptr;
    market::Accounts* accounts = nullptr;
    market::Sync* sync = nullptr;
    Store* store = nullptr;
    const base::Clock* clock = nullptr;
    std::string ledger;                                   ///< chain and registry, of which an id is one
    std::function<base::Status(const base::Wei&)> grant;  ///< tokens for our address from a faucet; empty: there is none
  };
  explicit OwnAccount(Means means) : m_(std::move(means)) {}

  /// Finds or opens the account, and where tokens are free pays in `working` once. `configured`: its id, 0 when it is to be
  /// found. Returns the id. Errors: unauthorised (the configured account has another operator and owner), timeout (transactions
  /// of an earlier run stay pending), those of the ledger.
  base::Result<std::uint32_t> open(std::uint32_t configured, const base::Wei& working);
  /// Stakes up to what is wanted, keeps endpoint and key current, and offers the kinds at their price.
  /// `least_stake`: what the market asks. Errors: not_found (kind), out_of_range (price), those of the ledger.
  base::Status sell(const ProviderConfig& provider, const base::Wei& least_stake, const std::string& endpoint,
                    const market::BoxKey& key, const work::KindSet& kinds);

 private:
  base::Status finish_earlier();
  base::Status remember(std::uint32_t id, bool funded);
  base::Result<std::uint32_t> find_or_open(std::uint32_t remembered);
  base::Status ensure_balance(const base::Wei& needed);
  [[nodiscard]] market::AccountView view() const;

  const Means m_;
  std::uint32_t id_ = 0;
};

}  // namespace koinon::node
