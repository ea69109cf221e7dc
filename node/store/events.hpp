#pragma once
#include <optional>

#include "node/store/database.hpp"

namespace koinon::node {

/// An event of a contract, as the ledger's log index reported it.
struct EventRecord {
  std::uint64_t id = 0;  ///< grows with every event stored; given by the store
  std::uint64_t block = 0;
  Hash block_hash;
  std::uint32_t log_index = 0;
  Hash transaction_hash;
  base::Address contract;
  std::string name{};
  std::string args;      ///< JSON object
  bool removed = false;  ///< its block left the chain
};

/// Which events to read; what is empty does not narrow.
struct EventQuery {
  std::uint64_t after_id = 0;
  std::string name{};
  std::optional<base::Address> contract{};
  bool with_removed = false;
  std::size_t limit = 1000;
};

/// Events and the cursors of those who follow them. (block hash, log index) is an event's key: storing one twice changes
/// nothing.
class Events {
 public:
  explicit Events(Database& database) : database_(database) {}
  /// Marks the events of `removed_blocks`, stores `added`, saves the cursor: all of it or nothing.
  Status apply(const std::vector<Hash>& removed_blocks, const std::vector<EventRecord>& added, std::string_view cursor_name,
               std::string_view cursor);
  /// In order of id.
  Result<std::vector<EventRecord>> list(const EventQuery& query);
  Result<std::optional<std::string>> cursor(std::string_view name);

 private:
  Database& database_;
};

}  // namespace koinon::node
