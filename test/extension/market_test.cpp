#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/codec.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "ledger/contracts/unanimous_check.hpp"
#include "node/node.hpp"
#include "test/extension/statistics/statistics.hpp"
#include "test/extension/unanimous/unanimous.hpp"

// The second kind and the second check at work: one process, a local ledger, a buyer and five providers. docs/extending.md
// shows the lines that matter.
namespace koinon::test::extension {
namespace {

using base::Code;
using base::Result;
using market::OrderView;
using market::Phase;
using market::Standing;
using nlohmann::json;
using trust::Role;

constexpr std::uint8_t kTier = 40;  ///< at which the providers sell
constexpr std::size_t kProviders = 5;

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}
void need(const base::Status& status) {
  if (!status) throw std::runtime_error(status.error().text);
}

/// An order of two members is a trap here: whoever sits first in it runs on other samples than it was given.
class TemptedSeller final : public market::Seller {
 public:
  using Seller::Seller;
  base::Status appeal_own(const OrderView&) override { return {}; }

 protected:
  Result<work::Outcome> run(const OrderView& order, const work::Parcel& input, std::stop_token stop) override {
    auto given = input;
    if (order.terms.n == 2 && order.seats[0].account == s_.account) given.parts[0][0] ^= 1;
    return Seller::run(order, given, stop);
  }
};

/// What a node serves so that others can join its ledger: the three routes of the API that joining needs.
net::Router routes(node::Node& node) {
  net::Router router;
  router.get<base::Cid>("/artifacts/{cid}",
                        [&node](const net::HttpRequest&, const base::Cid& cid) -> Result<net::HttpResponse> {
                          KOINON_TRY(const auto blob, node.artifacts().blob(cid));
                          return net::HttpResponse::text(200, std::string(base::as_text(blob)), "application/octet-stream");
                        });
  router.get("/api/v1/deployment", [&node](const net::HttpRequest&) -> Result<net::HttpResponse> {
    const json out = {{"rpc_url", node.ledger_url()},
                      {"local", node.runs_ledger()},
                      {"deployment", json::parse(node.deployment().to_json())}};
    return net::HttpResponse::json(200, out.dump());
  });
  router.post("/api/v1/faucet", [&node](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    const auto body = json::parse(request.body);
    KOINON_TRY(const auto to, base::fixed_from_hex<20>(body["address"].get<std::string>()));
    KOINON_TRY(const auto tokens, base::Wei::parse(body["tokens"].get<std::string>()));
    KOINON_CHECK(node.fund(to, tokens));
    return net::HttpResponse::json(200, "{}");
  });
  return router;
}

market::MarketConfig quick_market() {
  auto out = market::local_config();
  out.draw_window = 15;
  out.input_window = 10;
  out.min_commit_window = 2;
  out.reveal_window = 10;
  out.appeal_window = 4;
  out.deliver_window = 5;
  return out;
}

/// A node that knows the second kind and the second check.
std::unique_ptr<node::Node> start(const std::filesystem::path& folder, const std::string& join) {
  node::NodeOptions options;
  options.config.data = folder;
  options.config.keystore = folder / "keystore";
  options.config.password_file = folder / "password";
  options.config.http_port = 0;
  options.config.ledger_url = join;
  options.config.provider.kinds = {"statistics"};
  options.config.provider.price = market::tier_price(kTier);
  options.provide = !join.empty();
  need(options.kinds.add(std::make_unique<Statistics>()));
  need(options.rules.add(std::make_unique<UnanimousCheck>()));
  using Contract = ledger::contracts::UnanimousCheck;
  options.checks.push_back({UnanimousCheck::kCode, {"UnanimousCheck", Contract::bytecode(), Contract::entries()}});
  options.market = quick_market();
  options.block_ms = 500;
  options.make_router = routes;
  options.make_seller = [](const market::Services& s) { return std::make_unique<TemptedSeller>(s); };
  return need(node::Node::start(std::move(options)));
}

/// Everything that a check decides upon, from the public book of events. Of an order without audit.
trust::Case case_of(const OrderView& order, const trust::OrderContext& context) {
  trust::Case out;
  out.context = context;
  out.n = order.terms.n;
  out.k = order.terms.k;
  out.audit_bps = order.terms.audit_bps;
  for (std::size_t r = 0; r < order.rounds.size(); ++r) {
    const auto seated = std::ranges::count_if(order.seats, [&](const market::Seat& s) { return s.round == r; });
    const auto& round = order.rounds[r];
    out.rounds.push_back({round.role, round.appealed, round.lapsed, static_cast<std::uint8_t>(seated)});
  }
  for (const auto& seat : order.seats) {
    auto claim = seat.claim;
    claim.account = seat.account;
    out.claims.push_back({claim, seat.round, seat.revealed});
  }
  return out;
}

class ExtendedMarket : public testing::Test {
 protected:
  struct Network {
    base::TempFolder folder;
    std::unique_ptr<node::Node> buyer;
    std::vector<std::unique_ptr<node::Node>> providers;

