#include "test/e2e/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/log.hpp"
#include "ledger/contracts/koinon_token.hpp"
#include "ledger/contracts/registry.hpp"
#include "ledger/keystore.hpp"
#include "node/api/api.hpp"
#include "work/encrypted/encrypted.hpp"
#include "work/inference/inference.hpp"
#include "work/training/training.hpp"

namespace koinon::test::e2e {
namespace {

using base::Status;
using base::Wei;
using ledger::contracts::KoinonToken;
using ledger::contracts::Registry;

constexpr auto kTokensOfStake = "20";
/// What pays for the bonds of any test. A node that has less takes the rest from its wallet, in the middle of an order.
constexpr auto kTokensFree = "1";

/// Stops the test program: without its network no test means anything.
template <class T>
T need(base::Result<T> result, const std::string& what) {
  if (!result) {
    base::log_error("{}: {}", what, result.error().text);
    std::abort();
  }
  return *std::move(result);
}
void need(const Status& status, const std::string& what) {
  if (status) return;
  base::log_error("{}: {}", what, status.error().text);
  std::abort();
}

/// Runs `body` for every item at once.
template <class Items, class F>
void at_once(const Items& items, F body) {
  std::vector<std::jthread> threads;
  for (const auto& item : items) threads.emplace_back([&body, &item] { body(item); });
}

}  // namespace

market::MarketConfig quick_market() {
  auto out = market::local_config();
  out.draw_window = 15;
  out.input_window = 8;
  out.min_commit_window = 2;
  out.reveal_window = 8;
  out.appeal_window = 4;
  out.deliver_window = 5;
  out.unbonding_time = 3;
  return out;
}

World::World(std::size_t providers, market::MarketConfig terms) : terms_(std::move(terms)) {
  buyer_ = start("buyer", {});
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < providers; ++i) numbers.push_back(i);
  providers_.resize(providers);
  at_once(numbers, [this](std::size_t i) {
    providers_[i] = join(fmt::format("provider {}", i), [](node::NodeOptions& options) { options.provide = true; });
  });
}

World::~World() {
  at_once(providers_, [](const std::unique_ptr<Member>& member) { member->node.reset(); });
  buyer_.reset();
}

World& World::shared() {
  static World world;
  return world;
}

std::unique_ptr<Member> World::start(const std::string& name, const std::function<void(node::NodeOptions&)>& change) {
  auto member = std::make_unique<Member>();
  member->name = name;
  node::NodeOptions options;
  options.config.data = member->folder.path();
  options.config.keystore = member->folder.path() / "keystore";
  options.config.password_file = member->folder.path() / "password";
  options.config.http_port = 0;
  // A cheap keystore: making eleven of full cost would take longer than most tests.
  base::SystemRandom random;
  need(base::make_folder(options.config.keystore), name);
  need(ledger::unlock_or_create(options.config.keystore / "operator.json", options.config.password_file, random,
                                {1u << 12, 8, 1}),
       name);
  options.market = terms_;
  options.actor.demand_after_ms = 1'000;
  options.block_ms = 500;
  need(options.kinds.add(std::make_unique<work::Inference>()), "kinds");
  need(options.kinds.add(std::make_unique<work::Encrypted>()), "kinds");
  need(options.kinds.add(std::make_unique<work::Training>()), "kinds");
  options.make_router = [](node::Node& node) { return node::make_api(node); };
  options.make_seller = [conduct = member->conduct](const market::Services& services) {
    return std::make_unique<ActingSeller>(services, conduct);
  };
  options.make_buyer = [conduct = member->conduct](const market::Services& services) {
    return std::make_unique<ActingBuyer>(services, conduct);
  };
  options.config.provider.price = prices(1);
  options.config.provider.stake = Wei::parse_tokens(kTokensOfStake).value();
  if (change) change(options);
  member->node = need(node::Node::start(std::move(options)), name);
  return member;
}

std::unique_ptr<Member> World::join(const std::string& name, const std::function<void(node::NodeOptions&)>& change) {
  return start(name, [&](node::NodeOptions& options) {
    options.config.ledger_url = buyer_->node->url();
    if (change) change(options);
  });
}

void World::offer(const std::vector<std::size_t>& providers, bool active) {
  at_once(providers, [&](std::size_t i) {
    auto& member = *providers_.at(i);
    // Who was just suspended is about to offer again by itself: let it, so that its transaction does not come after ours.
    market::Offer now;
    eventually(
        [&] {
          bool busy = false;
          need(member.node->sync().catch_up(), "catch up");
          member.node->sync().read([&](const market::Book& book, std::uint64_t) {
            const auto& account = *book.account(member.account());
            if (const auto at = account.offers.find(0); at != account.offers.end()) now = at->second;
            const auto soon = member.node->clock().now_ms() + 10'000;
            for (const auto& renewal : market::renewals(account)) busy = busy || (renewal.due_ms && *renewal.due_ms < soon);
          });
          return !busy;
        },
        15'000);
    if (now.active != active || now.suspended)
      need(member.node->accounts().set_offer(member.account(), 0, kTier, active), "offer");
  });
}

void World::fill_up() {
  const auto enough = Wei::parse_tokens(kTokensFree).value();
  const auto known = money();
  at_once(providers_, [&](const std::unique_ptr<Member>& member) {
    if (known.free.at(member->account()) >= enough) return;
    auto& node = *member->node;
    need(node.fund(node.operator_address(), enough), "fund");
    need(node.accounts().deposit(member->account(), enough), "deposit");
  });
}

void World::cast(const std::vector<std::size_t>& providers) {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    providers_[i]->conduct->seller = Mood::honest;
    providers_[i]->conduct->hold = false;
    if (std::ranges::find(providers, i) == providers.end()) others.push_back(i);
  }
  buyer_->conduct->buyer = BuyerMood::honest;
  fill_up();
  offer(others, false);
  offer(providers, true);
}

