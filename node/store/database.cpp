#include "node/store/database.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "node/store/examine.hpp"

namespace koinon::node {
namespace {

constexpr int kApplicationId = 0x4B4F494E;  // "KOIN": tells our files from other SQLite files
constexpr int kBusyMs = 5000;

/// Commits on success, undoes on every other way out.
class Savepoint {
 public:
  Savepoint(SQLite::Database& connection, int depth) : connection_(connection), depth_(depth) {
    connection_.exec(depth == 0 ? "BEGIN IMMEDIATE" : fmt::format("SAVEPOINT s{}", depth));
  }
  ~Savepoint() {
    if (done_) return;
    // tryExec, because a full disk may have undone the transaction already.
    if (depth_ == 0)
      (void)connection_.tryExec("ROLLBACK");
    else
      (void)connection_.tryExec(fmt::format("ROLLBACK TO s{0}; RELEASE s{0}", depth_));
  }
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void commit() {
    connection_.exec(depth_ == 0 ? "COMMIT" : fmt::format("RELEASE s{}", depth_));
    done_ = true;
  }

 private:
  SQLite::Database& connection_;
  const int depth_;
  bool done_ = false;
};

base::Error damaged_store(const std::filesystem::path& path, std::string_view what) {
  return {Code::io,
          fmt::format("[store] {} is damaged ({}). Stop the node, move this file and its -wal and -shm away, then put a backup "
                      "({}.v*.backup) in its place or start without it: orders, claims and payments are read again from the "
                      "ledger, but secrets of jobs that were not revealed yet are lost, so keep the damaged file",
                      path.string(), what, path.string())};
}

/// Errors unless a file that holds something is ours, and not of a newer program.
Status check_origin(const std::filesystem::path& path, SQLite::Database& c) {
  const int version = c.execAndGet("PRAGMA user_version").getInt();
  if (c.execAndGet("PRAGMA application_id").getInt() != kApplicationId)
    return base::fail(Code::unsupported, "[store] {} is a database of another program", path.string());
  if (version > schema_version())
    return base::fail(Code::unsupported,
                      "[store] {} has schema version {}, this program knows {}: use the newer program, or the "
                      "backup that it made",
                      path.string(), version, schema_version());
  return {};
}

/// The error of an exception.
base::Error error_of(const std::filesystem::path& path, std::string_view what, const SQLite::Exception& e) {
  switch (e.getErrorCode()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return damaged_store(path, e.what());
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::conflict, fmt::format("[store] {}: {} is in use by another process", what, path.string())};
    case SQLITE_FULL: return {Code::exhausted, fmt::format("[store] {}: no space left for {}", what, path.string())};
    default: return {Code::io, fmt::format("[store] {}: {}: {}", what, path.string(), e.what())};
  }
}

}  // namespace

Database::Database(std::filesystem::path path) : path_(std::move(path)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path) {
  if (path.has_parent_path()) KOINON_CHECK(base::make_folder(path.parent_path()));
  std::unique_ptr<Database> out(new Database(path));
  KOINON_CHECK(out->use("open", [&](SQLite::Database&) { return Status{}; }));
  return out;
}

Status Database::prepare() {
  connection_ = std::make_unique<SQLite::Database>(path_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs);
  auto& c = *connection_;
  // Salts and openings of commitments are its user's alone, whatever the folder is open to; the log takes its mode from this
  // file.
  std::error_code ignored;
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  const bool fresh = c.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
  const int version = c.execAndGet("PRAGMA user_version").getInt();
  if (!fresh) KOINON_CHECK(check_origin(path_, c));
  c.exec("PRAGMA locking_mode = EXCLUSIVE");  // one node a data folder
  c.exec("PRAGMA journal_mode = WAL");
  c.exec("PRAGMA synchronous = FULL");
  c.exec("PRAGMA foreign_keys = ON");
  const std::string check = c.execAndGet("PRAGMA quick_check(1)").getString();
  if (check != "ok") return base::fail(damaged_store(path_, check));
  if (!fresh && version < schema_version()) {
    const auto backup = fmt::format("{}.v{}.backup", path_.string(), version);
    std::filesystem::remove(backup);
    SQLite::Statement copy(c, "VACUUM INTO ?");
    copy.bind(1, backup);
    copy.exec();
    base::log_info("[store] schema {} to {}; a copy of before is {}", version, schema_version(), backup);
  }
  c.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  migrate(c);
  return {};
}

