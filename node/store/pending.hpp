#pragma once
#include "ledger/pending_store.hpp"
#include "node/store/database.hpp"

namespace koinon::node {

/// Pending transactions in the database: durable when put() returns.
class Pending final : public ledger::PendingStore {
 public:
  explicit Pending(Database& database) : database_(database) {}
  Status put(const ledger::PendingTransaction& transaction) override;
  Status remove(const base::Address& sender, std::uint64_t nonce) override;
  Result<std::vector<ledger::PendingTransaction>> load(const base::Address& sender) override;

 private:
  Database& database_;
};

}  // namespace koinon::node
