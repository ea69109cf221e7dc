#include "ledger/pending_store.hpp"

namespace koinon::ledger {

Status MemoryPendingStore::put(const PendingTransaction& transaction) {
  const std::lock_guard lock(mutex_);
  items_[{transaction.sender, transaction.nonce}] = transaction;
  return {};
}

Status MemoryPendingStore::remove(const Address& sender, std::uint64_t nonce) {
  const std::lock_guard lock(mutex_);
  items_.erase({sender, nonce});
  return {};
}

Result<std::vector<PendingTransaction>> MemoryPendingStore::load(const Address& sender) {
  const std::lock_guard lock(mutex_);
  std::vector<PendingTransaction> out;
  for (const auto& [key, item] : items_)
    if (key.first == sender) out.push_back(item);
  return out;
}

}  // namespace koinon::ledger
