#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/random.hpp"
#include "ledger/keystore.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"
#include "net/http_client.hpp"
#include "node/api/api.hpp"
#include "test/e2e/world.hpp"
#include "work/inference/inference.hpp"

namespace koinon::test::reorg {
namespace {

using base::Wei;
using e2e::eventually;
using e2e::Member;
using market::Phase;
using nlohmann::json;

template <class T>
T need(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}
void need(const base::Status& status) {
  if (!status) throw std::runtime_error(status.error().text);
}

/// A chain that keeps its history and takes blocks back when told to; nodes reach it as any Ethereum network. A block every 200
/// ms.
class Network {
 public:
  explicit Network(const market::MarketConfig& terms = e2e::quick_market()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    anvil_ = need(ledger::local::Anvil::start(
        need(ledger::local::find_anvil()),
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()), true));
    deployer_ =
        need(ledger::unlock_or_create(folder_.path() / "deployer.json", folder_.path() / "deployer.password", random_, kCheap));
    give_coins(deployer_->address());
    miner_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        if (mining_) (void)anvil_->rpc().call("evm_mine", json::array()).has_value();
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
    });
    ledger::TxOptions options;
    options.poll_ms = 50;
    store_ = need(node::Store::open(folder_.path() / "deployer.sqlite"));
    sender_ = need(ledger::TxSender::start(anvil_->rpc(), *deployer_, store_->pending, clock_, options));
    deployment_ = need(market::deploy_market(anvil_->rpc(), *sender_, terms));
    need(deployment_.save(folder_.path() / "deployment.json"));
  }

  std::unique_ptr<Member> join(const std::string& name, bool provide,
                               const std::function<void(node::NodeOptions&, Member&)>& change = {}) {
    auto member = std::make_unique<Member>();
    member->name = name;
    const auto keystore = member->folder.path() / "keystore";
    need(base::make_folder(keystore));
    const auto key =
        need(ledger::unlock_or_create(keystore / "operator.json", member->folder.path() / "password", random_, kCheap));
    give_coins(key.address());
    const auto tokens = need(Wei::parse_tokens("50"));
    market::Accounts bank(anvil_->rpc(), *sender_, need(market::MarketAddresses::of(deployment_)));
    need(bank.send_tokens(key.address(), tokens));
    node::NodeOptions options;
    options.config.data = member->folder.path();
    options.config.keystore = keystore;
    options.config.password_file = member->folder.path() / "password";
    options.config.http_port = 0;
    options.config.ledger_url = anvil_->url();
    options.config.deployment = folder_.path() / "deployment.json";
    options.config.private_peers = node::PrivatePeers::allowed;
    options.make_router = [](node::Node& made) { return node::make_api(made); };
    options.config.provider.price = e2e::prices(1);
    options.config.provider.stake = need(Wei::parse_tokens("20"));
    options.provide = provide;
    need(options.kinds.add(std::make_unique<work::Inference>()));
    if (change) change(options, *member);
    member->node = need(node::Node::start(std::move(options)));
    if (!provide) need(member->node->accounts().deposit(member->account(), tokens));
    return member;
  }

  /// Takes the newest `depth` blocks back, with all that they hold, and puts empty ones in their place. No block comes until
  /// resume().
  void reorganise(std::uint64_t depth) {
    mining_ = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    need(anvil_->rpc().call("anvil_reorg", json::array({depth, json::array()})));
  }
  void resume() { mining_ = true; }
  std::uint64_t head() { return need(anvil_->rpc().block_number()); }

 private:
  static constexpr ledger::ScryptCost kCheap{1u << 12, 8, 1};
  void give_coins(const base::Address& to) {
    need(anvil_->rpc().call("anvil_setBalance", json::array({base::to_hex(to), "0x56bc75e2d63100000"})));
  }

  base::TempFolder folder_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<ledger::local::Anvil> anvil_;
  std::optional<ledger::Key> deployer_;
  std::atomic<bool> mining_ = true;
  std::jthread miner_;
  std::unique_ptr<node::Store> store_;
  std::unique_ptr<ledger::TxSender> sender_;
  ledger::Deployment deployment_;
};

std::optional<market::OrderView> order_in(Member& member, std::uint64_t id) {
  std::optional<market::OrderView> out;
  member.node->sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* found = book.order(id)) out = *found;
  });
  return out;
}

bool is_settled(Member& member, std::uint64_t id) {
  const auto order = order_in(member, id);
  return order && order->phase == Phase::settled;
}

