#include "node/store/payments.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace koinon::node {
namespace {

using SQLite::Statement;

constexpr const char* kCalls = "payments/calls";
constexpr const char* kEarned = "payments/earned";

Result<PaymentRecord> payment_of(Statement& row) {
  PaymentRecord out;
  const auto payer = column_bytes(row, 0);
  if (payer.size() != base::Address::kSize) return base::fail(Code::io, "[store] a payer of {} bytes", payer.size());
  out.payer = base::fixed<base::Address::kSize>(payer);
  KOINON_TRY(out.nonce, column_hash(row, 1));
  KOINON_TRY(out.request, column_hash(row, 2));
  KOINON_TRY(out.amount, base::Wei::parse(row.getColumn(3).getString()));
  out.valid_before_s = static_cast<std::uint64_t>(row.getColumn(4).getInt64());
  out.block = static_cast<std::uint64_t>(row.getColumn(5).getInt64());
  KOINON_TRY(out.transaction, column_hash(row, 6));
  out.settled = row.getColumn(7).getInt() != 0;
  out.status = row.getColumn(8).getInt();
  out.headers = row.getColumn(9).getString();
  out.body = column_bytes(row, 10);
  out.updated_ms = row.getColumn(11).getInt64();
  return out;
}

std::string setting(SQLite::Database& c, const char* key) {
  Statement row(c, "SELECT value FROM settings WHERE key = ?");
  row.bind(1, key);
  return row.executeStep() ? row.getColumn(0).getString() : "0";
}

void set_setting(SQLite::Database& c, const char* key, const std::string& value) {
  Statement row(c, "INSERT OR REPLACE INTO settings VALUES (?, ?)");
  row.bind(1, key);
  row.bind(2, value);
  row.exec();
}

Result<Payments::Totals> read_totals(SQLite::Database& c) {
  Payments::Totals out;
  KOINON_TRY(const auto calls, base::Wei::parse(setting(c, kCalls)));
  KOINON_TRY(out.calls, calls.to_u64());
  KOINON_TRY(out.earned, base::Wei::parse(setting(c, kEarned)));
  return out;
}

/// The number in the first column of a query's one row.
std::int64_t number(SQLite::Database& c, const char* query) { return c.execAndGet(query).getInt64(); }

}  // namespace

Status Payments::put(const PaymentRecord& payment) {
  return database_.transact("write payment", [&](SQLite::Database& c) -> Status {
    Statement row(c, "INSERT OR IGNORE INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_bytes(row, 1, payment.payer.view());
    bind_bytes(row, 2, payment.nonce.view());
    bind_bytes(row, 3, payment.request.view());
    row.bind(4, payment.amount.text());
    row.bind(5, static_cast<std::int64_t>(payment.valid_before_s));
    row.bind(6, static_cast<std::int64_t>(payment.block));
    bind_bytes(row, 7, payment.transaction.view());
    row.bind(8, payment.settled ? 1 : 0);
    row.bind(9, payment.status);
    row.bind(10, payment.headers);
    bind_bytes(row, 11, payment.body);
    row.bind(12, payment.updated_ms);
    if (row.exec() == 1) return {};
    return base::fail(Code::conflict, "[store] the authorisation {} is used already", base::to_hex(payment.nonce));
  });
}

Result<std::optional<PaymentRecord>> Payments::get(const base::Address& payer, const Hash& nonce) {
  std::optional<PaymentRecord> out;
  KOINON_CHECK(database_.use("read payment", [&](SQLite::Database& c) -> Status {
    Statement row(c,
                  "SELECT payer, nonce, request, amount, valid_before, block, transaction_hash, settled, answer_status, "
                  "answer_headers, answer_body, updated_ms FROM payments WHERE payer = ? AND nonce = ?");
    bind_bytes(row, 1, payer.view());
    bind_bytes(row, 2, nonce.view());
    if (!row.executeStep()) return {};
    KOINON_TRY(out, payment_of(row));
    return {};
  }));
  return out;
}

Status Payments::settle(const base::Address& payer, const Hash& nonce, const Hash& transaction, std::int64_t now_ms) {
  return database_.transact("settle payment", [&](SQLite::Database& c) -> Status {
    KOINON_TRY(const auto payment, get(payer, nonce));
    if (!payment) return base::fail(Code::not_found, "[store] no payment {}", base::to_hex(nonce));
    if (payment->settled) return {};
    Statement row(c, "UPDATE payments SET settled = 1, transaction_hash = ?, updated_ms = ? WHERE payer = ? AND nonce = ?");
    bind_bytes(row, 1, transaction.view());
    row.bind(2, now_ms);
    bind_bytes(row, 3, payer.view());
    bind_bytes(row, 4, nonce.view());
    row.exec();
    KOINON_TRY(const auto before, read_totals(c));
    KOINON_TRY(const auto earned, before.earned.plus(payment->amount));
    set_setting(c, kCalls, std::to_string(before.calls + 1));
    set_setting(c, kEarned, earned.text());
    return {};
  });
}

Status Payments::erase(const base::Address& payer, const Hash& nonce) {
  return database_.transact("erase payment", [&](SQLite::Database& c) -> Status {
    Statement row(c, "DELETE FROM payments WHERE payer = ? AND nonce = ?");
    bind_bytes(row, 1, payer.view());
    bind_bytes(row, 2, nonce.view());
    row.exec();
    return {};
  });
}

Status Payments::prune(std::int64_t now_ms, std::int64_t keep_ms, std::uint64_t most_bytes) {
  return database_.transact("prune payments", [&](SQLite::Database& c) -> Status {
    Statement old(c, "DELETE FROM payments WHERE updated_ms < ? AND valid_before < ?");
    old.bind(1, now_ms - keep_ms);
    old.bind(2, now_ms / 1000);
    old.exec();
    while (number(c, "SELECT COALESCE(SUM(LENGTH(answer_body)), 0) FROM payments") > static_cast<std::int64_t>(most_bytes)) {
      const auto emptied = c.exec(
          "UPDATE payments SET answer_body = x'', answer_status = 0 WHERE rowid IN (SELECT rowid FROM payments WHERE settled = "
          "1 "
          "AND answer_status != 0 ORDER BY updated_ms LIMIT 16)");
      if (emptied == 0) break;
    }
    return {};
  });
}

Result<Payments::Totals> Payments::totals() {
  Totals out;
  KOINON_CHECK(database_.use("read payments", [&](SQLite::Database& c) -> Status {
    KOINON_TRY(out, read_totals(c));
    return {};
  }));
  return out;
}

}  // namespace koinon::node
