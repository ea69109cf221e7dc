#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

#include "base/bytes.hpp"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace koinon::node {

using base::Bytes;
using base::Code;
using base::Hash;
using base::Result;
using base::Status;

/// One SQLite file: WAL, synchronous FULL (a committed transaction survives a power cut), foreign keys, one connection behind
/// one lock, so that there is one writer. What throws inside becomes an Error here.
class Database {
 public:
  /// Opens or creates the file, checks it, and brings its schema to this version; a copy is made before. Errors: io (damaged,
  /// or cannot be opened; the text says what to do), unsupported (written by a newer version), conflict (another process has
  /// it).
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `body` with the connection, alone. `what` begins the text of an error. Errors: io, conflict, exhausted (disk full),
  /// and what the body returns.
  Status use(std::string_view what, const std::function<Status(SQLite::Database&)>& body);
  /// As use(), within a transaction: all of it or nothing. May be nested; an inner failure undoes the inner part only.
  Status transact(std::string_view what, const std::function<Status(SQLite::Database&)>& body);

 private:
  explicit Database(std::filesystem::path path);
  Status prepare();

  const std::filesystem::path path_;
  std::recursive_mutex lock_;                     ///< recursive, so that repositories work inside Store::together
  std::unique_ptr<SQLite::Database> connection_;  ///< guarded by lock_
  int depth_ = 0;                                 ///< guarded by lock_: open transactions
};

/// The schema's version after all migrations.
int schema_version();
/// Brings a database from its version to schema_version(), each step in a transaction of its own. Throws SQLite::Exception.
void migrate(SQLite::Database& connection);

/// Binds bytes, the empty ones too (SQLite would take an empty pointer for NULL).
void bind_bytes(SQLite::Statement& statement, int index, base::ByteView bytes);
/// Bytes of a column.
Bytes column_bytes(SQLite::Statement& statement, int index);
/// A column of exactly 32 bytes, or zero when it is empty. Errors: io on another size.
Result<Hash> column_hash(SQLite::Statement& statement, int index);

}  // namespace koinon::node
