#include "market/actor/duties.hpp"

#include <gtest/gtest.h>

#include "market/actor/notes.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::market {
namespace {

constexpr std::uint32_t kBuyer = 1;
constexpr std::uint32_t kStranger = 99;

/// An order of account 1 with members 2, 3 and 4, in a phase that began at second 100 and ends at 160.
OrderView order_in(Phase phase) {
  OrderView out;
  out.id = 7;
  out.terms.buyer = kBuyer;
  out.phase = phase;
  out.since_ms = 100'000;
  out.deadline = 160;
  out.seed_block = 50;
  out.rounds.emplace_back();
  for (std::uint32_t account = 2; account <= 4; ++account) {
    Seat seat;
    seat.account = account;
    out.seats.push_back(seat);
  }
  return out;
}

std::optional<Duty> find(const std::vector<Duty>& list, DutyKind kind) {
  for (const auto& duty : list)
    if (duty.kind == kind) return duty;
  return {};
}

TEST(Duties, strangers_and_ended_orders_have_none) {
  EXPECT_TRUE(duties(order_in(Phase::commit), kStranger, 60).empty());
  EXPECT_TRUE(duties(order_in(Phase::settled), kBuyer, 60).empty());
}

TEST(Duties, the_buyer_draws_first_and_members_stand_by_in_turn) {
  const auto order = order_in(Phase::draw);
  EXPECT_FALSE(find(duties(order, kBuyer, 48), DutyKind::draw)) << "the seed's block has not come";
  EXPECT_EQ(find(duties(order, kBuyer, 49), DutyKind::draw)->due_ms, 100'000);
  EXPECT_EQ(find(duties(order, 2, 49), DutyKind::draw)->due_ms, 100'000 + kStandbyMs);
  EXPECT_EQ(find(duties(order, 3, 49), DutyKind::draw)->due_ms, 100'000 + 2 * kStandbyMs);
}

/// A claim of account 2 that stands alone, a part of which account 9 demands until second 170.
OrderView disputed() {
  auto out = order_in(Phase::standing);
  out.terms.check = 1;
  out.seats.resize(1);
  out.seats[0].verdict = Standing::accepted;
  auto& demand = out.dispute.demands[9];
  demand.open = true;
  demand.made = 1;
  demand.deadline = 170;
  return out;
}

TEST(Duties, a_provider_answers_demands_for_parts_of_its_claim) {
  auto order = disputed();
  EXPECT_TRUE(find(duties(order, 2, 60), DutyKind::answer_trace));
  EXPECT_FALSE(find(duties(order, kBuyer, 60), DutyKind::answer_trace));
  order.demand = OpenDemand{true, kBuyer, 2, 0, 0};
  EXPECT_TRUE(find(duties(order, 2, 60), DutyKind::answer_trace)) << "also while its output is demanded";
  order.demand.reset();
  order.dispute.condemned = kWithheld;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::answer_trace));
}

TEST(Duties, what_asks_for_a_proof_is_proven_after_the_buyers_third_of_its_time) {
  auto order = disputed();
  order.terms.check = trust::ProofCheck::kCode;
  order.dispute = {};
  const auto due = find(duties(order, 2, 60), DutyKind::prove);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->due_ms, order.since_ms + (order.deadline * 1000 - order.since_ms) / 3 + 1000)
      << "a proven claim ends then, no sooner";
  EXPECT_FALSE(find(duties(order, kBuyer, 60), DutyKind::prove)) << "the provider alone has the proof";
  EXPECT_TRUE(find(duties(order, kBuyer, 60), DutyKind::judge));
  order.terms.check = trust::OptimisticCheck::kCode;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::prove));
}

