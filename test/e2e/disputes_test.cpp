// Optimistic orders on a real ledger: one provider claims, and whoever watches disputes what is wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/run/golden_programs.hpp"
#include "test/e2e/world.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;

/// Windows in which a watcher on a busy machine runs and answers, and no more.
market::MarketConfig dispute_market() {
  auto out = quick_market();
  out.appeal_window = 12;
  out.prove_window = 12;
  out.answer_window = 12;
  out.move_window = 12;
  return out;
}

/// A buyer, three providers, a watcher, and one more account that may watch.
struct Arena {
  World world{3, dispute_market()};
  std::unique_ptr<Member> watcher = join("watcher", true);
  std::unique_ptr<Member> other = join("other", false);

  std::unique_ptr<Member> join(const std::string& name, bool watches, const std::filesystem::path& data = {}) {
    return world.join(name, [&](node::NodeOptions& options) {
      options.watch.others = watches;
      options.watch.demand_after_ms = 1'000;
      if (data.empty()) return;
      options.config.data = data;
      options.config.keystore = data / "keystore";
      options.config.password_file = data / "password";
    });
  }
  static Arena& shared() {
    static Arena arena;
    return arena;
  }
  market::Purchase purchase(const Model& model, std::uint64_t input) {
    auto out = world.purchase(model, input);
    out.check = trust::OptimisticCheck::kCode;
    out.n = out.k = 1;
    return out;
  }
  base::Wei free_of(const Member& member) { return world.money().free.at(member.account()); }
  std::optional<market::GameNote> game(const Member& member, const OrderView& order) {
    const auto note = member.node->watcher()->game(order);
    return note ? *note : std::nullopt;
  }
  /// Waits until nothing of the order is owed to anybody any more.
  OrderView await_closed(std::uint64_t id) {
    return world.await(
        id,
        [](const OrderView& order) {
          const bool refunded = order.phase == Phase::refunded;
          return market::is_final(order.phase) &&
                 std::ranges::all_of(order.dispute.challenges, [&](const auto& c) { return c.closed || !refunded; }) &&
                 std::ranges::all_of(order.dispute.demands, [](const auto& d) { return d.second.closed; });
        },
        120'000);
  }
};

void expect_beaten(const OrderView& order, const Member& liar, std::uint8_t reason) {
  ASSERT_EQ(order.phase, Phase::refunded);
  EXPECT_EQ(order.refund_reason, reason);
  EXPECT_EQ(order.outcome(), trust::Verdict::rejected);
  const auto& seat = seat_of(order, liar);
  EXPECT_EQ(seat.verdict, Standing::rejected);
  EXPECT_TRUE(seat.paid.is_zero());
  EXPECT_EQ(seat.slashed, prices(20));
}

/// The buyer's receipt of an order whose claim fell: right by itself and on the ledger.
market::Condemned expect_receipt_of_fall(World& world, std::uint64_t id) {
  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.verdict, "rejected");
  EXPECT_TRUE(receipt.outputs.empty()) << "what a false claim says is no result";
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report && report->is_condemned);
  world.buyer().node->sync().read([&](const market::Book& book, std::uint64_t) {
    const auto stands = market::verify_on_ledger(receipt, book);
    EXPECT_TRUE(stands) << stands.error().text;
    auto another = receipt;
    another.condemned->by += 1;
    EXPECT_EQ(market::verify_on_ledger(another, book).error().code, base::Code::rejected);
  });
  return receipt.condemned.value_or(market::Condemned{});
}

TEST(Disputes, honest_claim_stands_to_the_end_of_its_window_and_is_paid) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto model = small_model();
  const auto id = world.place(arena.purchase(model, 1));
  const auto standing = world.await(id, [](const OrderView& order) { return order.phase == Phase::standing; });
  EXPECT_TRUE(eventually([&] { return arena.game(*arena.watcher, standing).has_value(); }));
  const auto order = world.await_end(id);
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  EXPECT_EQ(arena.game(*arena.watcher, order)->stage, market::GameStage::agreed);
  expect_conserved(order);
  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.check, "optimistic");
  EXPECT_EQ(receipt.outputs, model.run(model.input(1)).outputs);
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;
  world.expect_book_matches_ledger();
}

