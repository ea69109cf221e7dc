#include "ledger/local/local_ledger.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "ledger/contracts/sample.hpp"
#include "ledger/deployment.hpp"
#include "ledger/local/kill_rounds.hpp"
#include "ledger/log_index.hpp"
#include "ledger/subscription.hpp"

namespace koinon::ledger::local {
namespace {

using contracts::Sample;
using nlohmann::json;

/// A ledger in a folder of its own; each test states what it does with it.
class LocalLedgerTest : public testing::Test {
 protected:
  std::unique_ptr<LocalLedger> start(std::uint64_t dump_every = 500) {
    LocalLedgerOptions options;
    options.folder = folder_.path();
    options.dump_every_blocks = dump_every;
    auto out = LocalLedger::start(options);
    if (!out) {
      ADD_FAILURE() << out.error().text;
      return nullptr;
    }
    return std::move(*out);
  }
  static std::unique_ptr<Rpc> client(const LocalLedger& ledger) { return std::move(*Rpc::open(ledger.url())); }
  static TxOptions quick() {
    TxOptions options;
    options.poll_ms = 20;
    return options;
  }
  Result<Address> deploy_sample(Rpc& rpc, TxSender& sender) {
    KOINON_TRY(auto code, Sample::creation_code(base::Wei(1'000)));
    TxRequest request;
    request.data = std::move(code);
    KOINON_TRY(const auto receipt, sender.send(request));
    (void)rpc;
    return *receipt.created;
  }

  base::TempFolder folder_;
  base::SystemClock clock_;
  MemoryPendingStore store_;
};

TEST_F(LocalLedgerTest, serves_calls_transactions_and_events) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  ASSERT_TRUE(sender) << sender.error().text;
  const auto address = deploy_sample(*rpc, **sender);
  ASSERT_TRUE(address) << address.error().text;
  const Sample sample(*rpc, *address);
  EXPECT_EQ(sample.limit().value(), base::Wei(1'000));
  auto receipt = (*sender)->send(sample.store(base::Wei(7), "seven").value());
  ASSERT_TRUE(receipt) << receipt.error().text;
  ASSERT_EQ(receipt->logs.size(), 1u);
  const auto stored = Sample::Stored::decode(receipt->logs[0]);
  ASSERT_TRUE(stored) << stored.error().text;
  EXPECT_EQ(stored->name, "seven");
  EXPECT_EQ(stored->key, base::Wei(7));
  EXPECT_EQ(sample.seeds(base::Wei(7)).value(), stored->seed);
  EXPECT_NE(event_json(Sample::entries(), receipt->logs[0]).value().find("\"seven\""), std::string::npos);
}

TEST_F(LocalLedgerTest, names_custom_errors_and_reasons) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  const Sample sample(*rpc, deploy_sample(*rpc, **sender).value());
  const auto refused = (*sender)->submit(sample.store(base::Wei(2'000), "x").value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::ledger);
  EXPECT_NE(refused.error().text.find("TooMuch(asked: \"2000\", limit: \"1000\")"), std::string::npos) << refused.error().text;
  auto forced = sample.store(base::Wei(2'000), "x").value();
  forced.gas_limit = 200'000;
  const auto reverted = (*sender)->send(forced);
  ASSERT_FALSE(reverted);
  EXPECT_NE(reverted.error().text.find("TooMuch"), std::string::npos) << reverted.error().text;
}

TEST_F(LocalLedgerTest, echoes_every_shape_of_argument) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  const Sample sample(*rpc, deploy_sample(*rpc, **sender).value());
  Sample::Item item;
  item.owner = ledger->faucet().address();
  item.name = "a name that is longer than one word of thirty-two bytes";
  item.parts = {{1, {base::Hash{}, ledger->faucet().sign({}).r}}, {2, {}}};
  item.offset = -5;
  item.amount = base::Wei::parse("340282366920938463463374607431768211455").value();
  item.active = true;
  const auto back = sample.echo(item, {1, 2, 255}, {9, 8, 7});
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(back->arg0, item);
  EXPECT_EQ(back->arg1, (std::vector<std::uint8_t>{1, 2, 255}));
  EXPECT_EQ(back->arg2, (base::Bytes{9, 8, 7}));
  item.amount = base::Wei::parse("340282366920938463463374607431768211456").value();
  EXPECT_EQ(sample.echo(item, {1, 2, 255}, {}).error().code, Code::invalid_argument);
}

TEST_F(LocalLedgerTest, refuses_what_would_change_the_chain_otherwise) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  for (const auto* method :
       {"anvil_setBalance", "anvil_mine", "evm_mine", "evm_snapshot", "hardhat_reset", "eth_sendTransaction", "eth_sign",
        "eth_signTypedData_v4", "personal_sign", "anvil_impersonateAccount", "debug_setHead"})
    EXPECT_EQ(rpc->call(method, json::array()).error().code, Code::unsupported) << method;
  EXPECT_FALSE(rpc->send_raw(base::Bytes{2, 1, 2}));
  EXPECT_TRUE(rpc->block_number());
}

TEST_F(LocalLedgerTest, answers_batches_of_every_mixture) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  const auto reads = rpc->batch({{"eth_chainId", "[]"}, {"eth_getBalance", R"(["0x12"])"}, {"eth_blockNumber", "[]"}});
  ASSERT_TRUE(reads) << reads.error().text;
  EXPECT_EQ((*reads)[0].value(), "0x7a69");
  EXPECT_FALSE((*reads)[1]);
  EXPECT_TRUE((*reads)[2]);
  const auto mixed = rpc->batch({{"eth_chainId", "[]"}, {"evm_mine", "[]"}, {"eth_accounts", "[]"}});
  ASSERT_TRUE(mixed) << mixed.error().text;
  EXPECT_EQ((*mixed)[0].value(), "0x7a69");
  EXPECT_EQ((*mixed)[1].error().code, Code::unsupported);
  EXPECT_EQ((*mixed)[2].value(), json::array());
}

TEST_F(LocalLedgerTest, keeps_everything_over_a_stop_and_a_start) {
  base::Hash before;
  base::Address address;
  {
    auto ledger = start(3);
    ASSERT_TRUE(ledger);
    auto rpc = client(*ledger);
    auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
    address = deploy_sample(*rpc, **sender).value();
    const Sample sample(*rpc, address);
    for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE((*sender)->send(sample.store(base::Wei(i), "x").value()));
    before = sample.seeds(base::Wei(9)).value();
  }
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  EXPECT_EQ(Sample(*rpc, address).seeds(base::Wei(9)).value(), before);
  auto logs = rpc->logs({{address}, {Sample::Stored::topic()}, std::nullopt, 0, rpc->block_number().value()});
  ASSERT_TRUE(logs) << logs.error().text;
  EXPECT_EQ(logs->size(), 10u);
}

TEST_F(LocalLedgerTest, survives_the_death_of_anvil) {
  auto ledger = start(7);
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  const Sample sample(*rpc, deploy_sample(*rpc, **sender).value());
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) {
      const auto done = (*sender)->send(sample.increase(1).value());
      ASSERT_TRUE(done) << done.error().text;
    }
    ::kill(ledger->anvil_pid(), SIGKILL);
    const auto after = (*sender)->send(sample.increase(1).value());
    ASSERT_TRUE(after) << after.error().text;
  }
  EXPECT_EQ(sample.count().value(), 25u);
  EXPECT_GE(ledger->stats().restarts, 5u);
}

/// Children of this process now: anvil, also while it is still being brought back.
std::vector<pid_t> children() {
  std::vector<pid_t> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (pid_t pid = 0; file >> pid;) out.push_back(pid);
  }
  return out;
}

TEST_F(LocalLedgerTest, survives_deaths_of_anvil_while_it_is_brought_back) {
  auto ledger = start(7);
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  const Sample sample(*rpc, deploy_sample(*rpc, **sender).value());
  std::uint64_t sent = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i, ++sent) ASSERT_TRUE((*sender)->send(sample.increase(1).value()));
    // Each new one is killed a little later than the one before, so that one of them is in the middle of its replay.
    for (int kills = 0; kills < 12; ++kills) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 * kills));
      for (const auto pid : children()) ::kill(pid, SIGKILL);
    }
    const auto after = (*sender)->send(sample.increase(1).value());
    ASSERT_TRUE(after) << after.error().text;
    ++sent;
  }
  EXPECT_EQ(sample.count().value(), sent);
}