void World::enter(const std::vector<std::size_t>& providers) { offer(providers, true); }

market::Purchase World::purchase(const Model& model, std::uint64_t input, Member& from) {
  market::Purchase out;
  out.max_price = prices(1);
  out.audit_bps = 0;
  out.commit_window = 20;
  out.spec = model.id;
  out.model = model.program.metadata.name;
  out.artifact = need(from.node->artifacts().put(model.file), "model");
  out.inputs = model.input(input);
  return out;
}

std::uint64_t World::place(const market::Purchase& purchase, Member& from) {
  const auto id = need(from.node->buyer().place(purchase), "place");
  EXPECT_TRUE(eventually([&] {
    bool seen = false;
    from.node->sync().read([&](const market::Book& book, std::uint64_t) { seen = book.order(id) != nullptr; });
    return seen;
  })) << "order "
      << id << " never came into the book";
  return id;
}

market::OrderView World::order(std::uint64_t id) {
  market::OrderView out;
  buyer_->node->sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* found = book.order(id)) out = *found;
  });
  return out;
}

market::OrderView World::await(std::uint64_t id, const std::function<bool(const market::OrderView&)>& reached,
                               std::int64_t timeout_ms) {
  market::OrderView seen;
  const bool good = eventually(
      [&] {
        seen = order(id);
        return seen.id == id && reached(seen);
      },
      timeout_ms);
  if (!good) {
    std::string story;
    for (const auto& line : seen.story) story += fmt::format("\n  {} {}", line.name, line.text);
    ADD_FAILURE() << "order " << id << " stays " << market::phase_name(seen.phase) << story;
  }
  return seen;
}

market::OrderView World::await_end(std::uint64_t id) {
  return await(id, [](const market::OrderView& order) { return market::is_final(order.phase); }, 120'000);
}

market::Receipt World::receipt(std::uint64_t id, Member& from) {
  std::optional<market::Receipt> out;
  const bool issued = eventually([&] {
    const auto kept = from.node->store().receipts.get(std::to_string(id));
    if (!kept) return false;
    if (auto read = market::Receipt::from_json(kept->body)) out = *std::move(read);
    return out.has_value();
  });
  EXPECT_TRUE(issued) << "no receipt of order " << id;
  return out.value_or(market::Receipt{});
}

Money World::money() {
  Money out;
  need(buyer_->node->sync().catch_up(), "catch up");
  buyer_->node->sync().read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, account] : book.accounts()) {
      out.free[id] = account.free;
      out.stake[id] = account.stake;
    }
  });
  return out;
}

void World::expect_book_matches_ledger() {
  auto& node = *buyer_->node;
  need(node.sync().catch_up(), "catch up");
  node.sync().read([&](const market::Book& book, std::uint64_t) { expect_book_matches(node.rpc(), node.deployment(), book); });
}

void expect_book_matches(ledger::Rpc& rpc, const ledger::Deployment& deployment, const market::Book& book) {
  const auto addresses = need(market::MarketAddresses::of(deployment), "addresses");
  Registry registry(rpc, addresses.registry);
  auto owed = need(registry.held(), "held");
  owed = need(owed.plus(need(registry.burning(), "burning")), "sum");
  for (const auto& [id, known] : book.accounts()) {
    const auto account = need(registry.get_account(id), "account");
    EXPECT_EQ(account.free.text(), known.free.text()) << "free of account " << id;
    EXPECT_EQ(account.stake.text(), known.stake.text()) << "stake of account " << id;
    EXPECT_TRUE(account.locked.is_zero()) << "account " << id << " still has locked stake";
    owed = need(need(owed.plus(account.free), "sum").plus(account.stake), "sum");
  }
  const auto held = need(KoinonToken(rpc, addresses.token).balance_of(addresses.registry), "balance");
  EXPECT_EQ(held.text(), owed.text()) << "the registry holds another sum than it owes";
}

const market::Seat& seat_of(const market::OrderView& order, const Member& member) {
  static const market::Seat kNone;
  const auto* found = order.seat(member.account());
  EXPECT_NE(found, nullptr) << member.name << " has no seat in order " << order.id;
  return found == nullptr ? kNone : *found;
}

void expect_conserved(const market::OrderView& order) {
  const auto sum = [](std::initializer_list<Wei> parts) {
    Wei out;
    for (const auto& part : parts) out = out.plus(part).value();
    return out.text();
  };
  // `slashed` is in `burned` by its burned half and fees, so the whole of it stands on the side that came in.
  EXPECT_EQ(sum({order.escrow, order.bond, order.slashed, order.appeal_bonds}),
            sum({order.paid, order.burned, order.refunded, order.appeals_returned, order.challenges_burned}))
      << "order " << order.id;
}

Wei prices(std::uint64_t factor) { return market::tier_price(World::kTier).times(factor).value(); }

Wei net_price() { return prices(1).minus(prices(1).scaled(quick_market().fee_bps, 10'000).value()).value(); }

bool eventually(const std::function<bool()>& condition, std::int64_t timeout_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

std::string anvil_url() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (int pid = 0; children >> pid;) {
      std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
      std::vector<std::string> arguments;
      for (std::string one; std::getline(file, one, '\0');) arguments.push_back(one);
      for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
        if (arguments[i] == "--port") return "http://127.0.0.1:" + arguments[i + 1];
    }
  }
  ADD_FAILURE() << "this process runs no anvil";
  return {};
}

}  // namespace koinon::test::e2e
