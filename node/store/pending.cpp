#include "node/store/pending.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace koinon::node {

using SQLite::Statement;

Status Pending::put(const ledger::PendingTransaction& transaction) {
  return database_.transact("write pending transaction", [&](SQLite::Database& c) -> Status {
    Bytes hashes;
    for (const auto& hash : transaction.hashes) hashes.insert(hashes.end(), hash.bytes.begin(), hash.bytes.end());
    Statement row(c, "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?)");
    bind_bytes(row, 1, transaction.sender.view());
    row.bind(2, static_cast<std::int64_t>(transaction.nonce));
    row.bind(3, transaction.label);
    bind_bytes(row, 4, transaction.raw);
    bind_bytes(row, 5, hashes);
    row.bind(6, transaction.sent_ms);
    row.exec();
    return {};
  });
}

Status Pending::remove(const base::Address& sender, std::uint64_t nonce) {
  return database_.transact("erase pending transaction", [&](SQLite::Database& c) -> Status {
    Statement row(c, "DELETE FROM pending WHERE sender = ? AND nonce = ?");
    bind_bytes(row, 1, sender.view());
    row.bind(2, static_cast<std::int64_t>(nonce));
    row.exec();
    return {};
  });
}

Result<std::vector<ledger::PendingTransaction>> Pending::load(const base::Address& sender) {
  std::vector<ledger::PendingTransaction> out;
  auto done = database_.use("read pending transactions", [&](SQLite::Database& c) -> Status {
    Statement rows(c, "SELECT nonce, label, raw, hashes, sent_ms FROM pending WHERE sender = ? ORDER BY nonce");
    bind_bytes(rows, 1, sender.view());
    while (rows.executeStep()) {
      ledger::PendingTransaction item;
      item.sender = sender;
      item.nonce = static_cast<std::uint64_t>(rows.getColumn(0).getInt64());
      item.label = rows.getColumn(1).getString();
      item.raw = column_bytes(rows, 2);
      const auto hashes = column_bytes(rows, 3);
      if (hashes.size() % Hash::kSize != 0) return base::fail(Code::io, "[store] {} bytes of hashes", hashes.size());
      for (std::size_t at = 0; at < hashes.size(); at += Hash::kSize)
        item.hashes.push_back(base::fixed<Hash::kSize>(base::ByteView(hashes).subspan(at, Hash::kSize)));
      item.sent_ms = rows.getColumn(4).getInt64();
      out.push_back(std::move(item));
    }
    return {};
  });
  if (!done) return base::fail(std::move(done).error());
  return out;
}

}  // namespace koinon::node