TEST_F(LocalLedgerTest, two_processes_do_not_share_a_folder) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  LocalLedgerOptions options;
  options.folder = folder_.path();
  EXPECT_EQ(LocalLedger::start(options).error().code, Code::conflict);
}

TEST_F(LocalLedgerTest, pushes_new_heads) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  HeadWatcher heads(*rpc, ledger->websocket_url(), 10'000);
  const auto first = heads.next(1'000);
  ASSERT_TRUE(first);
  EXPECT_TRUE(heads.is_subscribed());
  const auto second = heads.next(8'000);
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_GT(*second, *first);
}

TEST_F(LocalLedgerTest, answers_over_a_websocket_too) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = Rpc::open(ledger->websocket_url());
  ASSERT_TRUE(rpc);
  EXPECT_EQ((*rpc)->chain_id().value(), 31'337u);
}

TEST_F(LocalLedgerTest, kill_9_at_random_moments_loses_no_accepted_transaction) { survive_kills(5); }

TEST_F(LocalLedgerTest, deploys_a_plan_and_verifies_it) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  auto artifact = ContractArtifact::load("ledger/testdata/Sample.json");
  ASSERT_TRUE(artifact) << artifact.error().text;
  std::map<std::string, Address> seen;
  const DeployStep step{*artifact, [&](const std::map<std::string, Address>& addresses) -> Result<abi::Value> {
                          seen = addresses;
                          abi::Value out;
                          out.items = {abi::value_of(std::uint64_t{5})};
                          return out;
                        }};
  auto deployment = deploy(*rpc, **sender, {step}, "1");
  ASSERT_TRUE(deployment) << deployment.error().text;
  EXPECT_EQ(deployment->address("Sample").value(), seen.at("Sample"));
  const auto again = Deployment::from_json(deployment->to_json());
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_TRUE(again->verify(*rpc));
  auto changed = *again;
  changed.contracts["Sample"].code_hash.bytes[0] ^= 1;
  EXPECT_EQ(changed.verify(*rpc).error().code, Code::conflict);
  changed = *again;
  changed.chain_id = 1;
  EXPECT_EQ(changed.verify(*rpc).error().code, Code::conflict);
}

TEST_F(LocalLedgerTest, a_deployment_that_was_broken_off_goes_on_where_it_stopped) {
  auto ledger = start();
  ASSERT_TRUE(ledger);
  auto rpc = client(*ledger);
  std::vector<DeployStep> plan;
  for (const auto* name : {"First", "Second", "Third"}) {
    auto artifact = ContractArtifact::load("ledger/testdata/Sample.json").value();
    artifact.name = name;
    plan.push_back({std::move(artifact), [](const auto&) -> Result<abi::Value> {
                      abi::Value out;
                      out.items = {abi::value_of(std::uint64_t{5})};
                      return out;
                    }});
  }
  EXPECT_GT(deploy_gas(plan).value(), 3 * 53'000U);
  DeployOptions options{folder_.path() / "deployment.json.began", {}};
  {
    auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
    options.progress = [&](const std::string&, std::size_t done, std::size_t) {
      if (done == 2) (*sender)->stop();
    };
    EXPECT_FALSE(deploy(*rpc, **sender, plan, "1", options));
  }
  const auto nonce = rpc->nonce(ledger->faucet().address()).value();
  EXPECT_TRUE(std::filesystem::exists(options.journal));
  auto sender = TxSender::start(*rpc, ledger->faucet(), store_, clock_, quick());
  options.progress = {};
  std::vector<DeployStep> other(plan.begin(), plan.begin() + 2);
  EXPECT_EQ(deploy(*rpc, **sender, other, "1", options).error().code, Code::conflict);
  const auto done = deploy(*rpc, **sender, plan, "1", options);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->contracts.size(), 3U);
  EXPECT_TRUE(done->verify(*rpc));
  EXPECT_EQ(rpc->nonce(ledger->faucet().address()).value(), nonce + 1) << "only the third was left";
  EXPECT_FALSE(std::filesystem::exists(options.journal));
}

}  // namespace
}  // namespace koinon::ledger::local
