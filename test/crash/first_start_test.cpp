#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/file.hpp"
#include "ledger/keystore.hpp"
#include "market/onchain/onchain.hpp"
#include "market/sync/sync.hpp"
#include "test/crash/fatal_proxy.hpp"
#include "test/crash/network.hpp"

namespace koinon::test::crash {
namespace {

using nlohmann::json;
using process::Process;

constexpr std::int64_t kStartMs = 120'000;
constexpr auto kStake = "10";
constexpr auto kWorking = "1000";  ///< tokens that a new account gets on a local ledger, once

template <class T>
T need(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}

/// A data folder whose keystore is there already, and cheap: a start is killed many times here.
struct Home {
  base::TempFolder folder;
  base::Address address;
  Home() {
    base::SystemRandom random;
    EXPECT_TRUE(base::make_folder(folder.path() / "keystore"));
    address = need(ledger::unlock_or_create(folder.path() / "keystore" / "operator.json", folder.path() / "password", random,
                                            {1u << 12, 8, 1}))
                  .address();
  }
};

Process launch(const Home& home, const std::string& command, const std::string& ledger) {
  process::Start start;
  start.program = KOINON_PROGRAM;
  start.log = home.folder.path() / "log";
  start.arguments = {command, "--json", "--data", home.folder.path().string(), "--http", "127.0.0.1:0"};
  if (!ledger.empty())
    for (const auto& word : {std::string("--ledger"), ledger, std::string("--stake"), std::string(kStake)})
      start.arguments.push_back(word);
  return need(Process::start(start));
}

/// Url that it announces, or the error when it died before.
base::Result<std::string> announced(Process& process) {
  KOINON_TRY(const auto said, process.read_object(kStartMs));
  const auto object = json::parse(said, nullptr, false);
  if (!object.is_object() || !object.contains("url")) return base::fail(base::Code::malformed, "it said {}", said);
  return object["url"].get<std::string>();
}

/// The accounts that name `address`, as the ledger at `node_url` has them, read by an observer of its own.
std::vector<market::AccountView> accounts_of(const std::string& node_url, const base::Address& address) {
  net::HttpClient http;
  const auto where = json::parse(need(http.get(node_url + "/api/v1/deployment")).body_text());
  const auto deployment = need(ledger::Deployment::from_json(where["deployment"].dump()));
  const auto addresses = need(market::MarketAddresses::of(deployment));
  auto rpc = need(ledger::Rpc::open(where["rpc_url"].get<std::string>()));
  market::MemoryEventStore events;
  market::SyncOptions options;
  options.first_block = deployment.block;
  options.market = addresses.market;
  options.registry = addresses.registry;
  const auto sync = need(market::Sync::start(*rpc, events, options));
  EXPECT_TRUE(sync->catch_up());
  std::vector<market::AccountView> out;
  sync->read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, account] : book.accounts())
      if (account.owner == address || account.operator_address == address) out.push_back(account);
  });
  return out;
}

/// Of a provider. A ledger for each case: its faucet gives sixty times a minute.
class FirstStart : public testing::Test {
 protected:
  void SetUp() override {
    bank_ = std::make_unique<Home>();
    banker_ = launch(*bank_, "up", "");
    url_ = need(announced(*banker_));
    proxy_ = need(FatalProxy::start(url_));
  }
  void TearDown() override {
    proxy_.reset();
    if (banker_) banker_->stop();
    banker_.reset();
    bank_.reset();
  }

  /// Kills a provider's first start at the moment and starts it again. False when its start has no such moment.
  bool survives(const Moment& moment) {
    const Home home;
    proxy_->arm(moment);
    {
      auto first = launch(home, "provide", proxy_->url());
      proxy_->set_victim(first.pid());
      const auto url = announced(first);
      EXPECT_NE(url.has_value(), proxy_->has_struck());
      if (url) return false;
    }
    proxy_->disarm();
    auto second = launch(home, "provide", proxy_->url());
    const auto url = announced(second);
    EXPECT_TRUE(url) << url.error().text;
    expect_one_account(home);
    second.stop();
    // And a third start changes nothing.
    auto third = launch(home, "provide", proxy_->url());
    EXPECT_TRUE(announced(third));
    expect_one_account(home);
    third.stop();
    return true;
  }

  void expect_one_account(const Home& home) {
    const auto accounts = accounts_of(url_, home.address);
    ASSERT_EQ(accounts.size(), 1U);
    EXPECT_EQ(accounts[0].stake.tokens(), kStake);
    EXPECT_EQ(accounts[0].deposited.tokens(), kWorking);
    EXPECT_EQ(accounts[0].free.tokens(), "990");
    EXPECT_TRUE(accounts[0].offers.contains(0));
    EXPECT_FALSE(accounts[0].endpoint.empty());
  }

  /// Kills at the first such thing, the second, and so on, until a start does no more of them. Returns how many there were.
  int kill_at_each(const std::string& what, Moment::Side side) {
    int number = 0;
    while (number < 50 && !HasFailure() && survives({what, number + 1, side})) ++number;
    return number;
  }

  std::unique_ptr<Home> bank_;
  std::optional<Process> banker_;
  std::string url_;
  std::unique_ptr<FatalProxy> proxy_;
};

TEST_F(FirstStart, killed_before_any_of_its_transactions_opens_stakes_and_deposits_once) {
  EXPECT_GE(kill_at_each("transaction", Moment::Side::before), 5);
}

TEST_F(FirstStart, killed_after_any_of_its_transactions_opens_stakes_and_deposits_once) {
  EXPECT_GE(kill_at_each("transaction", Moment::Side::after), 5);
}

TEST_F(FirstStart, killed_around_the_faucet_opens_stakes_and_deposits_once) {
  EXPECT_GE(kill_at_each("faucet", Moment::Side::before), 2);
  EXPECT_GE(kill_at_each("faucet", Moment::Side::after), 2);
}

TEST(FirstStartOfALedger, killed_at_random_moments_opens_one_account) {
  std::mt19937_64 random(20'261'124);
  for (int round = 0; round < 3; ++round) {
    const Home home;
    for (int kill = 0; kill < 6; ++kill) {
      auto process = launch(home, "up", "");
      std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 2'500));
      process.kill();
    }
    auto process = launch(home, "up", "");
    const auto url = announced(process);
    ASSERT_TRUE(url) << url.error().text;
    const auto accounts = accounts_of(*url, home.address);
    ASSERT_EQ(accounts.size(), 1U);
    EXPECT_EQ(accounts[0].deposited.tokens(), kWorking);
    EXPECT_EQ(accounts[0].free.tokens(), kWorking);
    process.stop();
  }
}

}  // namespace
}  // namespace koinon::test::crash
