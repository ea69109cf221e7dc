#include "node/store/store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/file.hpp"

namespace koinon::node {
namespace {

Hash hash(std::uint8_t value) {
  Hash out;
  out.bytes.fill(value);
  return out;
}

base::Address account(std::uint8_t value) {
  base::Address out;
  out.bytes.fill(value);
  return out;
}

struct StoreTest : testing::Test {
  base::TempFolder folder;
  std::filesystem::path path = folder.path() / "node.db";
  std::unique_ptr<Store> open() {
    auto store = Store::open(path);
    EXPECT_TRUE(store) << store.error().text;
    return *std::move(store);
  }
};

TEST_F(StoreTest, keeps_settings_over_a_restart) {
  ASSERT_TRUE(open()->settings.set("a", "1"));
  const auto store = open();
  EXPECT_EQ(**store->settings.get("a"), "1");
  ASSERT_TRUE(store->settings.erase("a"));
  EXPECT_FALSE(store->settings.get("a")->has_value());
}

TEST_F(StoreTest, is_for_its_owner_alone) {
  const auto store = open();
  ASSERT_TRUE(store->settings.set("a", "1"));
  for (const auto* end : {"", "-wal"}) {
    const auto mode = std::filesystem::status(path.string() + end).permissions();
    EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all), std::filesystem::perms::none)
        << end;
  }
}

PaymentRecord payment(std::uint8_t nonce, std::int64_t updated_ms, std::size_t bytes = 3) {
  PaymentRecord out{account(1), hash(nonce), hash(7), base::Wei(5), 60, 9, {}, false, 200, R"([["A","b"]])", {}, updated_ms};
  out.body.assign(bytes, nonce);
  return out;
}

TEST_F(StoreTest, keeps_payments_and_counts_each_once) {
  {
    const auto store = open();
    EXPECT_FALSE(store->payments.get(account(1), hash(2))->has_value());
    ASSERT_TRUE(store->payments.put(payment(2, 10)));
    EXPECT_EQ(store->payments.put(payment(2, 11)).error().code, Code::conflict);
    EXPECT_EQ(store->payments.settle(account(1), hash(3), hash(8), 20).error().code, Code::not_found);
    ASSERT_TRUE(store->payments.settle(account(1), hash(2), hash(8), 20));
    ASSERT_TRUE(store->payments.settle(account(1), hash(2), hash(9), 30));
  }
  const auto store = open();
  const auto kept = store->payments.get(account(1), hash(2)).value().value();
  EXPECT_TRUE(kept.settled);
  EXPECT_EQ(kept.transaction, hash(8));
  EXPECT_EQ(kept.body, Bytes(3, 2));
  EXPECT_EQ(kept.headers, R"([["A","b"]])");
  EXPECT_EQ(kept.amount, base::Wei(5));
  EXPECT_EQ(store->payments.totals()->calls, 1U);
  EXPECT_EQ(store->payments.totals()->earned, base::Wei(5));
}

