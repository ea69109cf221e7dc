#include "node/store/events.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace koinon::node {
namespace {

using SQLite::Statement;

void insert(SQLite::Database& c, const EventRecord& event) {
  Statement row(c,
                "INSERT INTO events (block, block_hash, log_index, transaction_hash, contract, name, args, removed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (block_hash, log_index) DO UPDATE SET removed = 0");
  row.bind(1, static_cast<std::int64_t>(event.block));
  bind_bytes(row, 2, event.block_hash.view());
  row.bind(3, event.log_index);
  bind_bytes(row, 4, event.transaction_hash.view());
  bind_bytes(row, 5, event.contract.view());
  row.bind(6, event.name);
  row.bind(7, event.args);
  row.exec();
}

Result<EventRecord> event_of(Statement& row) {
  EventRecord out;
  out.id = static_cast<std::uint64_t>(row.getColumn(0).getInt64());
  out.block = static_cast<std::uint64_t>(row.getColumn(1).getInt64());
  KOINON_TRY(out.block_hash, column_hash(row, 2));
  out.log_index = row.getColumn(3).getUInt();
  KOINON_TRY(out.transaction_hash, column_hash(row, 4));
  const auto contract = column_bytes(row, 5);
  if (contract.size() != base::Address::kSize) return base::fail(Code::io, "[store] an address of {} bytes", contract.size());
  out.contract = base::fixed<base::Address::kSize>(contract);
  out.name = row.getColumn(6).getString();
  out.args = row.getColumn(7).getString();
  out.removed = row.getColumn(8).getInt() != 0;
  return out;
}

}  // namespace

Status Events::apply(const std::vector<Hash>& removed_blocks, const std::vector<EventRecord>& added,
                     std::string_view cursor_name, std::string_view cursor) {
  return database_.transact("write events", [&](SQLite::Database& c) -> Status {
    for (const auto& block : removed_blocks) {
      Statement row(c, "UPDATE events SET removed = 1 WHERE block_hash = ?");
      bind_bytes(row, 1, block.view());
      row.exec();
    }
    for (const auto& event : added) insert(c, event);
    Statement row(c, "INSERT OR REPLACE INTO cursors VALUES (?, ?)");
    row.bind(1, std::string(cursor_name));
    row.bind(2, std::string(cursor));
    row.exec();
    return {};
  });
}

Result<std::vector<EventRecord>> Events::list(const EventQuery& query) {
  std::vector<EventRecord> out;
  auto done = database_.use("read events", [&](SQLite::Database& c) -> Status {
    std::string sql =
        "SELECT id, block, block_hash, log_index, transaction_hash, contract, name, args, removed FROM events WHERE id > ?1";
    if (!query.name.empty()) sql += " AND name = ?2";
    if (query.contract) sql += " AND contract = ?3";
    if (!query.with_removed) sql += " AND removed = 0";
    Statement rows(c, sql + " ORDER BY id LIMIT ?4");
    rows.bind(1, static_cast<std::int64_t>(query.after_id));
    if (!query.name.empty()) rows.bind(2, query.name);
    if (query.contract) bind_bytes(rows, 3, query.contract->view());
    rows.bind(4, static_cast<std::int64_t>(std::min<std::size_t>(query.limit, 1'000'000)));
    while (rows.executeStep()) {
      KOINON_TRY(auto event, event_of(rows));
      out.push_back(std::move(event));
    }
    return {};
  });
  if (!done) return base::fail(std::move(done).error());
  return out;
}

Result<std::optional<std::string>> Events::cursor(std::string_view name) {
  std::optional<std::string> out;
  auto done = database_.use("read cursor", [&](SQLite::Database& c) -> Status {
    Statement row(c, "SELECT value FROM cursors WHERE name = ?");
    row.bind(1, std::string(name));
    if (row.executeStep()) out = row.getColumn(0).getString();
    return {};
  });
  if (!done) return base::fail(std::move(done).error());
  return out;
}

}  // namespace koinon::node
