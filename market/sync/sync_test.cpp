#include "market/sync/sync.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "base/file.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/tx_sender.hpp"

namespace koinon::market {
namespace {

using Clock = std::chrono::steady_clock;

/// A local ledger without contracts: blocks are all that Sync sees of it.
class SyncTest : public testing::Test {
 protected:
  void SetUp() override {
    ledger::local::LocalLedgerOptions options;
    options.folder = folder_.path();
    options.block_ms = 0;
    auto made = ledger::local::LocalLedger::start(options);
    ASSERT_TRUE(made) << made.error().text;
    ledger_ = std::move(*made);
    rpc_ = std::move(*ledger::Rpc::open(ledger_->url()));
  }
  std::unique_ptr<Sync> sync(std::int64_t poll_ms) {
    SyncOptions options;
    options.poll_ms = poll_ms;
    options.market = ledger_->faucet().address();
    auto out = Sync::start(*rpc_, store_, options);
    EXPECT_TRUE(out) << out.error().text;
    return out ? std::move(*out) : nullptr;
  }
  base::TempFolder folder_;
  base::SystemClock clock_;
  ledger::MemoryPendingStore pending_;
  MemoryEventStore store_;
  std::unique_ptr<ledger::local::LocalLedger> ledger_;
  std::unique_ptr<ledger::Rpc> rpc_;
};

TEST_F(SyncTest, follows_pushed_blocks_without_waiting_for_a_poll) {
  const auto follower = sync(60'000);
  ASSERT_TRUE(follower);
  const auto sender = std::move(*ledger::TxSender::start(*rpc_, ledger_->faucet(), pending_, clock_));
  const auto head = [&] {
    std::uint64_t out = 0;
    follower->read([&](const Book&, std::uint64_t number) { out = number; });
    return out;
  };
  const auto start = Clock::now();
  for (int i = 0; i < 20; ++i) {
    const auto seen = follower->wait_beyond(0, 0, {});
    ledger::TxRequest request;
    request.to = ledger_->faucet().address();
    const auto receipt = sender->send(request);
    ASSERT_TRUE(receipt) << receipt.error().text;
    const auto deadline = Clock::now() + std::chrono::seconds(20);
    for (auto version = seen; head() < receipt->block.number && Clock::now() < deadline;)
      version = follower->wait_beyond(version, 1'000, {});
    ASSERT_GE(head(), receipt->block.number);
  }
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(60));  // by polls it would take twenty of them
}

TEST_F(SyncTest, ends_without_cancelling_other_calls) {
  sync(50).reset();
  EXPECT_TRUE(rpc_->block_number());
}

}  // namespace
}  // namespace koinon::market
