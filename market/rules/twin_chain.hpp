#pragma once
#include <map>
#include <optional>
#include <string>

#include "ledger/contracts/idisputes.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/contracts/work_market.hpp"
#include "ledger/local/anvil.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::market::rules {

/// The contracts on a chain of their own where one hand owns every account, each call is a block, and time passes when told to.
class TwinChain {
 public:
  explicit TwinChain(const MarketConfig& config);

  /// Sends a call; its receipt when it was taken, nothing when the contract refused it.
  std::optional<ledger::Receipt> send(const base::Result<ledger::TxRequest>& request);
  /// The next block is `seconds` later.
  void pass(std::uint64_t seconds);

  [[nodiscard]] ledger::contracts::Registry& registry() { return *registry_; }
  [[nodiscard]] ledger::contracts::WorkMarket& market() { return *market_; }
  [[nodiscard]] ledger::contracts::IDisputes& disputes() { return *disputes_; }
  [[nodiscard]] const base::Address& self() const { return self_; }
  [[nodiscard]] trust::OrderContext context() const;

 private:
  std::unique_ptr<ledger::local::Anvil> anvil_;
  base::Address self_;
  std::unique_ptr<ledger::contracts::Registry> registry_;
  std::unique_ptr<ledger::contracts::WorkMarket> market_;
  std::unique_ptr<ledger::contracts::IDisputes> disputes_;
};

}  // namespace koinon::market::rules
