#include "node/api/order_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api/new_order.hpp"
#include "node/api/words.hpp"
#include "trust/quorum/quorum.hpp"

// What the API tells of an order, for every way in which a round can end. Orders as the book has them after their events.
namespace koinon::node::api {
namespace {

using base::Wei;
using market::OrderView;
using market::Phase;
using market::Seat;
using market::Standing;
using nlohmann::json;
using trust::Role;

constexpr std::uint8_t kTier = 40;

base::Hash hash_of(std::uint8_t byte) {
  base::Hash out;
  out.bytes.fill(byte);
  return out;
}

/// A settled quorum(3, 2) of accounts 2, 3 and 4, all of whom claimed the same; every test states its difference.
struct OrderJson : testing::Test {
  OrderView order;

  OrderJson() {
    order.id = 7;
    order.terms.buyer = 1;
    order.terms.max_tier = kTier;
    order.phase = Phase::settled;
    order.escrow = Wei(400);
    order.bond = Wei(30);
    order.paid = Wei(297);
    order.burned = Wei(3);
    order.refunded = Wei(130);
    order.settled_at_ms = 9'000;
    market::StandingVerdict verdict;
    verdict.output_root = hash_of(1);
    verdict.trace_root = hash_of(2);
    order.verdict = verdict;
    open_round(Role::quorum);
    for (std::uint32_t account = 2; account <= 4; ++account) seat(account);
  }
  void open_round(Role role) {
    market::RoundView round;
    round.role = role;
    round.drawn_at_ms = 2'000;
    round.locked = Wei(2'000);
    order.rounds.push_back(round);
  }
  Seat& seat(std::uint32_t account) {
    Seat out;
    out.account = account;
    out.tier = kTier;
    out.round = order.round();
    out.committed = out.revealed = true;
    out.claim = {account, hash_of(1), hash_of(2), hash_of(3)};
    out.verdict = Standing::accepted;
    out.paid = Wei(99);
    out.fee = Wei(1);
    order.story.push_back({5'000, 10, {}, "Committed", account, ""});
    order.story.push_back({6'000, 11, {}, "Revealed", account, ""});
    order.seats.push_back(out);
    return order.seats.back();
  }
  void take(Seat& from, std::uint64_t slashed) {
    from.paid = from.fee = Wei{};
    from.slashed = Wei(slashed);
    order.slashed = order.slashed.plus(Wei(slashed)).value();
  }
  json details() const { return order_details(order, {}, {}, 0); }
  json member(std::size_t round, std::size_t index) const { return order_rounds(order)[round]["members"][index]; }
  /// Once final, what came in is what went out.
  void expect_balance() const {
    const auto money = order_money(order);
    const auto wei = [&](const char* key) { return Wei::parse(money[key].get<std::string>()).value(); };
    const auto out = sum(sum(wei("paid"), wei("fee")), sum(wei("burned"), wei("refunded")));
    EXPECT_EQ(sum(wei("escrow"), wei("slashed")).text(), out.text()) << money.dump(2);
  }
};

TEST_F(OrderJson, settled_order_names_who_agreed_and_what_each_got) {
  const auto all = details();
  EXPECT_EQ(all["state"], "settled");
  EXPECT_EQ(all["verdict"], "accepted");
  EXPECT_TRUE(all["refund_reason"].is_null());
  EXPECT_TRUE(all["deadline"].is_null());
  EXPECT_EQ(all["rounds"].size(), 1U);
  const auto first = member(0, 0);
  EXPECT_EQ(first["account"], 2);
  EXPECT_EQ(first["state"], "revealed");
  EXPECT_EQ(first["verdict"], "accepted");
  EXPECT_EQ(first["reason"], "Its output and trace are those of 2 others.");
  EXPECT_EQ(first["paid"], "99");
  EXPECT_EQ(first["locked"], "2000");
  EXPECT_EQ(first["committed_at"], 5'000);
  EXPECT_EQ(first["revealed_at"], 6'000);
  expect_balance();
}

TEST_F(OrderJson, rejected_member_is_told_what_differs) {
  auto& liar = order.seats[0];
  liar.verdict = Standing::rejected;
  liar.claim.output_root = hash_of(9);
  take(liar, 2'000);
  order.paid = Wei(198);
  order.burned = Wei(1'002);
  order.refunded = Wei(1'230);
  EXPECT_EQ(member(0, 0)["verdict"], "rejected");
  EXPECT_EQ(member(0, 0)["slashed"], "2000");
  EXPECT_EQ(member(0, 0)["output_root"], base::to_hex(hash_of(9)));
  EXPECT_EQ(member(0, 0)["reason"], "Its output root differs from that of the verdict.");
  EXPECT_EQ(member(0, 1)["reason"], "Its output and trace are those of 1 other.");
  expect_balance();
  liar.claim = {2, hash_of(1), hash_of(9), {}};
  EXPECT_EQ(member(0, 0)["reason"], "Its trace root differs from that of the verdict.");
  liar.claim = {2, hash_of(1), hash_of(2), {}};
  EXPECT_EQ(member(0, 0)["reason"], "Its result is right, but its tag shows that it did not run the program.");
  liar.claim = {2, trust::bad_input_roots().output, {}, {}};
  EXPECT_EQ(member(0, 0)["reason"], "It said that the input does not match what the order binds, and that was not true.");
}

TEST_F(OrderJson, who_could_not_have_the_program_is_told_so) {
  auto& unserved = order.seats[0];
  unserved.verdict = Standing::none;
  unserved.claim = {2, trust::unserved_roots().output, {}, {}};
  EXPECT_EQ(member(0, 0)["reason"], "It said that the program could not be had.");
}

TEST_F(OrderJson, standing_accusation_of_the_input_is_no_result) {
  order.phase = Phase::standing;
  order.verdict->output_root = trust::bad_input_roots().output;
  EXPECT_EQ(details()["verdict"], "bad_input");
}

TEST_F(OrderJson, silent_member_is_told_what_it_left_out) {
  auto& silent = order.seats[0];
  silent.verdict = Standing::silent;
  silent.committed = silent.revealed = false;
  take(silent, 500);
  auto told = member(0, 0);
  EXPECT_EQ(told["state"], "silent");
  EXPECT_TRUE(told["verdict"].is_null());
  EXPECT_TRUE(told["commitment"].is_null());
  EXPECT_TRUE(told["committed_at"].is_null());
  EXPECT_TRUE(told["output_root"].is_null());
  EXPECT_EQ(told["reason"], "It did not commit in time.");
  silent.committed = true;
  EXPECT_EQ(member(0, 0)["reason"], "It committed, but did not reveal in time.");
  EXPECT_TRUE(member(0, 0)["revealed_at"].is_null());
  silent.revealed = silent.withheld = true;
  EXPECT_EQ(member(0, 0)["reason"], "It did not hand over its output in time.");
}

TEST_F(OrderJson, jury_is_a_round_of_its_own_with_its_appeal) {
  for (std::size_t i = 0; i < 2; ++i) {
    order.seats[i].verdict = Standing::rejected;
    order.seats[i].claim.output_root = hash_of(9);
    take(order.seats[i], 2'000);
  }
  open_round(Role::jury);
  order.rounds.back().appealed = true;
  order.juries = 1;
  for (std::uint32_t account = 5; account <= 11; ++account) seat(account);
  order.appeal_bonds = Wei(700);
  const auto rounds = order_rounds(order);
  ASSERT_EQ(rounds.size(), 2U);
  EXPECT_EQ(rounds[1]["role"], "jury");
  EXPECT_TRUE(rounds[1]["appealed"].get<bool>());
  EXPECT_EQ(rounds[1]["members"].size(), 7U);
  EXPECT_EQ(rounds[0]["members"][2]["reason"], "Its output and trace are those of 7 others.");
  EXPECT_EQ(order_money(order)["escrow"], "430") << "escrow and bond of the buyer alone";
  EXPECT_EQ(order_money(order)["bonds"], "700");
  order.phase = Phase::commit;
  EXPECT_EQ(state_word(order), "jury");
  EXPECT_TRUE(order_rounds(order)[1]["members"][0]["verdict"].is_null()) << "nothing is decided yet";
  order.phase = Phase::draw;
  EXPECT_EQ(details()["state"], "jury");
}

TEST_F(OrderJson, audit_is_named_as_what_it_is) {
  open_round(Role::audit);
  seat(5);
  EXPECT_EQ(order_rounds(order)[1]["role"], "audit");
  order.phase = Phase::reveal;
  EXPECT_EQ(details()["state"], "auditing");
}

TEST_F(OrderJson, lapsed_round_has_no_members_and_no_seed) {
  order.rounds[0].lapsed = true;
  order.rounds[0].drawn_at_ms = 0;
  order.seats.clear();
  order.phase = Phase::refunded;
  order.refund_reason = 1;
  order.verdict.reset();
  const auto rounds = order_rounds(order);
  ASSERT_EQ(rounds.size(), 1U);
  EXPECT_TRUE(rounds[0]["lapsed"].get<bool>());
  EXPECT_TRUE(rounds[0]["seed"].is_null());
  EXPECT_TRUE(rounds[0]["drawn_at"].is_null());
  EXPECT_TRUE(rounds[0]["members"].empty());
}

TEST_F(OrderJson, refunded_order_names_its_reason_and_a_verdict_only_where_there_is_one) {
  order.phase = Phase::refunded;
  order.verdict.reset();
  order.paid = order.burned = Wei{};
  order.refunded = Wei(430);
  for (auto& one : order.seats) {
    one.verdict = Standing::none;
    one.paid = one.fee = Wei{};
  }
  const std::pair<std::uint8_t, std::pair<const char*, json>> cases[] = {
      {0, {"undrawn", nullptr}}, {1, {"no_providers", nullptr}},  {2, {"no_input", nullptr}},
      {3, {"silence", nullptr}}, {4, {"undecided", "undecided"}}, {5, {"bad_input", "bad_input"}},
  };
  for (const auto& [reason, words] : cases) {
    order.refund_reason = reason;
    const auto all = details();
    EXPECT_EQ(all["state"], "refunded");
    EXPECT_EQ(all["refund_reason"], words.first);
    EXPECT_EQ(all["verdict"], words.second) << words.first;
    EXPECT_EQ(all["money"]["refunded"], "430");
  }
  EXPECT_EQ(member(0, 0)["verdict"], "undecided");
  EXPECT_EQ(member(0, 0)["reason"], "No verdict was reached about its claim.");
  order.seats[0].claim = {2, trust::bad_input_roots().output, {}, {}};
  EXPECT_EQ(member(0, 0)["reason"], "It said that the input does not match what the order binds.");
  order.seats[0].revealed = false;
  EXPECT_EQ(member(0, 0)["reason"], "Nothing was asked of it, or it never got the input.");
  expect_balance();
}

TEST_F(OrderJson, order_that_runs_tells_nothing_of_verdicts) {
  order.phase = Phase::commit;
  order.verdict.reset();
  for (auto& one : order.seats) {
    one.revealed = false;
    one.verdict = Standing::none;
  }
  const auto all = order_details(order, {}, {}, 160);
  EXPECT_EQ(all["state"], "committing");
  EXPECT_EQ(all["deadline"], 160'000);
  EXPECT_TRUE(all["verdict"].is_null());
  EXPECT_TRUE(all["settled_at"].is_null());
  EXPECT_TRUE(member(0, 0)["verdict"].is_null());
  EXPECT_TRUE(member(0, 0)["reason"].is_null());
  EXPECT_EQ(member(0, 0)["state"], "committed");
}

TEST(Dispute, of_an_optimistic_order_is_told_and_of_others_null) {
  market::OrderView order;
  order.rounds.emplace_back();
  EXPECT_TRUE(order_details(order, {}, {}, 0)["dispute"].is_null());
  order.terms.check = 1;
  const auto quiet = order_details(order, {}, {}, 0)["dispute"];
  EXPECT_TRUE(quiet["until"].is_null());
  EXPECT_TRUE(quiet["condemned"].is_null());
  EXPECT_TRUE(quiet["challenges"].empty());
  order.dispute.challenges.push_back({9, {}, base::Wei(30), 5, 170, true, true});
  auto& demand = order.dispute.demands[9];
  demand.made = 2;
  demand.answers.resize(1);
  demand.open = true;
  demand.deadline = 160;
  const auto open = order_details(order, {}, {}, 0)["dispute"];
  EXPECT_EQ(open["until"], 160'000);
  EXPECT_EQ(open["demands"][0]["made"], 2);
  EXPECT_EQ(open["demands"][0]["answered"], 1);
  EXPECT_EQ(open["challenges"][0]["bond"], "30");
  order.phase = market::Phase::refunded;
  order.refund_reason = market::kRefuted;
  order.dispute.condemned = market::kRefuted;
  order.dispute.winner = 9;
  const auto all = order_details(order, {}, {}, 0);
  EXPECT_EQ(all["dispute"]["condemned"], "refuted");
  EXPECT_EQ(all["dispute"]["winner"], 9);
  EXPECT_EQ(all["verdict"], "rejected");
  EXPECT_EQ(all["refund_reason"], "refuted");
}

TEST(NewOrder, that_is_optimistic_has_one_provider_and_no_audit) {
  const auto order = [](const std::string& more) {
    return parse_new_order(R"({"program":"0x)" + std::string(64, '1') +
                               R"(","input":{"input_data":[[1]]},"max_price":"1000000000000")" + more + "}",
                           trust::standard_checks(), "quorum");
  };
  const auto alone = order(R"(,"check":"optimistic")");
  ASSERT_TRUE(alone) << alone.error().text;
  EXPECT_EQ(alone->check, 1);
  EXPECT_EQ(alone->n, 1);
  EXPECT_EQ(alone->k, 1);
  EXPECT_EQ(alone->audit_bps, 0);
  EXPECT_EQ(order(R"(,"check":"optimistic","n":3)").error().code, base::Code::invalid_argument);
  EXPECT_EQ(order(R"(,"check":"optimistic","audit_bps":600)").error().code, base::Code::invalid_argument);
  EXPECT_EQ(order("")->n, 3);
  const auto proved = order(R"(,"check":"proof")");
  ASSERT_TRUE(proved) << proved.error().text;
  EXPECT_EQ(proved->check, 2);
  EXPECT_EQ(proved->n, 1);
  EXPECT_EQ(proved->audit_bps, 0);
  EXPECT_EQ(order(R"(,"check":"proof","n":3)").error().code, base::Code::invalid_argument);
  EXPECT_EQ(order(R"(,"check":"proof","audit_bps":600)").error().code, base::Code::invalid_argument);
  EXPECT_EQ(order(R"(,"check":"proof","privacy":"private")").error().code, base::Code::unsupported);
}

TEST(Words, name_what_the_node_knows_and_number_what_it_does_not) {
  const auto rules = trust::standard_checks();
  EXPECT_EQ(check_code("quorum", rules).value(), 0);
  EXPECT_EQ(check_code("oracle", rules).error().code, base::Code::invalid_argument);
  EXPECT_NE(check_code("oracle", rules).error().text.find("quorum"), std::string::npos);
  EXPECT_EQ(check_word(9, &rules), "check-9");
  EXPECT_EQ(check_code("optimistic", rules).value(), 1);
  EXPECT_EQ(check_code("proof", rules).value(), 2);
  EXPECT_EQ(check_words(rules), (std::vector<std::string>{"quorum", "optimistic", "proof"}));
  auto older = trust::standard_checks();
  older.drop(1);  // a market of version 3
  EXPECT_EQ(check_code("optimistic", older).error().code, base::Code::unsupported);
  older.drop(2);  // nor had one of version 4 this
  EXPECT_EQ(check_code("proof", older).error().code, base::Code::unsupported);
}

}  // namespace
}  // namespace koinon::node::api