TEST(Disputes, claim_that_the_buyer_confirms_is_paid_before_its_window_ends) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto model = small_model();
  auto wanted = arena.purchase(model, 2);
  wanted.expected = model.run(wanted.inputs).roots;
  const auto id = world.place(wanted);
  const auto standing = world.await(id, [](const OrderView& order) { return order.verdict.has_value(); });
  const auto order = world.await_end(id);
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  if (standing.deadline != 0) {
    EXPECT_LT(order.settled_at_ms / 1000, standing.deadline);
  }
  EXPECT_TRUE(market::verify_offline(world.receipt(id)));
}

TEST(Disputes, liar_in_one_deep_element_is_beaten_by_a_watcher) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::errs;
  const auto before = world.money();
  const auto id = world.place(arena.purchase(small_model(), 3));
  world.await_end(id);
  const auto order = arena.await_closed(id);
  const auto after = world.money();
  expect_beaten(order, world.provider(0), market::kRefuted);
  // The buyer has all back; the finder a quarter of the lock; the rest is burned.
  EXPECT_EQ(after.free.at(world.buyer().account()), before.free.at(world.buyer().account()));
  ASSERT_EQ(order.dispute.winner, std::optional(arena.watcher->account()));
  EXPECT_EQ(after.free.at(arena.watcher->account()), before.free.at(arena.watcher->account()).plus(prices(5)).value());
  EXPECT_EQ(order.rewards.at(arena.watcher->account()), prices(5));
  EXPECT_EQ(order.burned, prices(15));
  EXPECT_TRUE(order.dispute.demands.empty()) << "who shows its trace is asked for nothing on the ledger";
  EXPECT_EQ(arena.game(*arena.watcher, order)->stage, market::GameStage::found);
  expect_conserved(order);
  world.expect_book_matches_ledger();
  const auto fell = expect_receipt_of_fall(world, id);
  EXPECT_EQ(fell.reason, "refuted");
  EXPECT_EQ(fell.claimant, world.provider(0).account());
  EXPECT_EQ(fell.by, arena.watcher->account());
  EXPECT_EQ(fell.tx, order.dispute.challenges.at(0).proven_tx);
}

TEST(Disputes, liar_is_beaten_in_every_program_whatever_the_step) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0, 1, 2});
  for (std::size_t i = 0; i < 3; ++i) world.provider(i).conduct->seller = Mood::errs;
  std::vector<std::uint64_t> ids;
  for (const auto& golden : engine::run::golden_programs()) {
    if (golden.program.steps.empty()) continue;
    const Model model{golden.program, engine::program::program_id(golden.program), engine::program::encode(golden.program)};
    auto wanted = arena.purchase(model, 0);
    wanted.inputs.clear();
    for (const auto& tensor : golden.inputs) wanted.inputs.push_back(tensor.bytes);
    ids.push_back(world.place(wanted));
    if (ids.size() % 6 == 0) world.await_end(ids.back());
  }
  std::set<std::string> found;
  for (const auto id : ids) {
    world.await_end(id);
    const auto order = arena.await_closed(id);
    EXPECT_EQ(order.phase, Phase::refunded) << "order " << id;
    EXPECT_EQ(order.refund_reason, market::kRefuted) << "order " << id;
    if (const auto game = arena.game(*arena.watcher, order)) found.insert(game->text);
    expect_conserved(order);
  }
  EXPECT_GE(found.size(), 3U) << "different elements of different steps";
  world.expect_book_matches_ledger();
}

