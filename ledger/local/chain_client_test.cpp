#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "ledger/contracts/sample.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/log_index.hpp"

namespace koinon::ledger {
namespace {

using contracts::Sample;
using nlohmann::json;

/// A bare anvil, whose reorganisations and snapshots a test may use, with the sample contract on it.
class ChainTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = local::Anvil::start(local::find_anvil().value(), 1'700'000'000, true);
    ASSERT_TRUE(made) << made.error().text;
    anvil_ = std::move(*made);
    ask("anvil_setBalance", json::array({base::to_hex(key_.address()), "0x33b2e3c9fd0803ce8000000"}));
    mine_with(std::nullopt, Sample::creation_code(base::Wei(1)).value());
    address_ = contract_address(key_.address(), 0);
  }
  Rpc& rpc() { return anvil_->rpc(); }
  json ask(const std::string& method, const json& params) {
    auto out = rpc().call(method, params);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *out : json();
  }
  void send(std::optional<Address> to, Bytes data) {
    const auto nonce = rpc().nonce(key_.address()).value();
    const auto sent = rpc().send_raw(
        sign({31'337, nonce, base::Wei(1), base::Wei(100'000'000'000), 3'000'000, to, {}, std::move(data)}, key_).raw);
    ASSERT_TRUE(sent) << sent.error().text;
  }
  void mine_with(std::optional<Address> to, Bytes data) {
    send(to, std::move(data));
    ask("evm_mine", json::array());
  }
  /// A block in which the contract emits `events`.
  void emit(std::uint64_t events) { mine_with(address_, Sample(rpc(), address_).increase(events)->data); }

  /// Applies updates as a database would, and checks that they fit what it holds.
  Status apply(const LogUpdate& update) {
    for (const auto& log : update.removed) {
      EXPECT_FALSE(held_.empty());
      EXPECT_EQ(held_.back(), log);
      held_.pop_back();
    }
    for (const auto& log : update.added) held_.push_back(log);
    removed_ += update.removed.size();
    saved_ = update.cursor.to_json();
    return {};
  }
  LogIndex index(std::uint64_t depth = 16) {
    LogIndexOptions options;
    options.addresses = {address_};
    options.finality_depth = depth;
    auto cursor = saved_.empty() ? LogCursor{} : LogCursor::from_json(saved_).value();
    return LogIndex(rpc(), options, std::move(cursor), [this](const LogUpdate& update) { return apply(update); });
  }
  /// What the chain says now.
  std::vector<Log> truth() { return rpc().logs({{address_}, {}, std::nullopt, 0, rpc().block_number().value()}).value(); }

  std::unique_ptr<local::Anvil> anvil_;
  base::SeededRandom random_{7};
  Key key_ = Key::generate(random_);
  Address address_;
  std::vector<Log> held_;
  std::size_t removed_ = 0;
  std::string saved_;
};

TEST_F(ChainTest, reports_every_event_once_and_in_order) {
  for (int i = 0; i < 40; ++i) emit(static_cast<std::uint64_t>(i % 3));
  auto follower = index();
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(held_, truth());
  emit(2);
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(held_, truth());
  EXPECT_FALSE(follower.step().value());
}

TEST_F(ChainTest, takes_back_what_a_reorg_removes) {
  for (int i = 0; i < 6; ++i) emit(1);
  auto follower = index();
  ASSERT_TRUE(follower.catch_up());
  ASSERT_EQ(held_.size(), 6u);
  ask("anvil_reorg", json::array({3, json::array()}));
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(removed_, 3u);
  EXPECT_EQ(held_, truth());
  EXPECT_EQ(held_.size(), 3u);
}

TEST_F(ChainTest, resumes_from_its_cursor_over_a_reorg) {
  for (int i = 0; i < 5; ++i) emit(2);
  {
    auto follower = index();
    ASSERT_TRUE(follower.catch_up());
  }
  ask("anvil_reorg", json::array({2, json::array()}));
  auto follower = index();
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(removed_, 4u);
  EXPECT_EQ(held_, truth());
}

TEST_F(ChainTest, follows_a_chain_that_became_shorter) {
  emit(1);
  const auto snapshot = ask("evm_snapshot", json::array());
  for (int i = 0; i < 4; ++i) emit(1);
  auto follower = index();
  ASSERT_TRUE(follower.catch_up());
  ask("evm_revert", json::array({snapshot}));
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(held_, truth());
  EXPECT_EQ(held_.size(), 1u);
}

TEST_F(ChainTest, says_when_a_reorg_is_deeper_than_finality) {
  for (int i = 0; i < 12; ++i) emit(1);
  auto follower = index(3);
  ASSERT_TRUE(follower.catch_up());
  ask("anvil_reorg", json::array({8, json::array()}));
  EXPECT_EQ(follower.catch_up().error().code, Code::conflict);
}

