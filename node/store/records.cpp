#include "node/store/records.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace koinon::node {
namespace {

using SQLite::Statement;

std::int64_t bounded(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000'000)); }
std::string text(std::string_view view) { return std::string(view); }

Result<OrderRecord> order_of(Statement& row) {
  OrderRecord out;
  out.id = row.getColumn(0).getString();
  out.request = row.getColumn(1).getString();
  if (const auto cid = row.getColumn(2).getString(); !cid.empty()) {
    KOINON_TRY(auto parsed, base::Cid::parse(cid));
    out.input = base::ArtifactRef{parsed, static_cast<std::uint64_t>(row.getColumn(3).getInt64())};
  }
  KOINON_TRY(out.salt, column_hash(row, 4));
  out.sealed_keys = column_bytes(row, 5);
  out.state = row.getColumn(6).getString();
  out.detail = row.getColumn(7).getString();
  out.created_ms = row.getColumn(8).getInt64();
  out.updated_ms = row.getColumn(9).getInt64();
  return out;
}

constexpr const char* kOrderColumns =
    "SELECT id, request, input_cid, input_size, salt, sealed_keys, state, detail, created_ms, updated_ms FROM orders ";

Result<JobRecord> job_of(Statement& row) {
  JobRecord out;
  out.order = row.getColumn(0).getString();
  out.round = row.getColumn(1).getUInt();
  const auto account = column_bytes(row, 2);
  if (account.size() != base::Address::kSize) return base::fail(Code::io, "[store] an account of {} bytes", account.size());
  out.account = base::fixed<base::Address::kSize>(account);
  out.state = row.getColumn(3).getString();
  out.secret = column_bytes(row, 4);
  out.detail = row.getColumn(5).getString();
  out.updated_ms = row.getColumn(6).getInt64();
  return out;
}

constexpr const char* kJobColumns = "SELECT order_id, round, account, state, secret, detail, updated_ms FROM jobs ";

Result<ModelRecord> model_of(Statement& row) {
  ModelRecord out;
  KOINON_TRY(out.program, column_hash(row, 0));
  out.name = row.getColumn(1).getString();
  out.card = row.getColumn(2).getString();
  KOINON_TRY(out.artifact.cid, base::Cid::parse(row.getColumn(3).getString()));
  out.artifact.size = static_cast<std::uint64_t>(row.getColumn(4).getInt64());
  KOINON_TRY(out.price, base::Wei::parse(row.getColumn(5).getString()));
  out.licence = row.getColumn(6).getString();
  out.author = row.getColumn(7).getString();
  out.created_ms = row.getColumn(8).getInt64();
  return out;
}

constexpr const char* kModelColumns =
    "SELECT program, name, card, artifact_cid, artifact_size, price, licence, author, created_ms FROM models ";

/// All rows of a statement, each read by `read`.
template <class T, class Read>
Status collect(Statement& rows, std::vector<T>& out, const Read& read) {
  while (rows.executeStep()) {
    KOINON_TRY(auto item, read(rows));
    out.push_back(std::move(item));
  }
  return {};
}

/// The one row of a statement. Errors: not_found.
template <class T, class Read>
Status only(Statement& rows, T& out, const Read& read, std::string_view what) {
  if (!rows.executeStep()) return base::fail(Code::not_found, "[store] no {}", what);
  KOINON_TRY(out, read(rows));
  return {};
}

template <class T>
Result<T> give(Status done, T value) {
  if (!done) return base::fail(std::move(done).error());
  return value;
}

}  // namespace

Result<std::optional<std::string>> Settings::get(std::string_view key) {
  std::optional<std::string> out;
  auto done = database_.use("read setting", [&](SQLite::Database& c) -> Status {
    Statement row(c, "SELECT value FROM settings WHERE key = ?");
    row.bind(1, text(key));
    if (row.executeStep()) out = row.getColumn(0).getString();
    return {};
  });
  return give(std::move(done), std::move(out));
}

Status Settings::set(std::string_view key, std::string_view value) {
  return database_.transact("write setting", [&](SQLite::Database& c) -> Status {
    Statement row(c, "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
    row.bind(1, text(key));
    row.bind(2, text(value));
    row.exec();
    return {};
  });
}

Status Settings::erase(std::string_view key) {
  return database_.transact("erase setting", [&](SQLite::Database& c) -> Status {
    Statement row(c, "DELETE FROM settings WHERE key = ?");
    row.bind(1, text(key));
    row.exec();
    return {};
  });
}

Status Orders::put(const OrderRecord& order) {
  return database_.transact("write order", [&](SQLite::Database& c) -> Status {
    Statement row(c, "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    row.bind(1, order.id);
    row.bind(2, order.request);
    row.bind(3, order.input ? order.input->cid.text() : std::string());
    row.bind(4, static_cast<std::int64_t>(order.input ? order.input->size : 0));
    bind_bytes(row, 5, order.salt.view());
    bind_bytes(row, 6, order.sealed_keys);
    row.bind(7, order.state);
    row.bind(8, order.detail);
    row.bind(9, order.created_ms);
    row.bind(10, order.updated_ms);
    row.exec();
    return {};
  });
}

Status Orders::rename(std::string_view from, std::string_view to) {
  return database_.transact("rename order", [&](SQLite::Database& c) -> Status {
    Statement taken(c, "SELECT 1 FROM orders WHERE id = ?");
    taken.bind(1, text(to));
    if (from != to && taken.executeStep()) return base::fail(Code::conflict, "[store] order {} is there already", to);
    Statement row(c, "UPDATE orders SET id = ? WHERE id = ?");
    row.bind(1, text(to));
    row.bind(2, text(from));
    if (row.exec() == 0) return base::fail(Code::not_found, "[store] no order {}", from);
    return {};
  });
}

Status Orders::advance(std::string_view id, std::string_view from, std::string_view to, std::string_view detail,
                       std::int64_t now_ms) {
  return database_.transact("advance order", [&](SQLite::Database& c) -> Status {
    Statement row(c, "UPDATE orders SET state = ?, detail = ?, updated_ms = ? WHERE id = ? AND state = ?");
    row.bind(1, text(to));
    row.bind(2, text(detail));
    row.bind(3, now_ms);
    row.bind(4, text(id));
    row.bind(5, text(from));
    if (row.exec() == 1) return {};
    KOINON_TRY(const auto now, get(id));
    return base::fail(Code::conflict, "[store] order {} is {}: {} expected", id, now.state, from);
  });
}

Result<OrderRecord> Orders::get(std::string_view id) {
  OrderRecord out;
  auto done = database_.use("read order", [&](SQLite::Database& c) -> Status {
    Statement row(c, fmt::format("{} WHERE id = ?", kOrderColumns));
    row.bind(1, text(id));
    return only(row, out, order_of, fmt::format("order {}", id));
  });
  return give(std::move(done), std::move(out));
}

Result<std::vector<OrderRecord>> Orders::list(std::string_view state, std::size_t limit) {
  std::vector<OrderRecord> out;
  auto done = database_.use("list orders", [&](SQLite::Database& c) -> Status {
    Statement rows(c, fmt::format("{} WHERE ?1 = '' OR state = ?1 ORDER BY created_ms DESC, id LIMIT ?2", kOrderColumns));
    rows.bind(1, text(state));
    rows.bind(2, bounded(limit));
    return collect(rows, out, order_of);
  });
  return give(std::move(done), std::move(out));
}

Status Jobs::put(const JobRecord& job) {
  return database_.transact("write job", [&](SQLite::Database& c) -> Status {
    Statement before(c, "SELECT secret FROM jobs WHERE order_id = ? AND round = ? AND account = ?");
    before.bind(1, job.order);
    before.bind(2, job.round);
    bind_bytes(before, 3, job.account.view());
    if (before.executeStep()) {
      const auto secret = column_bytes(before, 0);
      if (!secret.empty() && secret != job.secret)
        return base::fail(Code::conflict, "[store] order {} round {} has another commitment already", job.order, job.round);
    }
    Statement row(c, "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?)");
    row.bind(1, job.order);
    row.bind(2, job.round);
    bind_bytes(row, 3, job.account.view());
    row.bind(4, job.state);
    bind_bytes(row, 5, job.secret);
    row.bind(6, job.detail);
    row.bind(7, job.updated_ms);
    row.exec();
    return {};
  });
}

Result<JobRecord> Jobs::get(std::string_view order, std::uint32_t round, const base::Address& account) {
  JobRecord out;
  auto done = database_.use("read job", [&](SQLite::Database& c) -> Status {
    Statement row(c, fmt::format("{} WHERE order_id = ? AND round = ? AND account = ?", kJobColumns));
    row.bind(1, text(order));
    row.bind(2, round);
    bind_bytes(row, 3, account.view());
    return only(row, out, job_of, fmt::format("job of order {} round {}", order, round));
  });
  return give(std::move(done), std::move(out));
}

Result<std::vector<JobRecord>> Jobs::list(std::string_view state) {
  std::vector<JobRecord> out;
  auto done = database_.use("list jobs", [&](SQLite::Database& c) -> Status {
    Statement rows(c, fmt::format("{} WHERE ?1 = '' OR state = ?1 ORDER BY order_id, round", kJobColumns));
    rows.bind(1, text(state));
    return collect(rows, out, job_of);
  });
  return give(std::move(done), std::move(out));
}

Status Jobs::erase(std::string_view order, std::uint32_t round, const base::Address& account) {
  return database_.transact("erase job", [&](SQLite::Database& c) -> Status {
    Statement row(c, "DELETE FROM jobs WHERE order_id = ? AND round = ? AND account = ?");
    row.bind(1, text(order));
    row.bind(2, round);
    bind_bytes(row, 3, account.view());
    row.exec();
    return {};
  });
}

namespace {

Result<ReceiptRecord> receipt_of(Statement& row) {
  return ReceiptRecord{row.getColumn(0).getString(), row.getColumn(1).getString(), row.getColumn(2).getInt64()};
}

}  // namespace

Status Receipts::put(const ReceiptRecord& receipt) {
  return database_.transact("write receipt", [&](SQLite::Database& c) -> Status {
    Statement row(c, "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)");
    row.bind(1, receipt.order);
    row.bind(2, receipt.body);
    row.bind(3, receipt.created_ms);
    row.exec();
    return {};
  });
}

Result<ReceiptRecord> Receipts::get(std::string_view order) {
  ReceiptRecord out;
  auto done = database_.use("read receipt", [&](SQLite::Database& c) -> Status {
    Statement row(c, "SELECT order_id, body, created_ms FROM receipts WHERE order_id = ?");
    row.bind(1, text(order));
    return only(row, out, receipt_of, fmt::format("receipt of order {}", order));
  });
  return give(std::move(done), std::move(out));
}

Result<std::vector<ReceiptRecord>> Receipts::list(std::size_t limit) {
  std::vector<ReceiptRecord> out;
  auto done = database_.use("list receipts", [&](SQLite::Database& c) -> Status {
    Statement rows(c, "SELECT order_id, body, created_ms FROM receipts ORDER BY created_ms DESC, order_id LIMIT ?");
    rows.bind(1, bounded(limit));
    return collect(rows, out, receipt_of);
  });
  return give(std::move(done), std::move(out));
}

Status Models::put(const ModelRecord& model) {
  return database_.transact("write model", [&](SQLite::Database& c) -> Status {
    Statement row(c, "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_bytes(row, 1, model.program.view());
    row.bind(2, model.name);
    row.bind(3, model.card);
    row.bind(4, model.artifact.cid.text());
    row.bind(5, static_cast<std::int64_t>(model.artifact.size));
    row.bind(6, model.price.text());
    row.bind(7, model.licence);
    row.bind(8, model.author);
    row.bind(9, model.created_ms);
    row.exec();
    return {};
  });
}

Result<ModelRecord> Models::get(const Hash& program) {
  ModelRecord out;
  auto done = database_.use("read model", [&](SQLite::Database& c) -> Status {
    Statement row(c, fmt::format("{} WHERE program = ?", kModelColumns));
    bind_bytes(row, 1, program.view());
    return only(row, out, model_of, fmt::format("model {}", base::to_hex(program)));
  });
  return give(std::move(done), std::move(out));
}

Result<std::vector<ModelRecord>> Models::list() {
  std::vector<ModelRecord> out;
  auto done = database_.use("list models", [&](SQLite::Database& c) -> Status {
    Statement rows(c, fmt::format("{} ORDER BY name, program", kModelColumns));
    return collect(rows, out, model_of);
  });
  return give(std::move(done), std::move(out));
}

Status Models::erase(const Hash& program) {
  return database_.transact("erase model", [&](SQLite::Database& c) -> Status {
    Statement row(c, "DELETE FROM models WHERE program = ?");
    bind_bytes(row, 1, program.view());
    row.exec();
    return {};
  });
}

}  // namespace koinon::node
