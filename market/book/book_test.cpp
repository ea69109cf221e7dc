#include "market/book/book.hpp"

#include <gtest/gtest.h>

#include "trust/quorum/quorum.hpp"

namespace koinon::market {
namespace {

using base::Code;

/// Feeds a book with events as the contracts emit them.
struct Tape {
  Book book;
  std::uint64_t block = 1;

  Status play(std::string contract, std::string name, std::string arguments) {
    Event event;
    event.block = block++;
    event.at_ms = static_cast<std::int64_t>(event.block) * 1000;
    event.contract = std::move(contract);
    event.name = std::move(name);
    event.arguments = std::move(arguments);
    return book.apply(event);
  }
  void registry(std::string name, std::string arguments) {
    const auto done = play("Registry", std::move(name), std::move(arguments));
    EXPECT_TRUE(done) << done.error().text;
  }
  void market(std::string name, std::string arguments) {
    const auto done = play("WorkMarket", std::move(name), std::move(arguments));
    EXPECT_TRUE(done) << done.error().text;
  }
};

const std::string kHash = R"("0x00000000000000000000000000000000000000000000000000000000000000aa")";
const std::string kAddress = R"("0x00000000000000000000000000000000000000bb")";

void open_account(Tape& tape, int id) {
  tape.registry("AccountOpened",
                fmt::format(R"({{"account":{},"owner":{},"operator":{},"payout":{}}})", id, kAddress, kAddress, kAddress));
}

void place(Tape& tape) {
  tape.market(
      "OrderPlaced",
      fmt::format(
          R"({{"orderId":"7","buyer":1,"escrow":"400","bond":"30","terms":{{"buyer":1,"kind":0,"check":0,"privacy":0,"n":3,"k":2,)"
          R"("maxTier":5,"auditBps":600,"commitWindow":60,"nonce":"9","spec":{0},"specDigest":{0},"specSize":"10","inputRoot":{0},)"
          R"("inputSize":"5","buyerKey":{0}}}}})",
          kHash));
  tape.market("RoundOpened",
              R"({"orderId":"7","round":0,"role":0,"appealed":false,"wanted":3,"seedBlock":"12","deadline":99})");
}

void draw(Tape& tape) {
  tape.market(
      "Drawn",
      fmt::format(R"({{"orderId":"7","round":0,"seed":{},"accounts":[2,3,4],"tiers":[1,2,3],"locked":"2000","deadline":120}})",
                  kHash));
}

TEST(Book, tells_how_the_lot_decided_about_an_audit) {
  const auto told = [](const std::string& seed, bool forced) {
    Tape tape;
    for (int id = 1; id <= 4; ++id) open_account(tape, id);
    place(tape);
    draw(tape);
    tape.market("AuditDrawn", fmt::format(R"({{"orderId":"7","seed":{},"forced":{}}})", seed, forced));
    return tape.book.order(7)->story.back().text;
  };
  base::Hash seed;
  seed.bytes[31] = 0xaa;
  const auto drawn = trust::QuorumCheck::audit_lot(7, seed);
  ASSERT_GE(drawn, 600U);
  EXPECT_EQ(told(kHash, false),
            fmt::format("The lot drew {} of 10000, not below 600 (an audit in 6.00 % of orders): there is no audit.", drawn));
  while (trust::QuorumCheck::audit_lot(7, seed) >= 600) ++seed.bytes[0];
  EXPECT_NE(
      told("\"" + base::to_hex(seed) + "\"", false).find("below 600 (an audit in 6.00 % of orders): an auditor re-runs it."),
      std::string::npos);
  EXPECT_EQ(told(kHash, true), "Nobody drew the lot of the audit in time, so an audit is held.");
}

TEST(Book, tells_a_dispute_from_the_first_demand_to_the_last_fee) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  place(tape);
  draw(tape);
  const auto& order = *tape.book.order(7);
  tape.market("TraceDemanded", R"({"orderId":"7","account":3,"number":0,"fee":"160","deadline":130,)"
                               R"("place":{"tree":3,"kind":3,"value":"5","level":0,"index":"2"}})");
  const auto& demand = order.dispute.demands.at(3);
  EXPECT_TRUE(demand.open);
  EXPECT_EQ(demand.place,
            (trust::optimistic::Demand{trust::optimistic::ClaimTree::tensor, trust::optimistic::DemandKind::leaf, 5, 0, 2}));
  EXPECT_EQ(order.dispute.until(), 130);
  tape.market("TraceAnswered", R"({"orderId":"7","account":3,"answerer":2,"number":0,"deadline":150,)"
                               R"("place":{"tree":3,"kind":3,"value":"5","level":0,"index":"2"}})");
  EXPECT_FALSE(demand.open);
  EXPECT_EQ(demand.answers.size(), 1U);
  EXPECT_EQ(order.dispute.until(), 150);
  tape.market("Challenged",
              fmt::format(R"({{"orderId":"7","account":3,"number":0,"commitment":{},"bond":"30","deadline":170}})", kHash));
  EXPECT_EQ(order.dispute.until(), 170);
  EXPECT_EQ(order.appeal_bonds.text(), "30");
  const auto wrong = tape.play("WorkMarket", "Proven", R"({"orderId":"7","account":3,"number":1,"fraud":0})");
  EXPECT_EQ(wrong.error().code, Code::conflict) << "there is no second challenge";
  tape.market("Proven", R"({"orderId":"7","account":3,"number":0,"fraud":0})");
  tape.market("Condemned", R"({"orderId":"7","provider":2,"reason":6,"finality":0})");
  tape.market("ChallengeReturned", R"({"orderId":"7","account":3,"number":0,"amount":"30"})");
  tape.market("MemberSettled", R"({"orderId":"7","account":2,"verdict":2,"paid":"0","fee":"0","slashed":"2000"})");
  tape.market("Rewarded", R"({"orderId":"7","account":3,"amount":"500"})");
  tape.market("Refunded",
              R"({"orderId":"7","buyer":1,"reason":6,"paid":"0","burned":"1500","slashed":"2000","refunded":"430"})");
  tape.market("DemandsClosed", R"({"orderId":"7","account":3,"paid":"0","returned":"160"})");
  EXPECT_EQ(order.outcome(), trust::Verdict::rejected);
  EXPECT_EQ(order.dispute.winner, std::optional<std::uint32_t>(3));
  EXPECT_EQ(order.rewards.at(3).text(), "500");
  EXPECT_EQ(order.appeals_returned.text(), "530");
  EXPECT_TRUE(demand.closed);
}

TEST(Book, refuses_a_demand_for_a_place_that_no_claim_has) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  place(tape);
  const auto bad = tape.play("WorkMarket", "TraceDemanded",
                             R"({"orderId":"7","account":3,"number":0,"fee":"1","deadline":130,)"
                             R"("place":{"tree":4,"kind":3,"value":"5","level":0,"index":"2"}})");
  EXPECT_EQ(bad.error().code, Code::malformed);
}