TEST(Disputes, trace_that_is_withheld_is_beaten_by_the_clock) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::hides;
  const auto before = world.money();
  const auto id = world.place(arena.purchase(small_model(), 4));
  world.await_end(id);
  const auto order = arena.await_closed(id);
  const auto after = world.money();
  expect_beaten(order, world.provider(0), market::kWithheld);
  EXPECT_EQ(order.burned, prices(20)) << "silence can be arranged, so nobody is rewarded for it";
  for (const auto* member : {&world.buyer(), arena.watcher.get()})
    EXPECT_EQ(after.free.at(member->account()), before.free.at(member->account())) << member->name;
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Disputes, provider_that_answers_some_demands_and_not_the_last_is_beaten_by_the_clock) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::teases;
  const auto before = world.money();
  const auto id = world.place(arena.purchase(small_model(), 12));
  world.await_end(id);
  const auto order = arena.await_closed(id);
  const auto after = world.money();
  expect_beaten(order, world.provider(0), market::kWithheld);
  EXPECT_EQ(order.burned, prices(20));
  const auto& asked = order.dispute.demands.at(arena.watcher->account());
  EXPECT_FALSE(asked.answers.empty()) << "some of it was shown";
  EXPECT_EQ(asked.place.kind, trust::optimistic::DemandKind::leaf) << "the bytes were not";
  EXPECT_GT(asked.made, asked.answers.size());
  for (const auto* member : {&world.buyer(), arena.watcher.get()})
    EXPECT_EQ(after.free.at(member->account()), before.free.at(member->account())) << member->name;
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Disputes, result_of_an_input_that_the_program_does_not_take_is_beaten_by_a_watcher) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::swallows;
  const auto before = world.money();
  auto longer = arena.purchase(small_model(), 13), more = arena.purchase(small_model(), 14);
  longer.inputs.at(0).push_back(0);
  more.inputs.push_back(more.inputs.at(0));
  std::uint8_t fraud = 11;
  for (const auto& wanted : {longer, more}) {
    const auto id = world.place(wanted);
    world.await_end(id);
    const auto order = arena.await_closed(id);
    expect_beaten(order, world.provider(0), market::kRefuted);
    EXPECT_EQ(order.dispute.winner, std::optional(arena.watcher->account()));
    EXPECT_TRUE(order.dispute.demands.empty()) << "the order itself shows it";
    EXPECT_EQ(order.dispute.challenges.at(0).fraud, fraud--);
    expect_conserved(order);
    world.provider(0).conduct->seller = Mood::swallows;
  }
  EXPECT_EQ(world.money().free.at(world.buyer().account()), before.free.at(world.buyer().account()));
  world.expect_book_matches_ledger();
}

TEST(Disputes, of_two_challengers_one_is_rewarded_and_the_other_loses_nothing) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto second = arena.join("second watcher", true);
  world.provider(0).conduct->seller = Mood::errs;
  const auto before = world.money();
  const auto id = world.place(arena.purchase(small_model(), 5));
  world.await_end(id);
  const auto order = arena.await_closed(id);
  const auto after = world.money();
  expect_beaten(order, world.provider(0), market::kRefuted);
  ASSERT_TRUE(order.dispute.winner);
  const auto gain = [&](const Member& member) {
    return after.free.at(member.account()).minus(before.free.at(member.account())).value_or(base::Wei{});
  };
  const auto& winner = *order.dispute.winner == second->account() ? *second : *arena.watcher;
  const auto& loser = *order.dispute.winner == second->account() ? *arena.watcher : *second;
  EXPECT_EQ(gain(winner), prices(5));
  EXPECT_EQ(after.free.at(loser.account()), before.free.at(loser.account()));
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Disputes, proof_that_was_seen_is_worth_nothing_to_who_copies_it) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::errs;
  const auto before = arena.free_of(*arena.other);
  const auto id = world.place(arena.purchase(small_model(), 6));
  // The proof is public from the transaction on that ends the order: a commitment made then comes too late, whatever it opens
  // to.
  world.await(id, [](const OrderView& order) { return order.dispute.condemned.has_value() || market::is_final(order.phase); });
  const auto late = arena.other->node->disputes()->challenge(id, arena.other->account(), base::keccak256(base::as_bytes("x")));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, base::Code::ledger) << late.error().text;
  arena.await_closed(id);
  EXPECT_EQ(arena.free_of(*arena.other), before);
}

TEST(Disputes, griefed_provider_is_paid_and_the_griefer_pays) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto before = world.money();
  const auto id = world.place(arena.purchase(small_model(), 7));
  world.await(id, [](const OrderView& order) { return order.phase == Phase::standing; });
  auto& disputes = *arena.other->node->disputes();
  const auto self = arena.other->account();
  ASSERT_TRUE(disputes.challenge(id, self, base::keccak256(base::as_bytes("nothing"))));
  for (const std::uint8_t kind : std::vector<std::uint8_t>{1, 2}) {
    trust::optimistic::Demand place;
    place.kind = static_cast<trust::optimistic::DemandKind>(kind);
    place.level = kind == 2 ? 1 : 0;
    const auto demanded = disputes.demand_trace(id, self, place);
    ASSERT_TRUE(demanded) << demanded.error().text;
    world.await(id, [&](const OrderView& order) {
      const auto at = order.dispute.demands.find(self);
      return at != order.dispute.demands.end() && at->second.answers.size() == kind;
    });
  }
  world.await_end(id);
  const auto order = arena.await_closed(id);
  const auto after = world.money();
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(seat_of(order, world.provider(0)).paid, net_price());
  EXPECT_EQ(order.challenges_burned, prices(1));
  const auto& fee = dispute_market().trace_fee;
  const auto gained = after.free.at(world.provider(0).account()).minus(before.free.at(world.provider(0).account())).value();
  EXPECT_EQ(gained, net_price().plus(fee.times(2).value()).value()) << "its price, and the fees of what it answered";
  EXPECT_EQ(after.free.at(self), before.free.at(self).minus(prices(1).plus(fee.times(2).value()).value()).value());
  EXPECT_EQ(after.stake.at(world.provider(0).account()), before.stake.at(world.provider(0).account()));
  expect_conserved(order);
  world.expect_book_matches_ledger();
}

