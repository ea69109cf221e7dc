#include "market/receipt/receipt.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "market/receipt/sample.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::market {
namespace {

using base::Code;

Status rejection(const Receipt& receipt) {
  const auto report = verify_offline(receipt);
  if (!report) return base::fail(report.error());
  return {};
}

TEST(Receipt, a_good_one_is_verified_offline) {
  const auto report = verify_offline(sample_receipt()).value();
  EXPECT_TRUE(report.outputs_included);
  EXPECT_EQ(report.supporting, 2U);
  EXPECT_EQ(report.needed, 2U);
}

TEST(Receipt, reads_what_it_writes) {
  const auto receipt = sample_receipt();
  const auto again = Receipt::from_json(receipt.to_json()).value();
  EXPECT_EQ(again.to_json(), receipt.to_json());
  EXPECT_EQ(again.digest(), receipt.digest());
}

/// Changes every leaf of the document in turn: a digit of each text, one more in each number. Gives how many there are.
std::size_t change_every_field(const Receipt& good) {
  const auto text = good.to_json();
  const auto original = nlohmann::json::parse(text).flatten();
  std::size_t fields = 0;
  for (const auto& item : original.items()) {
    auto flat = original;
    auto& value = flat[item.key()];
    if (value.is_string()) {
      auto changed = value.get<std::string>();
      if (changed.empty()) continue;
      changed.back() = changed.back() == '1' ? '2' : '1';
      value = changed;
    } else if (value.is_number()) {
      value = value.get<std::uint64_t>() + 1;
    }
    ++fields;
    const auto receipt = Receipt::from_json(flat.unflatten().dump());
    EXPECT_FALSE(receipt && rejection(*receipt)) << item.key();
  }
  return fields;
}

TEST(Receipt, of_a_proven_result_names_its_proof_and_no_other_does) {
  const auto receipt = sample_proven();
  ASSERT_TRUE(verify_offline(receipt));
  EXPECT_EQ(Receipt::from_json(receipt.to_json()).value().proof, receipt.proof);
  EXPECT_GT(change_every_field(receipt), 30U);
  auto other = sample_receipt();
  other.proof = receipt.proof;
  sign_sample(other);
  EXPECT_EQ(rejection(other).error().code, Code::rejected) << "a quorum's result was not proven";
  EXPECT_FALSE(sample_receipt().proof);
}

TEST(Receipt, refuses_every_changed_field) {
  EXPECT_GT(change_every_field(sample_receipt()), 40U);
  EXPECT_GT(change_every_field(sample_condemned()), 30U);
}

TEST(Receipt, of_a_claim_that_fell_says_so_and_how) {
  const auto receipt = sample_condemned();
  const auto report = verify_offline(Receipt::from_json(receipt.to_json()).value()).value();
  EXPECT_TRUE(report.is_condemned);
  EXPECT_EQ(report.supporting, 1U) << "its provider signed it";
  EXPECT_FALSE(report.needs_ledger);

  auto unsigned_claim = receipt;
  unsigned_claim.claims.clear();
  sign_sample(unsigned_claim);
  EXPECT_EQ(verify_offline(unsigned_claim).value().supporting, 0U);

  auto with_outputs = receipt;
  with_outputs.outputs = {{1, 2, 3, 4}};
  auto by_quorum = receipt;
  by_quorum.check = "quorum";
  auto accepted = receipt;
  accepted.verdict = "accepted";
  auto without = receipt;
  without.condemned.reset();
  auto of_another = receipt;
  of_another.condemned->claimant = 4;
  auto of_a_juror = receipt;
  of_a_juror.claims[0].role = trust::Role::jury;
  auto of_other_roots = receipt;
  of_other_roots.trace_root.bytes[0] ^= 1;
  auto of_two = receipt;
  of_two.claims.push_back(sample_receipt().claims[1]);
  auto paid = receipt;
  paid.paid = Wei{1};
  for (auto* wrong :
       {&with_outputs, &by_quorum, &accepted, &without, &of_another, &of_a_juror, &of_other_roots, &of_two, &paid}) {
    sign_sample(*wrong);
    EXPECT_EQ(rejection(*wrong).error().code, Code::rejected);
  }
}

TEST(Receipt, of_a_claim_that_fell_is_what_the_ledger_says) {
  OrderView order;
  order.terms.check = trust::OptimisticCheck::kCode;
  order.phase = Phase::standing;
  EXPECT_FALSE(condemned_of(order));
  order.phase = Phase::refunded;
  order.refund_reason = kBadInput;
  EXPECT_FALSE(condemned_of(order));
  Seat seat;
  seat.account = 3;
  seat.verdict = Standing::rejected;
  order.seats = {seat};
  order.settled_tx.bytes.fill(1);
  order.refund_reason = kWithheld;
  const auto withheld = condemned_of(order);
  ASSERT_TRUE(withheld);
  EXPECT_EQ(withheld->reason, "withheld");
  EXPECT_EQ(withheld->claimant, 3U);
  EXPECT_EQ(withheld->by, 0U);
  EXPECT_EQ(withheld->tx, order.settled_tx);

  order.refund_reason = kRefuted;
  ChallengeView nothing, first, second;
  first.account = 5;
  first.fraud = 4;
  first.proven_tx.bytes.fill(2);
  first.proven = second.proven = true;
  second.account = 6;
  order.dispute.challenges = {nothing, first, second};
  const auto refuted = condemned_of(order);
  ASSERT_TRUE(refuted);
  EXPECT_EQ(refuted->reason, "refuted");
  EXPECT_EQ(refuted->by, 5U);
  EXPECT_EQ(refuted->fraud, std::uint8_t{4});
  EXPECT_EQ(refuted->tx, first.proven_tx);

  auto receipt = sample_condemned();
  order.id = receipt.order;
  order.settled_tx = receipt.settled_tx;
  order.settled_block = receipt.settled_block;
  EXPECT_TRUE(receipt.is_of(order));
  order.phase = Phase::settled;
  EXPECT_FALSE(receipt.is_of(order)) << "a reorganisation gave it another end";
}

TEST(Receipt, has_one_writing) {
  const auto text = sample_receipt().to_json();
  const auto refused = [](const std::string& changed) {
    const auto read = Receipt::from_json(changed);
    EXPECT_FALSE(read) << changed.substr(0, 120);
    return read ? std::string() : read.error().text;
  };
  for (const auto* place : {"", "/policy", "/money", "/ledger", "/claims/0", "/payments/0"}) {
    auto document = nlohmann::json::parse(text);
    document[nlohmann::json::json_pointer(place)]["note"] = "paid twice";
    EXPECT_NE(refused(document.dump()).find("note"), std::string::npos) << place;
  }
  EXPECT_NE(refused("{\"order\": 1," + text.substr(1)).find("'order' twice"), std::string::npos);
  EXPECT_NE(refused(text + "{}").find("[json]"), std::string::npos);
  for (const auto* key : {"chain_id", "order", "issued_at"})
    for (const nlohmann::json& value : {nlohmann::json(std::uint64_t{1} << 63), nlohmann::json(-1), nlohmann::json(1.0),
                                        nlohmann::json("1"), nlohmann::json(nullptr), nlohmann::json(true)}) {
      auto document = nlohmann::json::parse(text);
      document[key] = value;
      EXPECT_NE(refused(document.dump()).find(key), std::string::npos) << value;
    }
  auto document = nlohmann::json::parse(text);
  auto upper = document["program"].get<std::string>();
  std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
  document["program"] = upper;
  if (upper != nlohmann::json::parse(text)["program"].get<std::string>()) {
    EXPECT_NE(refused(document.dump()).find("program"), std::string::npos);
  }
  document = nlohmann::json::parse(text);
  document["money"]["paid"] = "0" + document["money"]["paid"].get<std::string>();
  EXPECT_NE(refused(document.dump()).find("paid"), std::string::npos);
  EXPECT_TRUE(Receipt::from_json(nlohmann::json::parse(text).dump())) << "white space is free";
}

TEST(Receipt, refuses_too_few_claims_even_when_the_issuer_signs_again) {
  auto receipt = sample_receipt();
  receipt.claims.erase(receipt.claims.begin());
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, of_a_result_over_the_ledger_says_that_the_ledger_must_confirm_it) {
  auto receipt = sample_receipt();
  receipt.claims.clear();
  receipt.over_ledger = true;
  sign_sample(receipt);
  const auto read = Receipt::from_json(receipt.to_json()).value();
  EXPECT_TRUE(read.over_ledger);
  const auto report = verify_offline(read).value();
  EXPECT_TRUE(report.needs_ledger);
  EXPECT_EQ(report.supporting, 0U);
  EXPECT_EQ(report.needed, 2U);
  EXPECT_FALSE(verify_offline(sample_receipt()).value().needs_ledger);
  auto changed = read;
  changed.over_ledger = false;
  EXPECT_FALSE(verify_offline(changed)) << "the issuer signed that it came over the ledger";
  auto document = nlohmann::json::parse(receipt.to_json());
  document["delivered"] = "pigeon";
  EXPECT_EQ(Receipt::from_json(document.dump()).error().code, Code::malformed);
}

/// A book with the sample's order, settled as the sample says.
Book sample_book(const Receipt& receipt) {
  Book book;
  std::uint64_t block = 1;
  const auto play = [&](const char* contract, const char* name, const nlohmann::json& arguments) {
    Event event;
    event.block = std::string_view(name) == "Settled" ? receipt.settled_block : block++;
    event.contract = contract;
    event.name = name;
    event.arguments = arguments.dump();
    const auto done = book.apply(event);
    EXPECT_TRUE(done) << name << ": " << done.error().text;
  };
  const auto hex = [](const auto& bytes) { return base::to_hex(bytes); };
  const auto none = hex(Hash{});
  for (std::uint32_t account = 1; account <= 4; ++account) {
    const auto self = hex(sample_key(account == 4 ? 99 : static_cast<std::uint8_t>(account)).address());
    play("Registry", "AccountOpened", {{"account", account}, {"owner", self}, {"operator", self}, {"payout", self}});
  }
  play("WorkMarket", "OrderPlaced",
       {{"orderId", "12"},
        {"buyer", 4},
        {"escrow", "400"},
        {"bond", "30"},
        {"terms",
         {{"buyer", 4},
          {"kind", 0},
          {"check", 0},
          {"privacy", 0},
          {"n", 3},
          {"k", 2},
          {"maxTier", 5},
          {"auditBps", 0},
          {"commitWindow", 60},
          {"nonce", "9"},
          {"spec", hex(receipt.spec)},
          {"specDigest", none},
          {"specSize", "10"},
          {"inputRoot", hex(receipt.input_root)},
          {"inputSize", "5"},
          {"buyerKey", none}}}});
  play(
      "WorkMarket", "RoundOpened",
      {{"orderId", "12"}, {"round", 0}, {"role", 0}, {"appealed", false}, {"wanted", 3}, {"seedBlock", "3"}, {"deadline", 99}});
  play("WorkMarket", "Drawn",
       {{"orderId", "12"},
        {"round", 0},
        {"seed", none},
        {"accounts", {1, 2, 3}},
        {"tiers", {1, 1, 1}},
        {"locked", "2000"},
        {"deadline", 120}});
  for (const auto& claim : receipt.claims)
    play("WorkMarket", "Revealed",
         {{"orderId", "12"},
          {"account", claim.account},
          {"round", 0},
          {"outputRoot", hex(claim.output_root)},
          {"traceRoot", hex(claim.trace_root)},
          {"mark", none},
          {"resultDigest", none},
          {"resultSize", "1"}});
  play("WorkMarket", "VerdictStanding",
       {{"orderId", "12"},
        {"outputRoot", hex(receipt.output_root)},
        {"traceRoot", hex(receipt.trace_root)},
        {"witness", none},
        {"accepted", "3"},
        {"rejected", "4"},
        {"deadline", 200}});
  for (const auto& paid : receipt.payments)
    play("WorkMarket", "MemberSettled",
         {{"orderId", "12"},
          {"account", paid.account},
          {"verdict", paid.verdict == "accepted" ? 1 : 2},
          {"paid", paid.paid.text()},
          {"fee", "0"},
          {"slashed", paid.slashed.text()}});
  play("WorkMarket", "Settled",
       {{"orderId", "12"},
        {"paid", receipt.paid.text()},
        {"burned", receipt.burned.text()},
        {"slashed", receipt.slashed.text()},
        {"refunded", receipt.refunded.text()}});
  return book;
}

TEST(Receipt, agrees_with_the_ledger_also_when_a_member_has_another_key_since) {
  const auto receipt = sample_receipt();
  auto book = sample_book(receipt);
  const auto good = verify_on_ledger(receipt, book);
  EXPECT_TRUE(good) << good.error().text;
  Event changed;
  changed.contract = "Registry";
  changed.name = "OperatorSet";
  changed.arguments = nlohmann::json{{"account", 1}, {"operator", base::to_hex(sample_key(50).address())}}.dump();
  ASSERT_TRUE(book.apply(changed));
  EXPECT_TRUE(verify_on_ledger(receipt, book));
}

TEST(Receipt, refuses_on_the_ledger_a_claim_that_a_key_of_no_member_signed) {
  auto receipt = sample_receipt();
  const auto book = sample_book(receipt);
  const auto stranger = sample_key(60);
  auto& claim = receipt.claims[0];
  claim.operator_address = stranger.address();
  const auto digest = claim_digest({receipt.chain_id, receipt.market, receipt.order}, claim.account, receipt.spec,
                                   receipt.input_root, claim.output_root, claim.trace_root);
  claim.signature = base::fixed<65>(stranger.sign(digest).bytes());
  sign_sample(receipt);
  EXPECT_TRUE(verify_offline(receipt)) << "offline nobody can know";
  EXPECT_EQ(verify_on_ledger(receipt, book).error().code, Code::rejected);
}

TEST(Receipt, is_of_the_settlement_that_it_names) {
  const auto receipt = sample_receipt();
  const auto book = sample_book(receipt);
  auto order = *book.order(receipt.order);
  EXPECT_TRUE(receipt.is_of(order));
  order.settled_block += 1;
  EXPECT_FALSE(receipt.is_of(order)) << "a reorganisation moved it";
  order.settled_block -= 1;
  order.phase = Phase::standing;
  EXPECT_FALSE(receipt.is_of(order)) << "a reorganisation took it back";
}

TEST(Receipt, refuses_a_claim_counted_twice) {
  auto receipt = sample_receipt();
  receipt.claims[2] = receipt.claims[0];
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, refuses_outputs_that_do_not_hash_to_the_root) {
  auto receipt = sample_receipt();
  receipt.outputs[0][0] ^= 1;
  sign_sample(receipt);
  EXPECT_NE(rejection(receipt).error().text.find("outputs"), std::string::npos);
}

TEST(Receipt, may_leave_the_outputs_out) {
  auto receipt = sample_receipt();
  receipt.outputs.clear();
  sign_sample(receipt);
  EXPECT_FALSE(verify_offline(receipt).value().outputs_included);
}

TEST(Receipt, refuses_a_policy_that_is_no_majority) {
  auto receipt = sample_receipt();
  receipt.k = 1;
  sign_sample(receipt);
  EXPECT_EQ(rejection(receipt).error().code, Code::rejected);
}

TEST(Receipt, names_the_field_that_is_malformed) {
  EXPECT_EQ(Receipt::from_json("{").error().code, Code::malformed);
  EXPECT_EQ(Receipt::from_json("[]").error().code, Code::malformed);
  auto document = nlohmann::json::parse(sample_receipt().to_json());
  document["input_root"] = "0x12";
  EXPECT_NE(Receipt::from_json(document.dump()).error().text.find("input_root"), std::string::npos);
  document["format"] = "koinon-receipt-9";
  EXPECT_EQ(Receipt::from_json(document.dump()).error().code, Code::unsupported);
}

}  // namespace
}  // namespace koinon::market