/// An order of members 2, 3 and 4, drawn at the next block, that ends with account 2 silent.
void end_in_silence(Tape& tape) {
  place(tape);
  draw(tape);
  tape.market("MemberSettled", R"({"orderId":"7","account":2,"verdict":3,"paid":"0","fee":"0","slashed":"9"})");
  tape.market("Refunded", R"({"orderId":"7","buyer":1,"reason":3,"paid":"0","burned":"9","slashed":"9","refunded":"430"})");
  tape.registry("OfferSuspended", R"({"account":2,"kind":0})");
  tape.registry("Recorded", R"({"account":2,"verdict":3,"streak":0,"points":"0"})");
}

TEST(Book, knows_which_offers_are_suspended_and_how_often_that_came_again) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  const auto offer = [&] { tape.registry("OfferSet", R"({"account":2,"kind":0,"tier":7,"active":true})"); };
  offer();
  const auto& account = *tape.book.account(2);
  for (std::uint32_t round = 0; round < 3; ++round) {
    EXPECT_EQ(account.relapses, round);
    end_in_silence(tape);
    EXPECT_TRUE(account.failed);
    EXPECT_TRUE(account.offers.at(0).suspended);
    EXPECT_FALSE(account.offers.at(0).active);
    EXPECT_EQ(account.offers.at(0).tier, 7);
    EXPECT_GT(account.offers.at(0).suspended_at_ms, account.offered_at_ms);
    offer();
    EXPECT_TRUE(account.offers.at(0).active);
    EXPECT_FALSE(account.offers.at(0).suspended);
  }
  EXPECT_EQ(account.relapses, 3U);
  tape.registry("Recorded", R"({"account":2,"verdict":1,"streak":1,"points":"0"})");
  EXPECT_EQ(account.relapses, 0U);
}

