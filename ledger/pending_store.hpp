#pragma once
#include <map>
#include <mutex>
#include <optional>

#include "ledger/transaction.hpp"

namespace koinon::ledger {

/// A transaction that has been signed and is not final yet. (sender, nonce) is its key.
struct PendingTransaction {
  Address sender;
  std::uint64_t nonce = 0;
  std::string label;         ///< what it is for, the caller's own words; up to 200 bytes
  Bytes raw;                 ///< the newest version
  std::vector<Hash> hashes;  ///< of every version ever sent, oldest first: any of them may be mined
  std::int64_t sent_ms = 0;  ///< when the newest version was made, Unix milliseconds
};

/// Where pending transactions survive a crash. put() returns when the record is durable; a transaction is sent only after that,
/// so kill -9 forgets none. Thread-safe.
class PendingStore {
 public:
  virtual ~PendingStore() = default;
  virtual Status put(const PendingTransaction& transaction) = 0;
  virtual Status remove(const Address& sender, std::uint64_t nonce) = 0;
  /// All of one sender, by nonce.
  virtual Result<std::vector<PendingTransaction>> load(const Address& sender) = 0;
};

/// Keeps them in memory: for tests and one-off tools.
class MemoryPendingStore final : public PendingStore {
 public:
  Status put(const PendingTransaction& transaction) override;
  Status remove(const Address& sender, std::uint64_t nonce) override;
  Result<std::vector<PendingTransaction>> load(const Address& sender) override;

 private:
  std::mutex mutex_;
  std::map<std::pair<Address, std::uint64_t>, PendingTransaction> items_;
};

}  // namespace koinon::ledger