TEST(Duties, a_disputed_claim_is_settled_after_its_disputes) {
  auto order = disputed();
  EXPECT_EQ(find(duties(order, kBuyer, 60), DutyKind::settle)->due_ms, 171'000);
  order.dispute.challenges.push_back({9, {}, {}, 5, 180, false, false});
  EXPECT_EQ(find(duties(order, kBuyer, 60), DutyKind::settle)->due_ms, 181'000);
  order.dispute.condemned = kRefuted;
  order.dispute.finality = 120;
  EXPECT_EQ(find(duties(order, kBuyer, 60), DutyKind::settle)->due_ms, 121'000);
  EXPECT_TRUE(find(duties(order_in(Phase::standing), kBuyer, 60), DutyKind::settle)->due_ms == 161'000);
}

TEST(Duties, only_the_buyer_publishes_to_the_quorum) {
  const auto order = order_in(Phase::input);
  EXPECT_TRUE(find(duties(order, kBuyer, 60), DutyKind::publish));
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::publish));
}

TEST(Duties, earlier_members_publish_to_a_jury_in_the_second_half_of_the_window) {
  auto order = order_in(Phase::input);
  order.rounds.emplace_back();
  order.rounds[1].role = trust::Role::jury;
  Seat juror;
  juror.account = 5;
  juror.round = 1;
  order.seats.push_back(juror);
  EXPECT_GE(find(duties(order, 2, 60), DutyKind::publish)->due_ms, 130'000);
  EXPECT_FALSE(find(duties(order, 5, 60), DutyKind::publish));
}

/// A jury of account 5 at work since second 100, with 60 s to commit; members 2 and 3 agree, 4 claims something else.
OrderView jury_at_work() {
  auto order = order_in(Phase::commit);
  order.terms.commit_window = 60;
  for (auto& seat : order.seats) {
    seat.committed = seat.revealed = true;
    seat.claim.account = seat.account;
  }
  order.seats[2].claim.output_root.bytes[0] = 1;
  order.rounds.emplace_back();
  order.rounds[1].role = trust::Role::jury;
  Seat juror;
  juror.account = 5;
  juror.round = 1;
  order.seats.push_back(juror);
  order.rounds[1].published.push_back({kBuyer, {}, 100, ""});
  return order;
}

TEST(Duties, earlier_members_publish_beside_a_buyer_that_may_have_published_rubbish) {
  auto order = jury_at_work();
  const auto first = find(duties(order, 2, 60), DutyKind::publish);
  ASSERT_TRUE(first);
  EXPECT_LE(first->due_ms, 110'000);
  EXPECT_FALSE(find(duties(order, kBuyer, 60), DutyKind::publish));
  EXPECT_FALSE(find(duties(order, 5, 60), DutyKind::publish)) << "a juror has nothing to give";
  order.rounds[1].published.push_back({2, {}, 100, ""});
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::publish)) << "once is enough";
  const auto second = find(duties(order, 3, 60), DutyKind::publish);
  ASSERT_TRUE(second);
  EXPECT_GE(second->due_ms, 130'000) << "who claims the same has published already";
  EXPECT_LT(second->due_ms, 145'000) << "jurors give up in the last quarter";
  EXPECT_LE(find(duties(order, 4, 60), DutyKind::publish)->due_ms, 115'000) << "whoever claims otherwise trusts neither";
}

TEST(Duties, nobody_publishes_to_a_jury_that_has_committed_nor_to_a_quorum) {
  auto order = jury_at_work();
  order.seats.back().committed = true;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::publish));
  order.seats.back().committed = false;
  order.rounds[1].role = trust::Role::quorum;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::publish));
}

TEST(Duties, who_said_bad_input_has_none_to_publish) {
  auto order = jury_at_work();
  order.seats[0].claim.output_root = trust::bad_input_roots().output;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::publish));
}

TEST(Duties, members_work_once_and_reveal_once) {
  auto order = order_in(Phase::commit);
  EXPECT_TRUE(find(duties(order, 2, 60), DutyKind::work));
  order.seats[0].committed = true;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::work));
  order.phase = Phase::reveal;
  EXPECT_TRUE(find(duties(order, 2, 60), DutyKind::reveal));
  EXPECT_FALSE(find(duties(order, 3, 60), DutyKind::reveal)) << "it never committed";
  order.seats[0].revealed = true;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::reveal));
}

TEST(Duties, deadlines_are_enforced_after_they_passed) {
  EXPECT_GT(find(duties(order_in(Phase::commit), kBuyer, 60), DutyKind::advance)->due_ms, 160'000);
  EXPECT_GT(find(duties(order_in(Phase::standing), 4, 60), DutyKind::settle)->due_ms, 160'000);
}

TEST(Duties, an_open_demand_comes_before_everything_else) {
  auto order = order_in(Phase::commit);
  order.demand = OpenDemand{false, 2, kBuyer, 0, 0};
  const auto mine = duties(order, kBuyer, 60);
  EXPECT_TRUE(find(mine, DutyKind::answer_input));
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::work));
  order.demand->output = true;
  order.demand->target = 3;
  EXPECT_TRUE(find(duties(order, 3, 60), DutyKind::answer_output));
}

TEST(Duties, the_rejected_may_appeal) {
  auto order = order_in(Phase::standing);
  order.seats[1].verdict = Standing::rejected;
  EXPECT_TRUE(find(duties(order, kBuyer, 60), DutyKind::judge));
  EXPECT_TRUE(find(duties(order, 3, 60), DutyKind::judge));
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::judge));
}

