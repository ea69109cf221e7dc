#pragma once
#include <optional>

#include "base/cid.hpp"
#include "base/money.hpp"
#include "node/store/database.hpp"

namespace koinon::node {

/// Values by key: small things that are nobody's own table.
class Settings {
 public:
  explicit Settings(Database& database) : database_(database) {}
  Result<std::optional<std::string>> get(std::string_view key);
  Status set(std::string_view key, std::string_view value);
  Status erase(std::string_view key);

 private:
  Database& database_;
};

/// An order that this node bought. The market gives the texts of `state` and `detail` (JSON) their meaning.
struct OrderRecord {
  std::string id;       ///< of the ledger, or a local name until it has one
  std::string request;  ///< JSON
  std::optional<base::ArtifactRef> input;
  Hash salt;          ///< of the input's root
  Bytes sealed_keys;  ///< keys of the input, encrypted under the node's own key
  std::string state;
  std::string detail;
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
};

/// Durable when put() returns.
class Orders {
 public:
  explicit Orders(Database& database) : database_(database) {}
  /// Inserts or replaces.
  Status put(const OrderRecord& order);
  /// Gives a local order its id of the ledger, keeping all else. Errors: not_found, conflict (that id is taken).
  Status rename(std::string_view from, std::string_view to);
  /// Moves on only when the state is still `from`. Errors: not_found, conflict.
  Status advance(std::string_view id, std::string_view from, std::string_view to, std::string_view detail, std::int64_t now_ms);
  /// Errors: not_found.
  Result<OrderRecord> get(std::string_view id);
  /// Newest first; all states when `state` is empty.
  Result<std::vector<OrderRecord>> list(std::string_view state = {}, std::size_t limit = 1000);

 private:
  Database& database_;
};

/// A provider's or juror's own part in one round of an order.
struct JobRecord {
  std::string order;
  std::uint32_t round = 0;
  base::Address account;
  std::string state;
  Bytes secret;  ///< opening of the commitment: whoever loses it cannot reveal, and loses the stake
  std::string detail;
  std::int64_t updated_ms = 0;
};

/// put() is durable when it returns: call it before the transaction that commits is sent.
class Jobs {
 public:
  explicit Jobs(Database& database) : database_(database) {}
  /// Inserts or replaces. A secret that is there already is never replaced by another (conflict): a commitment to it may be on
  /// its way to the ledger.
  Status put(const JobRecord& job);
  /// Errors: not_found.
  Result<JobRecord> get(std::string_view order, std::uint32_t round, const base::Address& account);
  /// All states when `state` is empty.
  Result<std::vector<JobRecord>> list(std::string_view state = {});
  Status erase(std::string_view order, std::uint32_t round, const base::Address& account);

 private:
  Database& database_;
};

struct ReceiptRecord {
  std::string order;
  std::string body;  ///< JSON
  std::int64_t created_ms = 0;
};

class Receipts {
 public:
  explicit Receipts(Database& database) : database_(database) {}
  Status put(const ReceiptRecord& receipt);
  /// Errors: not_found.
  Result<ReceiptRecord> get(std::string_view order);
  /// Newest first.
  Result<std::vector<ReceiptRecord>> list(std::size_t limit = 1000);

 private:
  Database& database_;
};

struct ModelRecord {
  Hash program;
  std::string name;
  std::string card;  ///< JSON
  base::ArtifactRef artifact;
  base::Wei price;  ///< of one run
  std::string licence;
  std::string author;
  std::int64_t created_ms = 0;
};

class Models {
 public:
  explicit Models(Database& database) : database_(database) {}
  Status put(const ModelRecord& model);
  /// Errors: not_found.
  Result<ModelRecord> get(const Hash& program);
  /// By name.
  Result<std::vector<ModelRecord>> list();
  Status erase(const Hash& program);

 private:
  Database& database_;
};

}  // namespace koinon::node
