#pragma once
#include <initializer_list>

#include "base/file.hpp"
#include "node/node.hpp"
#include "test/cast/cast.hpp"
#include "test/e2e/model.hpp"

namespace koinon::test::e2e {

using cast::ActingBuyer;
using cast::ActingSeller;
using cast::BuyerMood;
using cast::Conduct;
using cast::Mood;

/// One node of the network, and how it behaves.
struct Member {
  std::string name;
  std::shared_ptr<Conduct> conduct = std::make_shared<Conduct>();  ///< shared with the node's actors
  base::TempFolder folder;
  std::unique_ptr<node::Node> node;

  [[nodiscard]] std::uint32_t account() const { return node->account(); }
};

/// Money of every account, as the book has it.
struct Money {
  std::map<std::uint32_t, base::Wei> free;
  std::map<std::uint32_t, base::Wei> stake;
};

/// Windows short enough for tests, long enough for a busy machine.
market::MarketConfig quick_market();

/// A whole network in one process: a ledger with a buyer, and providers that work when they are cast. Every wait is bounded.
class World {
 public:
  static constexpr std::uint64_t kProviders = 10;
  /// Price of one run by a provider of this world: tier_price(kTier).
  static constexpr std::uint8_t kTier = 40;

  explicit World(std::size_t providers = kProviders, market::MarketConfig terms = quick_market());
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  /// The network that the tests of one program share; each casts it anew.
  static World& shared();

  Member& buyer() { return *buyer_; }
  /// Provider `index`.
  Member& provider(std::size_t index) { return *providers_.at(index); }
  /// Joins one more node, which buys; with `provide` in its options it sells too.
  std::unique_ptr<Member> join(const std::string& name, const std::function<void(node::NodeOptions&)>& change = {});

  /// From now on exactly these providers offer work, and everybody is honest and has money for bonds.
  void cast(const std::vector<std::size_t>& providers);
  /// These offer work too.
  void enter(const std::vector<std::size_t>& providers);

  /// A purchase of one run by quorum(3, 2) without audit, at the price that providers ask.
  market::Purchase purchase(const Model& model, std::uint64_t input, Member& from);
  market::Purchase purchase(const Model& model, std::uint64_t input) { return purchase(model, input, buyer()); }
  /// Places it and waits until the book of the buyer's node shows it.
  std::uint64_t place(const market::Purchase& purchase, Member& from);
  std::uint64_t place(const market::Purchase& purchase) { return place(purchase, buyer()); }
  /// Waits until the order is as asked, and returns it. Fails the test after `timeout_ms`.
  market::OrderView await(std::uint64_t order, const std::function<bool(const market::OrderView&)>& reached,
                          std::int64_t timeout_ms = 60'000);
  market::OrderView await_end(std::uint64_t order);
  [[nodiscard]] market::OrderView order(std::uint64_t id);
  /// The receipt that the buyer's node issued; waits for it.
  market::Receipt receipt(std::uint64_t order, Member& from);
  market::Receipt receipt(std::uint64_t order) { return receipt(order, buyer()); }

  Money money();
  /// expect_book_matches() of the buyer's book.
  void expect_book_matches_ledger();

 private:
  std::unique_ptr<Member> start(const std::string& name, const std::function<void(node::NodeOptions&)>& change);
  void offer(const std::vector<std::size_t>& providers, bool active);
  /// Sees to it that every provider has free money for bonds.
  void fill_up();
  market::MarketConfig terms_;
  std::unique_ptr<Member> buyer_;
  std::vector<std::unique_ptr<Member>> providers_;
};

/// Position of an account's seat, or fails the test.
const market::Seat& seat_of(const market::OrderView& order, const Member& member);
/// What came into an order equals what went out of it: escrow, bond, slashed stake and appeal bonds against payments, burns,
/// refund and returned bonds.
void expect_conserved(const market::OrderView& order);
/// Compares a book with the contracts: every account to the wei, and the tokens that the registry holds with what it owes.
/// Nothing may move meanwhile.
void expect_book_matches(ledger::Rpc& rpc, const ledger::Deployment& deployment, const market::Book& book);
/// `factor` runs at the price of this world.
base::Wei prices(std::uint64_t factor);
/// A payment of one price, less the fee that is burned.
base::Wei net_price();
/// Runs the tests' condition until it holds; false after `timeout_ms`.
bool eventually(const std::function<bool()>& condition, std::int64_t timeout_ms = 30'000);
/// JSON-RPC URL of the anvil behind the local ledger of this process: what a test needs to play the hostile chain.
std::string anvil_url();

}  // namespace koinon::test::e2e
