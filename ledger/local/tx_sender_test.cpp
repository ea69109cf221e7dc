#include "ledger/tx_sender.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "ledger/local/anvil_fixture.hpp"
#include "net/http_client.hpp"

namespace koinon::ledger {
namespace {

/// Senders on a chain where the test decides when a block comes.
class SenderTest : public AnvilTest {
 protected:
  std::unique_ptr<TxSender> sender(std::int64_t stuck_ms = 60'000, std::uint64_t confirmations = 1) {
    TxOptions options;
    options.poll_ms = 10;
    options.stuck_after_ms = stuck_ms;
    options.confirmations = confirmations;
    options.idle_ms = 50;
    return std::move(*TxSender::start(rpc(), key_, store_, clock_, options));
  }
  TxRequest request() { return Sample(rpc(), address_).increase(1).value(); }
  static bool eventually(const std::function<bool()>& happens) {
    for (int i = 0; i < 500; ++i) {
      if (happens()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  /// Takes the newest blocks back and what was in them out of the pool.
  void remove_blocks(int count) {
    ask("anvil_reorg", json::array({count, json::array()}));
    ask("anvil_dropAllTransactions", json::array());
  }
  /// Mines until the lane is done; true when the contract has then counted to `count`.
  bool mines_all(const TxSender& lane, std::uint64_t count) {
    return eventually([&] {
      ask("evm_mine", json::array());
      const auto counted = Sample(rpc(), address_).count();
      return lane.in_flight() == 0 && counted && *counted == count;
    });
  }
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
  EXPECT_EQ(lane->in_flight(), 0u);
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
  EXPECT_EQ(lane->sent(request().data), nonce) << "so that it is not sent twice";
  EXPECT_FALSE(lane->sent(base::Bytes(40, 7)));
  EXPECT_FALSE(lane->sent({}));
  const auto next = lane->submit(request()).value();
  EXPECT_EQ(next, nonce + 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ask("evm_mine", json::array());
  EXPECT_TRUE(lane->wait(nonce, 10'000));
  EXPECT_TRUE(lane->wait(next, 10'000));
  EXPECT_FALSE(lane->sent(request().data)) << "done";
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

TEST_F(SenderTest, forgets_what_is_final_and_not_before) {
  auto lane = sender();
  const auto nonce = lane->submit(request()).value();
  ask("evm_mine", json::array());
  ASSERT_TRUE(lane->wait(nonce, 10'000));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(store_.load(key_.address())->size(), 1u);
  ask("anvil_mine", json::array({"0x40"}));
  EXPECT_TRUE(eventually([&] { return store_.load(key_.address())->empty(); }));
}

TEST_F(SenderTest, sends_again_in_order_what_was_done_when_a_reorg_removed_it) {
  auto lane = sender();
  for (int i = 0; i < 3; ++i) {
    const auto nonce = lane->submit(request()).value();
    ask("evm_mine", json::array());
    ASSERT_TRUE(lane->wait(nonce, 10'000));
  }
  remove_blocks(3);
  ASSERT_EQ(Sample(rpc(), address_).count().value(), 0u);
  // Nothing else would ever be mined: its nonce is three above the chain's.
  const auto next = lane->submit(request()).value();
  EXPECT_TRUE(mines_all(*lane, 4));
  EXPECT_TRUE(lane->wait(next, 10'000));
}

TEST_F(SenderTest, sends_again_after_a_restart_what_a_reorg_removed_meanwhile) {
  {
    auto lane = sender();
    for (int i = 0; i < 3; ++i) {
      const auto nonce = lane->submit(request()).value();
      ask("evm_mine", json::array());
      ASSERT_TRUE(lane->wait(nonce, 10'000));
    }
  }
  remove_blocks(2);
  ASSERT_EQ(Sample(rpc(), address_).count().value(), 1u);
  auto lane = sender();
  ASSERT_TRUE(lane->submit(request()));
  EXPECT_TRUE(mines_all(*lane, 4));
}

TEST_F(SenderTest, fills_a_gap_that_nobody_here_knows) {
  const auto before = rpc().nonce(key_.address()).value();
  send(key_.address(), {});  // by another hand
  ask("evm_mine", json::array());
  auto lane = sender(300);
  const auto nonce = lane->submit(request()).value();
  EXPECT_EQ(nonce, before + 1);
  ask("anvil_dropAllTransactions", json::array());
  remove_blocks(1);
  EXPECT_TRUE(mines_all(*lane, 1));
  EXPECT_TRUE(lane->wait(nonce, 10'000));
}

TEST_F(SenderTest, finds_its_own_transaction_behind_a_used_nonce) {
  // What a connection does that breaks after the server took the transaction: it is sent twice.
  class Twice final : public RpcTransport {
   public:
    explicit Twice(const std::string& url) : url_(url) {}
    Result<Answer> exchange(const std::string& body, std::stop_token stop) override {
      auto first = client_.post(url_, body, "application/json", stop);
      if (body.find("eth_sendRawTransaction") != std::string::npos) {
        (void)client_.post(url_, R"({"jsonrpc":"2.0","id":1,"method":"evm_mine","params":[]})");
        first = client_.post(url_, body, "application/json", stop);
        refused += first && first->body_text().find("nonce too low") != std::string::npos ? 1 : 0;
      }
      KOINON_TRY(const auto answer, std::move(first));
      return Answer{answer.status, answer.body_text(), 0};
    }
    std::atomic<int> refused = 0;

   private:
    std::string url_;
    net::HttpClient client_;
  };
  auto transport = std::make_unique<Twice>(anvil_->url());
  auto* twice = transport.get();
  Rpc rpc_twice(std::move(transport), {});
  auto lane = std::move(*TxSender::start(rpc_twice, key_, store_, clock_, {}));
  for (int i = 0; i < 3; ++i) {
    const auto sent = lane->send(request());
    ASSERT_TRUE(sent) << sent.error().text;
  }
  EXPECT_GE(twice->refused, 3);
  EXPECT_EQ(Sample(rpc(), address_).count().value(), 3u);
}

TEST_F(SenderTest, a_revert_at_estimation_leaves_no_gap) {
  auto lane = sender();
  std::atomic<int> taken = 0;
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 6; ++n) {
          const auto sent = lane->submit(n % 2 == 0 ? request() : Sample(rpc(), address_).store(base::Wei(9), "x").value());
          if (sent)
            ++taken;
          else if (sent.error().text.find("TooMuch") != std::string::npos)
            ++refused;
        }
      });
  }
  EXPECT_EQ(taken, 12);
  EXPECT_EQ(refused, 12);
  EXPECT_TRUE(mines_all(*lane, 12));
}

TEST_F(SenderTest, a_key_has_one_sender_at_a_time) {
  auto lane = sender();
  const auto second = TxSender::start(rpc(), key_, store_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  lane.reset();
  EXPECT_TRUE(TxSender::start(rpc(), key_, store_, clock_));
}

TEST_F(SenderTest, stop_ends_who_waits_and_nobody_else) {
  auto lane = sender();
  const auto nonce = lane->submit(request()).value();
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    lane->stop();
  });
  EXPECT_EQ(lane->wait(nonce, 20'000).error().code, Code::cancelled);
  EXPECT_EQ(lane->submit(request()).error().code, Code::cancelled);
  EXPECT_TRUE(rpc().block_number());
  other.join();
  EXPECT_EQ(store_.load(key_.address())->size(), 1u);
}

}  // namespace
}  // namespace koinon::ledger
