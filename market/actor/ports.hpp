#pragma once
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/cid.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "market/book/book.hpp"
#include "market/dispute/ports.hpp"
#include "market/envelope/envelope.hpp"
#include "trust/check.hpp"
#include "work/kind.hpp"

namespace koinon::market {

class ProofLedger;

/// The accounts that an order concerns, copied from the book, so that slow work never holds it.
class Parties {
 public:
  /// The members, the publishers and the buyer of an order, and `self`.
  Parties(const Book& book, const OrderView& order, std::uint32_t self);
  [[nodiscard]] const AccountView* account(std::uint32_t id) const;

 private:
  std::map<std::uint32_t, AccountView> accounts_;
};

/// What the actors ask of the market's contracts. Every call that changes something returns when the ledger holds it.
/// Errors of all: ledger (reverted, with the contract's error by name), network, timeout.
class MarketLedger {
 public:
  virtual ~MarketLedger() = default;
  [[nodiscard]] virtual trust::OrderContext context(std::uint64_t order) const = 0;

  virtual Result<std::uint64_t> place(const Terms& terms) = 0;
  virtual Status draw(std::uint64_t order) = 0;
  virtual Status draw_audit(std::uint64_t order) = 0;
  virtual Status advance(std::uint64_t order) = 0;
  virtual Status settle(std::uint64_t order) = 0;
  virtual Status confirm(std::uint64_t order) = 0;
  virtual Status publish_input(std::uint64_t order, std::uint8_t round, std::uint32_t account, const Hash& envelope_root,
                               std::uint64_t envelope_size, const std::string& locator) = 0;
  virtual Status demand_input(std::uint64_t order, std::uint32_t account, std::uint32_t subtree) = 0;
  virtual Status answer_input(std::uint64_t order, base::ByteView data, const std::vector<Hash>& siblings) = 0;
  virtual Status commit(std::uint64_t order, std::uint8_t round, std::uint32_t account, const Hash& commitment) = 0;
  virtual Status reveal(std::uint64_t order, std::uint8_t round, const trust::Claim& claim, const Hash& result_digest,
                        std::uint64_t result_size, const Hash& salt) = 0;
  /// The bond is paid from the free balance and, where that is short, from stake that is not locked.
  virtual Status appeal(std::uint64_t order, std::uint32_t account) = 0;
  /// Offers work of `kind` at the price of `tier`, also where the offer was suspended. Stake that is short of the least that an
  /// offer takes is filled up from the free balance.
  virtual Status offer(std::uint32_t account, std::uint8_t kind, std::uint8_t tier) = 0;
  virtual Status demand_output(std::uint64_t order, std::uint32_t account, std::uint32_t tensor, std::uint32_t subtree) = 0;
  virtual Status answer_output(std::uint64_t order, base::ByteView data, const std::vector<Hash>& siblings,
                               std::uint64_t tensor_size, std::uint64_t tensor_count,
                               const std::vector<Hash>& list_siblings) = 0;
  virtual Status refute_output(std::uint64_t order, const Hash& top, std::uint64_t tensor_size, std::uint64_t tensor_count,
                               const std::vector<Hash>& list_siblings) = 0;

  /// The bytes that an answer posted, from the ledger's log. Errors also: not_found (no such log: a reorganisation took it
  /// back).
  virtual Result<base::Bytes> posted(const PostedBytes& where) = 0;
  struct Now {
    Phase phase = Phase::none;
    std::int64_t deadline = 0;  ///< Unix seconds
    std::uint64_t seed_block = 0;
  };
  virtual Result<Now> now(std::uint64_t order) = 0;
};

/// Durable notes of an actor: what it must not forget over a crash. put() returns when the note is on disk.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual Status put(const std::string& key, const std::string& json) = 0;
  virtual Result<std::optional<std::string>> get(const std::string& key) = 0;
};

/// Fetches an artifact of a known name and size from `base` ("http://host:port") and keeps it in the store. Gives a peer up
/// that is slow beyond reason, and in any case after `most_ms`.
class Fetcher {
 public:
  virtual ~Fetcher() = default;
  virtual Result<base::Bytes> fetch(const std::string& base, const base::ArtifactRef& ref, std::int64_t most_ms,
                                    std::stop_token stop) = 0;
};

/// What a provider takes on at most, in bytes.
struct Appetite {
  std::uint64_t spec = std::uint64_t{1} << 30;    ///< artifact of the spec
  std::uint64_t input = std::uint64_t{64} << 20;  ///< plain input
};

/// Everything that an actor works with. All outlive it.
struct Services {
  MarketLedger* ledger = nullptr;
  DisputeLedger* disputes = nullptr;  ///< null: the market has no optimistic check
  TracePeers* peers = nullptr;        ///< as disputes
  ProofLedger* proofs = nullptr;      ///< null: the market has no contract that checks proofs
  Journal* journal = nullptr;
  base::ArtifactStore* artifacts = nullptr;
  Fetcher* fetcher = nullptr;
  const base::Clock* clock = nullptr;
  base::Random* random = nullptr;
  const work::KindSet* kinds = nullptr;
  const trust::CheckSet* checks = nullptr;
  base::ThreadPool* pool = nullptr;
  const BoxPair* box = nullptr;
  std::function<base::FixedBytes<65>(const Hash& digest)> sign;  ///< by the operator's key
  std::uint32_t account = 0;                                     ///< our own
  Appetite appetite;
  std::string endpoint;  ///< where others fetch our artifacts, "http://host:port"
};

}  // namespace koinon::market