Status Database::use(std::string_view what, const std::function<Status(SQLite::Database&)>& body) {
  const std::lock_guard hold(lock_);
  try {
    if (!connection_) {
      if (auto ready = prepare(); !ready) {
        connection_.reset();
        return ready;
      }
    }
    return body(*connection_);
  } catch (const SQLite::Exception& e) {
    return base::fail(error_of(path_, what, e));
  } catch (const std::exception& e) {
    return base::fail(Code::io, "[store] {}: {}: {}", what, path_.string(), e.what());
  }
}

Status Database::transact(std::string_view what, const std::function<Status(SQLite::Database&)>& body) {
  return use(what, [&](SQLite::Database& connection) -> Status {
    Savepoint savepoint(connection, depth_);
    struct Depth {
      explicit Depth(int& v) : value(++v) {}
      ~Depth() { --value; }
      int& value;
    };
    {
      const Depth deeper(depth_);
      if (auto done = body(connection); !done) return done;
    }
    savepoint.commit();
    return {};
  });
}

Result<StoreReport> examine_store(const std::filesystem::path& path) {
  std::error_code error;
  StoreReport out;
  out.size = std::filesystem::file_size(path, error);
  if (error) return base::fail(Code::not_found, "[store] {} cannot be read: {}", path.string(), error.message());
  try {
    SQLite::Database c(path.string(), SQLite::OPEN_READONLY);
    KOINON_CHECK(check_origin(path, c));
    out.version = c.execAndGet("PRAGMA user_version").getInt();
    const std::string check = c.execAndGet("PRAGMA quick_check(1)").getString();
    if (check != "ok") return base::fail(damaged_store(path, check));
  } catch (const SQLite::Exception& e) {
    auto known = error_of(path, "examine", e);
    if (known.code != Code::conflict) return base::fail(std::move(known));
    out.in_use = true;
  }
  return out;
}

struct StoreHold::State {
  std::filesystem::path path;
  std::unique_ptr<SQLite::Database> connection;
};

StoreHold::~StoreHold() = default;

Result<std::unique_ptr<StoreHold>> StoreHold::take(const std::filesystem::path& path) {
  KOINON_TRY(const auto report, examine_store(path));
  if (report.in_use)
    return base::fail(Code::conflict, "[store] {} is in use: stop the node that runs on this folder first", path.string());
  std::unique_ptr<StoreHold> out(new StoreHold);
  out->state_ = std::make_unique<State>();
  out->state_->path = path;
  try {
    out->state_->connection = std::make_unique<SQLite::Database>(path.string(), SQLite::OPEN_READWRITE);
    auto& c = *out->state_->connection;
    c.exec("PRAGMA locking_mode = EXCLUSIVE");
    c.exec("BEGIN IMMEDIATE");  // in this mode the lock stays after the transaction
    c.exec("COMMIT");
  } catch (const SQLite::Exception& e) {
    return base::fail(error_of(path, "hold", e));
  }
  return out;
}

Status StoreHold::copy(const std::filesystem::path& to) {
  std::error_code error;
  if (std::filesystem::exists(to, error)) return base::fail(Code::conflict, "[store] {} is there already", to.string());
  try {
    SQLite::Statement copy(*state_->connection, "VACUUM INTO ?");
    copy.bind(1, to.string());
    copy.exec();
  } catch (const SQLite::Exception& e) {
    return base::fail(error_of(state_->path, "copy", e));
  }
  std::filesystem::permissions(to, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  return {};
}

void bind_bytes(SQLite::Statement& statement, int index, base::ByteView bytes) {
  static constexpr std::uint8_t kNothing = 0;
  statement.bind(index, bytes.empty() ? &kNothing : bytes.data(), static_cast<int>(bytes.size()));
}

Bytes column_bytes(SQLite::Statement& statement, int index) {
  const auto column = statement.getColumn(index);
  const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
  return data ? Bytes(data, data + column.getBytes()) : Bytes{};
}

Result<Hash> column_hash(SQLite::Statement& statement, int index) {
  const auto bytes = column_bytes(statement, index);
  if (bytes.empty()) return Hash{};
  if (bytes.size() != Hash::kSize) return base::fail(Code::io, "[store] a hash of {} bytes: 32 expected", bytes.size());
  return base::fixed<Hash::kSize>(bytes);
}

}  // namespace koinon::node
