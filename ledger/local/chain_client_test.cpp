#include "ledger/local/anvil_fixture.hpp"
#include "ledger/log_index.hpp"

namespace koinon::ledger {
namespace {

/// An index whose sink plays the database.
class ChainTest : public AnvilTest {
 protected:
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

TEST_F(ChainTest, keeps_no_long_data_in_its_cursor) {
  // Creates a contract that logs 8 KiB of zeros at every call: PUSH2 0x2000, PUSH1 0, LOG0, STOP.
  const auto nonce = rpc().nonce(key_.address()).value();
  mine_with(std::nullopt, base::from_hex("0x666120006000a00060005260076019f3").value());
  LogIndexOptions options;
  options.addresses = {contract_address(key_.address(), nonce)};
  std::vector<Log> added;
  std::vector<Log> removed;
  LogIndex follower(rpc(), options, {}, [&](const LogUpdate& update) -> Status {
    added.insert(added.end(), update.added.begin(), update.added.end());
    removed.insert(removed.end(), update.removed.begin(), update.removed.end());
    return {};
  });
  mine_with(options.addresses[0], {});
  ASSERT_TRUE(follower.catch_up());
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(added[0].data.size(), 8'192u);
  ask("anvil_reorg", json::array({1, json::array()}));
  ASSERT_TRUE(follower.catch_up());
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_TRUE(removed[0].data.empty());
  EXPECT_EQ(removed[0].topics, added[0].topics);
  EXPECT_EQ(removed[0].block.hash, added[0].block.hash);
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

}  // namespace
}  // namespace koinon::ledger