TEST(Reorg, settlement_that_is_taken_back_happens_again_and_the_receipt_follows) {
  Network network;
  std::vector<std::unique_ptr<Member>> providers;
  for (int i = 0; i < 3; ++i) providers.push_back(network.join(fmt::format("provider {}", i), true));
  const auto buyer = network.join("buyer", false);
  auto& node = *buyer->node;

  const auto model = e2e::small_model();
  market::Purchase wanted;
  wanted.max_price = e2e::prices(1);
  wanted.audit_bps = 0;
  wanted.commit_window = 20;
  wanted.spec = model.id;
  wanted.artifact = need(node.artifacts().put(model.file));
  wanted.inputs = model.input(1);
  const auto id = need(node.buyer().place(wanted));
  ASSERT_TRUE(eventually([&] { return is_settled(*buyer, id); }, 60'000));
  const auto first = *order_in(*buyer, id);

  // All blocks from the settlement on are gone; what came before stays.
  net::HttpClient http;
  const auto api_status = [&](const std::string& path) { return need(http.get(node.url() + path)).status; };
  const auto receipt_path = fmt::format("/api/v1/receipts/{}", id);
  ASSERT_TRUE(eventually([&] { return api_status(receipt_path) == 200; }));
  network.reorganise(network.head() - first.settled_block + 1);
  ASSERT_TRUE(eventually([&] {
    const auto order = order_in(*buyer, id);
    return order && (order->phase == Phase::standing || order->settled_block != first.settled_block ||
                     order->settled_tx != first.settled_tx);
  })) << "the book never noticed";
  // What the receipt says is not true meanwhile.
  EXPECT_EQ(api_status(receipt_path), 404);
  const auto shown = json::parse(need(http.get(node.url() + fmt::format("/api/v1/orders/{}", id))).body_text(), nullptr, false);
  EXPECT_EQ(shown["state"], "standing");
  EXPECT_TRUE(shown["receipt_url"].is_null());
  network.resume();
  ASSERT_TRUE(eventually([&] { return is_settled(*buyer, id); }, 60'000)) << "the order was never settled again";

  const auto again = *order_in(*buyer, id);
  EXPECT_GT(again.settled_block, first.settled_block);
  EXPECT_EQ(again.verdict->output_root, model.run(wanted.inputs).roots.output);
  e2e::expect_conserved(again);
  for (const auto& provider : providers) EXPECT_EQ(again.seat(provider->account())->paid, e2e::net_price());
  // The receipt names the settlement that stands.
  ASSERT_TRUE(eventually([&] {
    const auto kept = node.store().receipts.get(std::to_string(id));
    if (!kept) return false;
    const auto receipt = market::Receipt::from_json(kept->body);
    if (!receipt || receipt->settled_block != again.settled_block || !market::verify_offline(*receipt)) return false;
    bool good = false;
    node.sync().read(
        [&](const market::Book& book, std::uint64_t) { good = market::verify_on_ledger(*receipt, book).has_value(); });
    return good;
  })) << "the receipt does not follow";
  EXPECT_EQ(api_status(receipt_path), 200);

  // Everybody's lane of transactions goes on: another order.
  wanted.inputs = model.input(2);
  const auto second = need(node.buyer().place(wanted));
  EXPECT_TRUE(eventually([&] { return is_settled(*buyer, second); }, 60'000));
}

TEST(Reorg, challenge_that_is_taken_back_is_made_again_and_the_liar_beaten) {
  auto terms = e2e::quick_market();
  terms.appeal_window = 30;
  terms.prove_window = 30;
  Network network(terms);
  const auto liar = network.join("liar", true, [](node::NodeOptions& options, Member& member) {
    member.conduct->seller = e2e::Mood::errs;
    options.make_seller = [conduct = member.conduct](const market::Services& services) {
      return std::make_unique<e2e::ActingSeller>(services, conduct);
    };
  });
  const auto watcher = network.join("watcher", false, [](node::NodeOptions& options, Member&) { options.watch.others = true; });
  const auto buyer = network.join("buyer", false);
  auto& node = *buyer->node;
  const auto model = e2e::small_model();
  market::Purchase wanted;
  wanted.check = 1;
  wanted.n = wanted.k = 1;
  wanted.max_price = e2e::prices(1);
  wanted.audit_bps = 0;
  wanted.commit_window = 20;
  wanted.spec = model.id;
  wanted.artifact = need(node.artifacts().put(model.file));
  wanted.inputs = model.input(1);
  const auto id = need(node.buyer().place(wanted));
  const auto challenged = [&] {
    const auto order = order_in(*buyer, id);
    return order && !order->dispute.challenges.empty();
  };
  ASSERT_TRUE(eventually(challenged, 60'000));
  const auto block = order_in(*buyer, id)->dispute.challenges[0].block;
  network.reorganise(network.head() - block + 1);
  EXPECT_TRUE(eventually([&] { return !challenged(); })) << "the book never noticed";
  network.resume();
  ASSERT_TRUE(eventually(
      [&] {
        const auto order = order_in(*buyer, id);
        return order && market::is_final(order->phase);
      },
      90'000))
      << "the order never ended";
  const auto order = *order_in(*buyer, id);
  EXPECT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, market::kRefuted);
  EXPECT_EQ(order.dispute.winner, std::optional(watcher->account()));
  EXPECT_EQ(order.seat(liar->account())->slashed, e2e::prices(20));
  // The same commitment, sent twice by different means, may stand twice: nobody loses by it.
  ASSERT_TRUE(eventually([&] {
    const auto now = *order_in(*buyer, id);
    return std::ranges::all_of(now.dispute.challenges, [](const auto& one) { return one.closed; });
  }));
  e2e::expect_conserved(*order_in(*buyer, id));
}

}  // namespace
}  // namespace koinon::test::reorg