TEST_F(StoreTest, forgets_payments_that_can_move_nothing_and_the_oldest_answers) {
  const auto store = open();
  for (std::uint8_t i = 0; i < 40; ++i) ASSERT_TRUE(store->payments.put(payment(i, 100 + i, 10)));
  for (std::uint8_t i = 1; i < 40; ++i) ASSERT_TRUE(store->payments.settle(account(1), hash(i), hash(8), 100 + i));
  ASSERT_TRUE(store->payments.prune(50'000, 0, 100));  // their authorisations are good until second 60
  EXPECT_EQ(store->payments.get(account(1), hash(0))->value().body.size(), 10U) << "not settled: its answer is owed";
  EXPECT_EQ(store->payments.get(account(1), hash(1))->value().status, 0);
  EXPECT_EQ(store->payments.get(account(1), hash(39))->value().body.size(), 10U);
  ASSERT_TRUE(store->payments.prune(61'000, 61'000 - 120, 1'000));
  EXPECT_FALSE(store->payments.get(account(1), hash(19))->has_value());
  EXPECT_TRUE(store->payments.get(account(1), hash(20))->has_value());
  EXPECT_EQ(store->payments.totals()->calls, 39U);
}

TEST_F(StoreTest, keeps_pending_transactions_by_nonce) {
  const ledger::PendingTransaction second{account(1), 2, "b", {}, {hash(1), hash(2)}, 20};
  const ledger::PendingTransaction first{account(1), 1, "a", {1, 2, 3}, {}, 10};
  {
    const auto store = open();
    ASSERT_TRUE(store->pending.put(second));
    ASSERT_TRUE(store->pending.put(first));
    ASSERT_TRUE(store->pending.put({account(9), 0, "other", {7}, {}, 1}));
  }
  const auto store = open();
  const auto got = *store->pending.load(account(1));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].raw, first.raw);
  EXPECT_EQ(got[1].hashes, second.hashes);
  ASSERT_TRUE(store->pending.remove(account(1), 1));
  EXPECT_EQ(store->pending.load(account(1))->size(), 1u);
}

EventRecord event(std::uint64_t block, std::uint8_t fork, std::uint32_t index, const std::string& name) {
  return {0, block, hash(fork), index, hash(0xEE), account(5), name, "{}", false};
}

TEST_F(StoreTest, follows_a_reorg_and_stores_an_event_once) {
  const auto store = open();
  ASSERT_TRUE(store->events.apply({}, {event(1, 1, 0, "A"), event(2, 2, 0, "B"), event(2, 2, 1, "C")}, "market", "2"));
  ASSERT_TRUE(store->events.apply({}, {event(2, 2, 1, "C")}, "market", "2"));
  EXPECT_EQ(store->events.list({})->size(), 3u);
  ASSERT_TRUE(store->events.apply({hash(2)}, {event(2, 3, 0, "B")}, "market", "2b"));
  const auto now = *store->events.list({});
  ASSERT_EQ(now.size(), 2u);
  EXPECT_EQ(now[1].block_hash, hash(3));
  EXPECT_EQ(store->events.list({.with_removed = true})->size(), 4u);
  EXPECT_EQ(store->events.list({.name = "B", .contract = account(5)})->size(), 1u);
  EXPECT_EQ(store->events.list({.contract = account(6)})->size(), 0u);
  EXPECT_EQ(**store->events.cursor("market"), "2b");
  ASSERT_TRUE(store->events.apply({hash(3)}, {event(2, 2, 0, "B")}, "market", "2"));  // the old branch returns
  EXPECT_EQ(store->events.list({})->back().block_hash, hash(2));
}

TEST_F(StoreTest, keeps_orders_and_moves_them_on_only_from_the_expected_state) {
  const auto store = open();
  OrderRecord order{"local-1", "{}", base::ArtifactRef{base::Cid{hash(4)}, 77}, hash(3), {1, 2}, "new", "{}", 10, 10};
  ASSERT_TRUE(store->orders.put(order));
  ASSERT_TRUE(store->orders.rename("local-1", "12"));
  EXPECT_EQ(store->orders.get("local-1").error().code, Code::not_found);
  EXPECT_EQ(store->orders.get("12")->input, order.input);
  EXPECT_EQ(store->orders.get("12")->salt, order.salt);
  ASSERT_TRUE(store->orders.advance("12", "new", "placed", "{}", 20));
  EXPECT_EQ(store->orders.advance("12", "new", "placed", "{}", 20).error().code, Code::conflict);
  EXPECT_EQ(store->orders.advance("13", "new", "placed", "{}", 20).error().code, Code::not_found);
  EXPECT_EQ(store->orders.list("placed")->size(), 1u);
  EXPECT_EQ(store->orders.list("new")->size(), 0u);
  order.id = "13";
  ASSERT_TRUE(store->orders.put(order));
  EXPECT_EQ(store->orders.rename("13", "12").error().code, Code::conflict);
}

TEST_F(StoreTest, never_replaces_the_secret_of_a_commitment) {
  const auto store = open();
  JobRecord job{"12", 1, account(1), "computed", {9, 9}, "{}", 5};
  ASSERT_TRUE(store->jobs.put(job));
  job.state = "committed";
  ASSERT_TRUE(store->jobs.put(job));
  job.secret = {8, 8};
  EXPECT_EQ(store->jobs.put(job).error().code, Code::conflict);
  EXPECT_EQ(store->jobs.get("12", 1, account(1))->secret, (Bytes{9, 9}));
  EXPECT_EQ(store->jobs.list("committed")->size(), 1u);
  ASSERT_TRUE(store->jobs.erase("12", 1, account(1)));
  EXPECT_EQ(store->jobs.get("12", 1, account(1)).error().code, Code::not_found);
}

TEST_F(StoreTest, keeps_receipts_and_models) {
  const auto store = open();
  ASSERT_TRUE(store->receipts.put({"12", "{\"a\":1}", 5}));
  EXPECT_EQ(store->receipts.get("12")->body, "{\"a\":1}");
  EXPECT_EQ(store->receipts.list()->size(), 1u);
  const ModelRecord model{hash(1), "digits", "{}", {base::Cid{hash(2)}, 10}, base::Wei{5}, "CC0-1.0", "me", 1};
  ASSERT_TRUE(store->models.put(model));
  EXPECT_EQ(store->models.get(hash(1))->price, base::Wei{5});
  EXPECT_EQ(store->models.list()->front().artifact, model.artifact);
  ASSERT_TRUE(store->models.erase(hash(1)));
  EXPECT_TRUE(store->models.list()->empty());
}

TEST_F(StoreTest, undoes_all_of_a_failed_transaction) {
  const auto store = open();
  const auto failed = store->together([&]() -> Status {
    KOINON_CHECK(store->settings.set("a", "1"));
    KOINON_CHECK(store->receipts.put({"1", "{}", 1}));
    return base::fail(Code::rejected, "[test] no");
  });
  EXPECT_EQ(failed.error().code, Code::rejected);
  EXPECT_FALSE(store->settings.get("a")->has_value());
  EXPECT_TRUE(store->receipts.list()->empty());
  EXPECT_TRUE(store->settings.set("a", "2"));
}

TEST_F(StoreTest, takes_writers_from_many_threads) {
  const auto store = open();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) EXPECT_TRUE(store->receipts.put({fmt::format("{}-{}", t, i), "{}", i}));
      });
  }
  EXPECT_EQ(store->receipts.list()->size(), 80u);
}