    Network() {
      base::set_log_level(base::LogLevel::warn);
      buyer = start(folder.path() / "buyer", "");
      for (std::size_t i = 0; i < kProviders; ++i)
        providers.push_back(start(folder.path() / fmt::format("provider{}", i), buyer->url()));
    }
  };
  static void SetUpTestSuite() { network() = std::make_unique<Network>(); }
  static void TearDownTestSuite() { network().reset(); }
  static std::unique_ptr<Network>& network() {
    static std::unique_ptr<Network> the_network;
    return the_network;
  }
  static node::Node& buyer() { return *network()->buyer; }

  static base::Bytes samples() {
    base::Bytes out(4'000);
    base::SeededRandom(3).fill(out);
    return out;
  }
  static work::Job job() {
    auto artifact = Recipe{.low = -20'000, .high = 20'000, .bins = 16, .quantiles = {100, 5'000, 9'900}}.encode();
    const auto spec = base::keccak256(artifact);
    return {spec, std::move(artifact), {samples()}};
  }
  static market::Purchase purchase(std::uint8_t n, std::uint8_t k) {
    const auto wanted = job();
    market::Purchase out;
    out.kind = Statistics::kCode;
    out.check = UnanimousCheck::kCode;
    out.n = n;
    out.k = k;
    out.max_price = market::tier_price(kTier);
    out.audit_bps = 0;
    out.commit_window = 30;
    out.spec = wanted.spec;
    out.artifact = need(buyer().artifacts().put(wanted.artifact));
    out.model = "statistics";
    out.inputs = wanted.inputs;
    return out;
  }
  /// Places it and returns the order at its end.
  static OrderView buy(const market::Purchase& purchase) {
    const auto id = need(buyer().buyer().place(purchase));
    OrderView out;
    for (int i = 0; i < 1'200 && !market::is_final(out.phase); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      buyer().sync().read([&](const market::Book& book, std::uint64_t) {
        if (const auto* order = book.order(id)) out = *order;
      });
    }
    for (const auto& line : out.story) base::log_info("order {}: {}: {}", id, line.name, line.text);
    return out;
  }
  static market::Receipt receipt(std::uint64_t order) {
    for (int i = 0; i < 100; ++i) {
      if (const auto kept = buyer().store().receipts.get(std::to_string(order)))
        return need(market::Receipt::from_json(kept->body));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    throw std::runtime_error("no receipt");
  }
  static void expect_decided_by_the_twin(const OrderView& order) {
    const auto decision = UnanimousCheck().decide(case_of(order, buyer().market().context(order.id)));
    ASSERT_EQ(decision.action, trust::Action::stand);
    ASSERT_TRUE(order.verdict);
    EXPECT_EQ(decision.output_root, order.verdict->output_root);
    EXPECT_EQ(decision.trace_root, order.verdict->trace_root);
    EXPECT_EQ(decision.witness, order.verdict->witness);
    EXPECT_EQ(decision.accepted, order.verdict->accepted);
    EXPECT_EQ(decision.rejected, order.verdict->rejected);
  }
  static void expect_good_receipt(const OrderView& order) {
    const auto issued = receipt(order.id);
    EXPECT_EQ(issued.kind, "statistics");
    EXPECT_EQ(issued.check, "unanimous");
    const auto report = market::verify_offline(issued, buyer().rules());
    EXPECT_TRUE(report) << report.error().text;
    buyer().sync().read([&](const market::Book& book, std::uint64_t) {
      const auto on_ledger = market::verify_on_ledger(issued, book, buyer().rules());
      EXPECT_TRUE(on_ledger) << on_ledger.error().text;
    });
    // Who does not know the check cannot say whether the claims suffice.
    EXPECT_EQ(market::verify_offline(issued).error().code, Code::unsupported);
  }
};

TEST_F(ExtendedMarket, settles_an_order_of_the_second_kind_under_the_second_check) {
  const auto order = buy(purchase(3, 2));
  ASSERT_EQ(order.phase, Phase::settled);
  const auto truth = need(Statistics().run(job(), {}));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, truth.roots.output);
  EXPECT_EQ(order.verdict->trace_root, truth.roots.trace);
  ASSERT_EQ(order.seats.size(), 3U);
  const auto price = market::tier_price(kTier);
  const auto fee = need(price.scaled(quick_market().fee_bps, 10'000));
  for (const auto& seat : order.seats) {
    EXPECT_EQ(seat.verdict, Standing::accepted);
    EXPECT_EQ(seat.paid, need(price.minus(fee)));
  }
  EXPECT_EQ(need(buyer().buyer().result(order)).outputs, truth.outputs);
  expect_decided_by_the_twin(order);
  expect_good_receipt(order);
}

TEST_F(ExtendedMarket, a_liar_under_the_second_check_meets_a_jury) {
  const auto order = buy(purchase(2, 2));
  ASSERT_EQ(order.phase, Phase::settled);
  const auto truth = need(Statistics().run(job(), {}));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, truth.roots.output);
  EXPECT_EQ(order.verdict->witness, trust::witness_link(buyer().market().context(order.id), truth.roots.witness, 0));
  ASSERT_EQ(order.rounds.size(), 2U);
  EXPECT_EQ(order.rounds[1].role, Role::jury);
  ASSERT_EQ(order.seats.size(), kProviders);
  EXPECT_EQ(order.seats[0].verdict, Standing::rejected);
  EXPECT_EQ(order.seats[0].slashed, order.rounds[0].locked);
  for (std::size_t i = 1; i < order.seats.size(); ++i) {
    EXPECT_EQ(order.seats[i].verdict, Standing::accepted) << i;
    EXPECT_FALSE(order.seats[i].paid.is_zero()) << i;
  }
  expect_decided_by_the_twin(order);
  expect_good_receipt(order);
}

TEST_F(ExtendedMarket, a_bad_input_of_the_second_kind_costs_the_buyer_its_bond) {
  auto bad = purchase(3, 2);
  bad.inputs[0].pop_back();  // an odd number of bytes is no list of samples
  const auto order = buy(bad);
  EXPECT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, market::kBadInput);
  for (const auto& seat : order.seats) EXPECT_EQ(seat.paid, need(order.bond.scaled(1, 3)));
}

TEST_F(ExtendedMarket, the_second_kind_settles_under_the_quorum_too) {
  auto plain = purchase(3, 2);
  plain.check = 0;
  const auto order = buy(plain);
  ASSERT_EQ(order.phase, Phase::settled);
  const auto issued = receipt(order.id);
  EXPECT_EQ(issued.check, "quorum");
  EXPECT_TRUE(market::verify_offline(issued));
}

TEST_F(ExtendedMarket, refuses_checks_that_are_absent) {
  for (const auto code : std::to_array<std::uint8_t>({4, 9})) {
    auto absent = purchase(3, 2);
    absent.check = code;
    const auto placed = buyer().buyer().place(absent);
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().code, Code::ledger);
    EXPECT_NE(placed.error().text.find("UnsupportedCheck"), std::string::npos) << placed.error().text;
  }
}

}  // namespace
}  // namespace koinon::test::extension