TEST_F(ChainTest, does_not_advance_when_the_sink_fails) {
  emit(1);
  LogIndexOptions options;
  options.addresses = {address_};
  bool broken = true;
  LogIndex follower(rpc(), options, {}, [&](const LogUpdate& update) -> Status {
    if (broken && !update.added.empty()) return fail(Code::io, "disk full");
    return apply(update);
  });
  EXPECT_EQ(follower.catch_up().error().code, Code::io);
  broken = false;
  ASSERT_TRUE(follower.catch_up());
  EXPECT_EQ(held_, truth());
}

/// Senders on a chain where the test decides when a block comes.
class SenderTest : public ChainTest {
 protected:
  std::unique_ptr<TxSender> sender(std::int64_t stuck_ms = 60'000, std::uint64_t confirmations = 1) {
    TxOptions options;
    options.poll_ms = 10;
    options.stuck_after_ms = stuck_ms;
    options.confirmations = confirmations;
    return std::move(*TxSender::start(rpc(), key_, store_, clock_, options));
  }
  TxRequest request() { return Sample(rpc(), address_).increase(1).value(); }
  MemoryPendingStore store_;
  base::SystemClock clock_;
};

TEST_F(SenderTest, replaces_a_stuck_transaction_at_a_higher_fee) {
  auto lane = sender(50);
  const auto nonce = lane->submit(request()).value();
  std::vector<PendingTransaction> held;
  for (int i = 0; i < 500 && (held.empty() || held[0].hashes.size() < 2); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    held = store_.load(key_.address()).value();
  }
  ASSERT_EQ(held.size(), 1u);
  ASSERT_GE(held[0].hashes.size(), 2u);
  ask("evm_mine", json::array());
  const auto receipt = lane->wait(nonce, 10'000);
  ASSERT_TRUE(receipt) << receipt.error().text;
  EXPECT_NE(receipt->transaction, held[0].hashes[0]);
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 1u);
  EXPECT_TRUE(store_.load(key_.address())->empty());
}

TEST_F(SenderTest, sends_again_what_the_pool_dropped) {
  auto lane = sender();
  const auto nonce = lane->submit(request()).value();
  ask("anvil_dropAllTransactions", json::array());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ask("evm_mine", json::array());
  ASSERT_TRUE(lane->wait(nonce, 10'000));
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 1u);
}

TEST_F(SenderTest, takes_up_after_a_crash_what_was_pending) {
  std::uint64_t nonce = 0;
  {
    auto lane = sender();
    nonce = lane->submit(request()).value();
  }
  ask("anvil_dropAllTransactions", json::array());
  auto lane = sender();
  EXPECT_EQ(lane->in_flight(), 1u);
  const auto next = lane->submit(request()).value();
  EXPECT_EQ(next, nonce + 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ask("evm_mine", json::array());
  EXPECT_TRUE(lane->wait(nonce, 10'000));
  EXPECT_TRUE(lane->wait(next, 10'000));
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 2u);
}

TEST_F(SenderTest, sends_again_what_a_reorg_removed) {
  auto lane = sender(60'000, 4);
  const auto nonce = lane->submit(request()).value();
  ask("evm_mine", json::array());
  ask("anvil_reorg", json::array({1, json::array()}));
  EXPECT_EQ(lane->wait(nonce, 200).error().code, Code::timeout);
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ask("evm_mine", json::array());
  }
  ASSERT_TRUE(lane->wait(nonce, 10'000));
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 1u);
}

TEST_F(SenderTest, says_when_another_hand_used_the_nonce) {
  auto lane = sender();
  const auto nonce = lane->submit(request()).value();
  ask("anvil_dropAllTransactions", json::array());
  const auto other =
      sign({31'337, nonce, base::Wei(9'000'000'000), base::Wei(100'000'000'000), 21'000, key_.address(), {}, {}}, key_);
  // The lane may have sent its own again meanwhile; the higher fee wins the place.
  ASSERT_TRUE(rpc().send_raw(other.raw));
  ask("evm_mine", json::array());
  EXPECT_EQ(lane->wait(nonce, 10'000).error().code, Code::conflict);
}

TEST_F(SenderTest, keeps_one_lane_for_many_threads) {
  auto lane = sender();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) EXPECT_TRUE(lane->submit(request()));
    });
  for (auto& one : threads) one.join();
  for (int i = 0; i < 100 && lane->in_flight() > 0; ++i) {
    ask("evm_mine", json::array());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(lane->in_flight(), 0u);
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 20u);
}

}  // namespace
}  // namespace koinon::ledger