TEST_F(StoreTest, refuses_a_second_user_of_the_file) {
  const auto store = open();
  ASSERT_TRUE(store->settings.set("a", "1"));
  EXPECT_EQ(Store::open(path).error().code, Code::conflict);
}

TEST_F(StoreTest, refuses_a_newer_schema_and_a_foreign_file) {
  {
    const auto store = open();
    ASSERT_TRUE(store->settings.set("a", "1"));
  }
  {
    SQLite::Database raw(path.string(), SQLite::OPEN_READWRITE);
    raw.exec("PRAGMA user_version = 999");
  }
  const auto newer = Store::open(path);
  EXPECT_EQ(newer.error().code, Code::unsupported);
  EXPECT_NE(newer.error().text.find("999"), std::string::npos);
  const auto other = folder.path() / "other.db";
  {
    SQLite::Database raw(other.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    raw.exec("CREATE TABLE t (x)");
  }
  EXPECT_EQ(Store::open(other).error().code, Code::unsupported);
}

TEST_F(StoreTest, says_what_to_do_about_a_damaged_file) {
  {
    const auto store = open();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(store->settings.set(fmt::format("key {}", i), std::string(500, 'x')));
  }
  auto bytes = *base::read_file(path);
  for (std::size_t at = 4096; at + 100 < bytes.size(); at += 512)
    for (std::size_t i = 0; i < 64; ++i) bytes[at + i] ^= 0x5A;
  ASSERT_TRUE(base::write_file(path, bytes));
  const auto damaged = Store::open(path);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::io);
  EXPECT_NE(damaged.error().text.find("backup"), std::string::npos);
  ASSERT_TRUE(base::write_file(path, base::as_bytes(std::string(10'000, 'z'))));
  EXPECT_NE(Store::open(path).error().text.find("damaged"), std::string::npos);
}

TEST_F(StoreTest, copies_an_older_file_before_it_migrates) {
  {
    const auto store = open();
    ASSERT_TRUE(store->settings.set("a", "1"));
  }
  {  // version 0 of the schema was empty; what stands in the file must be in the copy
    SQLite::Database raw(path.string(), SQLite::OPEN_READWRITE);
    for (const char* table : {"settings", "pending", "events", "orders", "jobs", "receipts", "models", "cursors", "payments"})
      raw.exec(fmt::format("DROP TABLE {}", table));
    raw.exec("CREATE TABLE old (x); INSERT INTO old VALUES (42); PRAGMA user_version = 0");
  }
  const auto store = open();
  EXPECT_TRUE(store->settings.set("a", "2"));
  SQLite::Database copy(path.string() + ".v0.backup", SQLite::OPEN_READONLY);
  EXPECT_EQ(copy.execAndGet("SELECT x FROM old").getInt(), 42);
}

}  // namespace
}  // namespace koinon::node