TEST(Book, counts_no_failure_in_an_order_drawn_before_the_offer_was_made_again) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  place(tape);
  draw(tape);
  tape.registry("OfferSet", R"({"account":2,"kind":0,"tier":7,"active":true})");
  tape.market("MemberSettled", R"({"orderId":"7","account":2,"verdict":3,"paid":"0","fee":"0","slashed":"9"})");
  EXPECT_FALSE(tape.book.account(2)->failed);
}

TEST(Book, takes_a_bond_from_free_balance_and_stake) {
  Tape tape;
  open_account(tape, 2);
  tape.registry("Deposited", R"({"account":2,"from":"0x00000000000000000000000000000000000000bb","amount":"100"})");
  tape.registry("Staked", R"({"account":2,"amount":"90"})");
  tape.registry("UnstakeRequested", R"({"account":2,"amount":"80","availableAt":"5"})");
  tape.registry("Debited", R"({"account":2,"amount":"10"})");
  tape.registry("Pledged", R"({"account":2,"amount":"30","unbonding":"60"})");
  const auto& account = *tape.book.account(2);
  EXPECT_TRUE(account.free.is_zero());
  EXPECT_EQ(account.stake, Wei(60));
  EXPECT_EQ(account.unbonding, Wei(60));
  const auto bad = tape.play("Registry", "Pledged", R"({"account":2,"amount":"61","unbonding":"0"})");
  EXPECT_FALSE(bad) << "more than the stake";
}

TEST(Book, follows_an_order_through_its_phases) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  place(tape);
  const auto& order = *tape.book.order(7);
  EXPECT_EQ(order.phase, Phase::draw);
  EXPECT_EQ(order.seed_block, 12U);
  EXPECT_TRUE(tape.book.open_orders().contains(7));
  draw(tape);
  EXPECT_EQ(order.phase, Phase::input);
  ASSERT_EQ(order.seats.size(), 3U);
  EXPECT_EQ(order.seat_now(3)->tier, 2);
  EXPECT_EQ(order.seat_now(9), nullptr);
  tape.market(
      "InputPublished",
      fmt::format(
          R"({{"orderId":"7","round":0,"publisher":1,"envelopeRoot":{},"envelopeSize":"550","locator":"http://a/artifacts/b","deadline":150}})",
          kHash));
  EXPECT_EQ(order.phase, Phase::commit);
  tape.market("Committed", fmt::format(R"({{"orderId":"7","account":2,"round":0,"commitment":{}}})", kHash));
  EXPECT_TRUE(order.seat(2)->committed);
  tape.market("RevealOpened", R"({"orderId":"7","round":0,"deadline":180})");
  tape.market(
      "Revealed",
      fmt::format(
          R"({{"orderId":"7","account":2,"round":0,"outputRoot":{0},"traceRoot":{0},"mark":{0},"resultDigest":{0},"resultSize":"9"}})",
          kHash));
  EXPECT_TRUE(order.seat(2)->revealed);
  tape.market("AuditOpened", R"({"orderId":"7","seedBlock":"20","deadline":200})");
  tape.market(
      "VerdictStanding",
      fmt::format(
          R"({{"orderId":"7","outputRoot":{0},"traceRoot":{0},"witness":{0},"accepted":"1","rejected":"2","deadline":220}})",
          kHash));
  EXPECT_EQ(order.seat(2)->verdict, Standing::accepted);
  EXPECT_EQ(order.seat(3)->verdict, Standing::rejected);
  EXPECT_EQ(order.outcome(), trust::Verdict::pending);
  tape.market("MemberSettled", R"({"orderId":"7","account":2,"verdict":1,"paid":"99","fee":"1","slashed":"0"})");
  tape.market("MemberSettled", R"({"orderId":"7","account":3,"verdict":2,"paid":"0","fee":"0","slashed":"2000"})");
  tape.market("Settled", R"({"orderId":"7","buyer":1,"paid":"99","burned":"1001","slashed":"2000","refunded":"1330"})");
  EXPECT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.outcome(), trust::Verdict::accepted);
  EXPECT_EQ(order.seat(3)->slashed, Wei(2000));
  EXPECT_EQ(tape.book.account(2)->free, Wei(99));
  EXPECT_TRUE(tape.book.open_orders().empty());
  EXPECT_GE(order.story.size(), 9U);
}