TEST(Duties, who_worked_may_appeal_against_a_claim_of_bad_input) {
  auto order = order_in(Phase::standing);
  order.verdict = StandingVerdict{};
  order.verdict->output_root = trust::bad_input_roots().output;
  order.seats[0].revealed = order.seats[1].revealed = true;
  order.seats[0].claim.output_root = trust::bad_input_roots().output;
  order.seats[1].claim.output_root = base::keccak256(base::as_bytes("result"));
  EXPECT_TRUE(find(duties(order, kBuyer, 60), DutyKind::judge));
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::judge));
  const auto mine = find(duties(order, 3, 60), DutyKind::judge);
  ASSERT_TRUE(mine);
  EXPECT_GT(mine->due_ms, order.since_ms);  // the buyer first
}

TEST(Duties, accepted_members_compare_tags_of_an_audited_order_in_turn) {
  auto order = order_in(Phase::standing);
  for (auto& seat : order.seats) {
    seat.revealed = true;
    seat.verdict = Standing::accepted;
  }
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::judge)) << "no audit, and so nobody who saw the roots first";
  order.rounds.emplace_back().role = trust::Role::audit;
  Seat auditor;
  auditor.account = 5;
  auditor.round = 1;
  auditor.revealed = true;
  auditor.verdict = Standing::accepted;
  order.seats.push_back(auditor);
  EXPECT_EQ(find(duties(order, 2, 60), DutyKind::judge)->due_ms, 100'000);
  EXPECT_EQ(find(duties(order, 3, 60), DutyKind::judge)->due_ms, 100'000 + kStandbyMs);
  order.juries = 1;
  EXPECT_FALSE(find(duties(order, 2, 60), DutyKind::judge)) << "the jury has judged them";
}

TEST(Renewals, a_suspended_offer_is_made_again_later_each_time_and_in_the_end_by_its_owner_alone) {
  AccountView self;
  self.id = 5;
  self.offers[0] = Offer{true, 40, false, 0};
  EXPECT_TRUE(renewals(self).empty());
  self.offers[0] = Offer{false, 40, false, 0};
  EXPECT_TRUE(renewals(self).empty()) << "its owner ended it";
  self.offers[0] = Offer{false, 40, true, 100'000};
  self.offers[3] = Offer{true, 41, false, 0};
  const auto due = [&] { return renewals(self).at(0).due_ms; };
  EXPECT_EQ(renewals(self), (std::vector<Renewal>{{0, 40, 100'000}}));
  self.relapses = 1;
  EXPECT_EQ(due(), 160'000);
  EXPECT_NE(suspension_text(self, renewals(self)[0]).find("1 min after"), std::string::npos);
  self.relapses = 2;
  EXPECT_EQ(due(), 700'000);
  self.relapses = 3;
  EXPECT_FALSE(due());
  EXPECT_NE(suspension_text(self, renewals(self)[0]).find("account 5 silent, as 3 times before"), std::string::npos);
}

TEST(Notes, come_back_as_written_and_name_damage) {
  JobNote job;
  job.claim.account = 4;
  job.salt.bytes.fill(7);
  job.result_size = 12;
  EXPECT_EQ(JobNote::from_json(job.to_json()).value().to_json(), job.to_json());
  PurchaseNote purchase;
  purchase.terms.nonce = ~std::uint64_t{0} >> 1;
  purchase.model = "digits";
  purchase.has_expected = true;
  EXPECT_EQ(PurchaseNote::from_json(purchase.to_json()).value().to_json(), purchase.to_json());
  EXPECT_EQ(JobNote::from_json("{}").error().code, base::Code::malformed);
  EXPECT_EQ(PurchaseNote::from_json("[1]").error().code, base::Code::malformed);
}

TEST(Locator, names_base_and_artifact) {
  const auto cid = base::Cid::of(base::as_bytes("x"));
  const auto parsed = Locator::parse("http://127.0.0.1:7070/artifacts/" + cid.text()).value();
  EXPECT_EQ(parsed.base, "http://127.0.0.1:7070");
  EXPECT_EQ(parsed.cid, cid);
  for (const auto* bad : {"", "file:///artifacts/x", "http://a/other/x", "http://a/artifacts/x"})
    EXPECT_EQ(Locator::parse(bad).error().code, base::Code::malformed) << bad;
  // Nobody chooses what we ask of a third party.
  for (const auto* base :
       {"http://169.254.169.254/x?y=", "http://127.0.0.1:9200/_shutdown", "http://user@host", "http://", "https://"})
    EXPECT_FALSE(Locator::parse(std::string(base) + "/artifacts/" + cid.text())) << base;
}

}  // namespace
}  // namespace koinon::market
