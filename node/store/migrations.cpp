#include <SQLiteCpp/SQLiteCpp.h>

#include <array>

#include "node/store/database.hpp"

namespace koinon::node {
namespace {

/// Step i leads from version i to i + 1. A released step is never changed: a new one is added below.
constexpr std::array kSteps = {
    R"sql(
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE pending (
  sender BLOB NOT NULL, nonce INTEGER NOT NULL, label TEXT NOT NULL, raw BLOB NOT NULL, hashes BLOB NOT NULL,
  sent_ms INTEGER NOT NULL, PRIMARY KEY (sender, nonce)) WITHOUT ROWID;

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, block INTEGER NOT NULL, block_hash BLOB NOT NULL, log_index INTEGER NOT NULL,
  transaction_hash BLOB NOT NULL, contract BLOB NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0, UNIQUE (block_hash, log_index));
CREATE INDEX events_by_name ON events (name, id);
CREATE INDEX events_by_block ON events (block, log_index);

CREATE TABLE orders (
  id TEXT PRIMARY KEY, request TEXT NOT NULL, input_cid TEXT NOT NULL, input_size INTEGER NOT NULL, salt BLOB NOT NULL,
  sealed_keys BLOB NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL, created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX orders_by_state ON orders (state, created_ms);

CREATE TABLE jobs (
  order_id TEXT NOT NULL, round INTEGER NOT NULL, account BLOB NOT NULL, state TEXT NOT NULL, secret BLOB NOT NULL,
  detail TEXT NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (order_id, round, account)) WITHOUT ROWID;
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE receipts (order_id TEXT PRIMARY KEY, body TEXT NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE models (
  program BLOB PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL, artifact_cid TEXT NOT NULL, artifact_size INTEGER NOT NULL,
  price TEXT NOT NULL, licence TEXT NOT NULL, author TEXT NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE payments (
  payer BLOB NOT NULL, nonce BLOB NOT NULL, request BLOB NOT NULL, amount TEXT NOT NULL, valid_before INTEGER NOT NULL,
  block INTEGER NOT NULL, transaction_hash BLOB NOT NULL, settled INTEGER NOT NULL, answer_status INTEGER NOT NULL,
  answer_headers TEXT NOT NULL, answer_body BLOB NOT NULL, updated_ms INTEGER NOT NULL, UNIQUE (payer, nonce));
CREATE INDEX payments_by_time ON payments (updated_ms);
)sql",
};

}  // namespace

int schema_version() { return static_cast<int>(kSteps.size()); }

void migrate(SQLite::Database& connection) {
  for (;;) {
    const int version = connection.execAndGet("PRAGMA user_version").getInt();
    if (version >= schema_version()) return;
    SQLite::Transaction transaction(connection);
    connection.exec(kSteps[static_cast<std::size_t>(version)]);
    connection.exec(fmt::format("PRAGMA user_version = {}", version + 1));
    transaction.commit();
  }
}

}  // namespace koinon::node