TEST(Book, knows_where_posted_bytes_stand_and_the_keys_of_the_draw) {
  Tape tape;
  for (int id = 1; id <= 4; ++id) open_account(tape, id);
  const std::string key = R"("0x00000000000000000000000000000000000000000000000000000000000000cc")";
  const auto profile = [&](const std::string& text) {
    tape.registry("ProfileSet", fmt::format(R"({{"account":3,"endpoint":"http://a","encryptionKey":{}}})", text));
  };
  profile(key);
  place(tape);
  draw(tape);
  profile(kHash);  // a key that comes later is not the one that the envelopes are sealed to
  const auto& order = *tape.book.order(7);
  EXPECT_EQ(order.seat(3)->key, base::fixed_from_hex<32>(key.substr(1, 66)).value());
  tape.market("InputPosted", fmt::format(R"({{"orderId":"7","round":0,"envelopeRoot":{},"subtree":2,"subtrees":3}})", kHash));
  tape.market("OutputPosted",
              R"({"orderId":"7","account":2,"tensor":1,"subtree":0,"subtrees":1,"tensorSize":"40","tensorCount":"2"})");
  ASSERT_EQ(order.posted.size(), 2U);
  EXPECT_EQ(order.posted[0].subtree, 2U);
  EXPECT_FALSE(order.posted[0].envelope_root.is_zero());
  EXPECT_EQ(order.posted[1].account, 2U);
  EXPECT_EQ(order.posted[1].tensor_size, 40U);
  EXPECT_EQ(order.posted[1].tensor_count, 2U);
}

TEST(Book, keeps_balances_and_refuses_to_go_below_zero) {
  Tape tape;
  open_account(tape, 1);
  tape.registry("Deposited", fmt::format(R"({{"account":1,"from":{},"amount":"100"}})", kAddress));
  tape.registry("Staked", R"({"account":1,"amount":"60"})");
  tape.registry("Locked", R"({"account":1,"amount":"20"})");
  tape.registry("Slashed", R"({"account":1,"amount":"10"})");
  const auto& account = *tape.book.account(1);
  EXPECT_EQ(account.free, Wei(40));
  EXPECT_EQ(account.stake, Wei(50));
  EXPECT_EQ(account.locked, Wei(20));
  EXPECT_EQ(
      tape.play("Registry", "Withdrawn", fmt::format(R"({{"account":1,"payout":{},"amount":"41"}})", kAddress)).error().code,
      Code::out_of_range);
}

TEST(Book, refuses_events_out_of_nowhere) {
  Tape tape;
  EXPECT_EQ(
      tape.play("WorkMarket", "Committed", fmt::format(R"({{"orderId":"7","account":2,"round":0,"commitment":{}}})", kHash))
          .error()
          .code,
      Code::conflict);
  EXPECT_EQ(tape.play("Registry", "Staked", R"({"account":5,"amount":"1"})").error().code, Code::conflict);
  open_account(tape, 1);
  place(tape);
  EXPECT_EQ(
      tape.play("WorkMarket", "Committed", fmt::format(R"({{"orderId":"7","account":2,"round":0,"commitment":{}}})", kHash))
          .error()
          .code,
      Code::conflict);
}

TEST(Book, names_the_argument_that_is_wrong) {
  Tape tape;
  const auto error = tape.play("Registry", "AccountOpened", R"({"account":1,"owner":"0x12"})").error();
  EXPECT_EQ(error.code, Code::malformed);
  EXPECT_NE(error.text.find("owner"), std::string::npos);
  EXPECT_EQ(tape.play("Registry", "AccountOpened", "no json").error().code, Code::malformed);
}

TEST(Book, skips_events_of_a_newer_contract) {
  Tape tape;
  open_account(tape, 1);
  place(tape);
  EXPECT_TRUE(tape.play("WorkMarket", "SomethingNew", R"({"orderId":"7"})"));
}

TEST(Tiers, climb_by_a_quarter_octave) {
  EXPECT_EQ(tier_price(0), Wei(1'000'000'000'000));
  EXPECT_EQ(tier_price(4), Wei(2'000'000'000'000));
  EXPECT_EQ(tier_price(5), Wei(2'500'000'000'000));
  for (std::uint8_t tier = 0; tier < 128; ++tier) {
    EXPECT_EQ(tier_within(tier_price(tier)).value(), tier);
    EXPECT_EQ(tier_from(tier_price(tier)).value(), tier);
  }
  const auto between = tier_price(9).plus(Wei(1)).value();
  EXPECT_EQ(tier_within(between).value(), 9);
  EXPECT_EQ(tier_from(between).value(), 10);
  EXPECT_FALSE(tier_from(Wei()));
  EXPECT_EQ(tier_within(Wei(1)).error().code, Code::out_of_range);
}

TEST(Book, takes_only_an_account_that_the_key_opened_for_its_own) {
  Tape tape;
  const auto open = [&](int id, const std::string& owner, const std::string& operator_address) {
    tape.registry("AccountOpened", fmt::format(R"({{"account":{},"owner":"{}","operator":"{}","payout":"{}"}})", id, owner,
                                               operator_address, owner));
  };
  const std::string stranger = "0x00000000000000000000000000000000000000cc";
  const std::string self = "0x00000000000000000000000000000000000000bb";
  const auto who = base::fixed_from_hex<20>(self).value();
  open(1, stranger, self);  // whoever pays into it pays the stranger
  EXPECT_EQ(tape.book.opened_by(who), nullptr);
  open(2, self, self);
  EXPECT_EQ(tape.book.opened_by(who)->id, 2U);
  tape.registry("OwnerSet", fmt::format(R"({{"account":2,"owner":"{}"}})", stranger));
  EXPECT_EQ(tape.book.opened_by(who)->id, 2U) << "it still operates it";
  tape.registry("OperatorSet", fmt::format(R"({{"account":2,"operator":"{}"}})", stranger));
  EXPECT_EQ(tape.book.opened_by(who), nullptr);
}

TEST(Book, remembers_every_operator_and_all_that_was_ever_deposited) {
  Tape tape;
  open_account(tape, 1);
  tape.registry("OperatorSet", R"({"account":1,"operator":"0x00000000000000000000000000000000000000cc"})");
  EXPECT_EQ(tape.book.account(1)->operators.size(), 2U);
  tape.registry("Deposited", R"({"account":1,"from":"0x00000000000000000000000000000000000000bb","amount":"70"})");
  tape.registry("Withdrawn", R"({"account":1,"to":"0x00000000000000000000000000000000000000bb","amount":"30"})");
  tape.registry("Deposited", R"({"account":1,"from":"0x00000000000000000000000000000000000000bb","amount":"5"})");
  EXPECT_EQ(tape.book.account(1)->deposited.text(), "75");
  EXPECT_EQ(tape.book.account(1)->free.text(), "45");
}

}  // namespace
}  // namespace koinon::market