TEST(Disputes, watcher_that_is_stopped_between_commitment_and_proof_goes_on) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::errs;
  const base::TempFolder data;
  auto watcher = arena.join("short-lived watcher", true, data.path());
  const auto account = watcher->account();
  arena.watcher->node.reset();  // nobody else disputes
  const auto id = world.place(arena.purchase(small_model(), 8));
  const bool committed = eventually(
      [&] {
        const auto order = world.order(id);
        return !order.dispute.challenges.empty();
      },
      30'000);
  watcher->node.reset();
  ASSERT_TRUE(committed);
  watcher = arena.join("the same watcher", true, data.path());
  ASSERT_EQ(watcher->account(), account);
  world.await_end(id);
  const auto order = arena.await_closed(id);
  expect_beaten(order, world.provider(0), market::kRefuted);
  EXPECT_EQ(order.dispute.winner, std::optional(account));
  expect_conserved(order);
  world.expect_book_matches_ledger();
  arena.watcher = arena.join("watcher again", true);
}

TEST(Disputes, buyer_that_ran_it_itself_disputes_a_wrong_claim) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::errs;
  arena.watcher->node.reset();
  const auto model = small_model();
  auto wanted = arena.purchase(model, 9);
  wanted.expected = model.run(wanted.inputs).roots;
  const auto id = world.place(wanted);
  world.await_end(id);
  const auto order = arena.await_closed(id);
  expect_beaten(order, world.provider(0), market::kRefuted);
  EXPECT_EQ(order.dispute.winner, std::optional(world.buyer().account()));
  expect_conserved(order);
  arena.watcher = arena.join("watcher again", true);
}

TEST(Disputes, watcher_that_is_stopped_while_its_demand_waits_has_its_fees_back) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  world.provider(0).conduct->seller = Mood::hides;
  const base::TempFolder data;
  auto watcher = arena.join("watcher of what is withheld", true, data.path());
  const auto account = watcher->account();
  arena.watcher->node.reset();
  const auto before = world.money().free.at(account);
  const auto id = world.place(arena.purchase(small_model(), 10));
  const bool demanded = eventually([&] { return world.order(id).dispute.demands.contains(account); }, 30'000);
  watcher->node.reset();
  ASSERT_TRUE(demanded);
  watcher = arena.join("the same watcher of what is withheld", true, data.path());
  world.await_end(id);
  const auto order = arena.await_closed(id);
  expect_beaten(order, world.provider(0), market::kWithheld);
  EXPECT_EQ(world.money().free.at(account), before);
  EXPECT_EQ(expect_receipt_of_fall(world, id).reason, "withheld");
  expect_conserved(order);
  arena.watcher = arena.join("watcher again", true);
}

TEST(Disputes, right_claim_of_a_provider_that_is_away_is_defended_by_a_watcher_for_the_fee) {
  auto& arena = Arena::shared();
  auto& world = arena.world;
  world.cast({0});
  const auto id = world.place(arena.purchase(small_model(), 11));
  const auto standing = world.await(id, [](const OrderView& order) { return order.phase == Phase::standing; });
  ASSERT_TRUE(eventually([&] { return arena.game(*arena.watcher, standing).has_value(); }));
  const auto provider = world.provider(0).account();
  world.provider(0).node.reset();
  const auto before = arena.free_of(*arena.watcher);
  trust::optimistic::Demand place;
  place.kind = trust::optimistic::DemandKind::summit;
  const auto demanded = arena.other->node->disputes()->demand_trace(id, arena.other->account(), place);
  ASSERT_TRUE(demanded) << demanded.error().text;
  world.await_end(id);
  const auto order = arena.await_closed(id);
  EXPECT_EQ(order.phase, Phase::settled);
  const auto& answers = order.dispute.demands.at(arena.other->account()).answers;
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].answerer, arena.watcher->account());
  EXPECT_EQ(order.seat(provider)->paid, net_price());
  EXPECT_EQ(arena.free_of(*arena.watcher), before.plus(dispute_market().trace_fee).value());
  expect_conserved(order);
}

}  // namespace
}  // namespace koinon::test::e2e
