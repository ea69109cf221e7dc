#include "market/book/dispute.hpp"

#include <algorithm>

#include "market/book/reading.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using trust::optimistic::ClaimTree;
using trust::optimistic::Demand;
using trust::optimistic::DemandKind;

std::string_view fraud_text(std::uint8_t fraud) {
  constexpr std::array<std::string_view, 12> kTexts{"one element does not follow from its operands",
                                                    "an input of its trace is not the order's",
                                                    "an output is not the value of its trace",
                                                    "its trace has another number of values",
                                                    "a value has another length",
                                                    "it has another number of outputs",
                                                    "an input lies outside what the program declares",
                                                    "a byte behind the end of a value is not zero",
                                                    "a place behind the end of a list is not empty",
                                                    "an inner value has a tree, or another value has none",
                                                    "the program takes another number of inputs than the order has",
                                                    "the program takes an input of another length than the order has"};
  return fraud < kTexts.size() ? kTexts[fraud] : "it is wrong";
}

namespace {

std::string place_text(const Demand& place) {
  const auto tree = place.tree == ClaimTree::trace     ? std::string("the list of values")
                    : place.tree == ClaimTree::outputs ? std::string("the list of outputs")
                                                       : fmt::format("value {}", place.value);
  switch (place.kind) {
    case DemandKind::summit: return tree;
    case DemandKind::nodes: return fmt::format("{}, below node {} of level {}", tree, place.index, place.level);
    case DemandKind::leaf: return fmt::format("{}, leaf {}", tree, place.index);
  }
  return tree;
}

}  // namespace

std::int64_t DisputeView::until() const {
  std::int64_t out = 0;
  for (const auto& one : challenges)
    if (!one.proven && !one.closed) out = std::max(out, one.deadline);
  for (const auto& [account, one] : demands)
    if (!one.closed) out = std::max(out, one.deadline);
  return condemned ? finality : out;
}

Status Book::apply_dispute(const Event& event, const Reading& in, OrderView& order) {
  auto& dispute = order.dispute;
  const auto& name = event.name;
  const auto account = in.has("account") ? in.u32("account") : in.has("provider") ? in.u32("provider") : 0;
  const auto tell = [&](std::string text) {
    order.story.push_back({event.at_ms, event.block, event.transaction, name, account, std::move(text)});
  };
  const auto challenge = [&]() -> Result<ChallengeView*> {
    const auto number = in.u32("number");
    if (number >= dispute.challenges.size())
      return fail(Code::conflict, "[book] {} names challenge {} of {}", name, number, dispute.challenges.size());
    return &dispute.challenges[number];
  };

  if (name == "Challenged") {
    if (in.u32("number") != dispute.challenges.size())
      return fail(Code::conflict, "[book] challenge {} of order {} is number {} here", in.u32("number"), order.id,
                  dispute.challenges.size());
    const auto bond = in.wei("bond");
    dispute.challenges.push_back({account, in.hash("commitment"), bond, event.block, in.i64("deadline"), false, false});
    KOINON_TRY(order.appeal_bonds, order.appeal_bonds.plus(bond));
    tell(fmt::format("Account {} disputes the claim and committed to a proof, with a bond of {}.", account, bond.tokens()));
  } else if (name == "Proven") {
    KOINON_TRY(auto* one, challenge());
    one->proven = true;
    one->fraud = in.u8("fraud");
    one->proven_tx = event.transaction;
    tell(fmt::format("Account {} proved the claim wrong: {}.", account, fraud_text(in.u8("fraud"))));
  } else if (name == "Condemned") {
    dispute.condemned = in.u8("reason");
    dispute.finality = in.i64("finality");
    order.demand.reset();
    for (auto& [who, one] : dispute.demands) one.open = false;
    tell(fmt::format("The claim of account {} is condemned: {}.", account,
                     *dispute.condemned == kWithheld ? "it did not show what it binds" : "it was proven wrong"));
  } else if (name == "TraceDemanded") {
    auto& one = dispute.demands[account];
    one.open = true;
    one.made = static_cast<std::uint8_t>(in.u8("number") + 1);
    one.place = in.place("place");
    one.opened_ms = event.at_ms;
    one.deadline = in.i64("deadline");
    KOINON_TRY(one.fees, one.fees.plus(in.wei("fee")));
    tell(fmt::format("Account {} demanded a part of the claim: {}.", account, place_text(one.place)));
  } else if (name == "TraceAnswered") {
    auto& one = dispute.demands[account];
    const auto answerer = in.u32("answerer");
    one.open = false;
    one.deadline = in.i64("deadline");
    one.answers.push_back({in.place("place"), answerer, event.block_hash, event.index});
    tell(fmt::format("Account {} answered the demand of account {}.", answerer, account));
  } else if (name == "ChallengesBurned") {
    for (auto& one : dispute.challenges) one.closed = true;
    KOINON_TRY(order.challenges_burned, order.challenges_burned.plus(in.wei("amount")));
    tell(fmt::format("Challenges showed nothing: {} burned.", in.wei("amount").tokens()));
  } else if (name == "ChallengeReturned") {
    KOINON_TRY(auto* one, challenge());
    one->closed = true;
    KOINON_TRY(order.appeals_returned, order.appeals_returned.plus(in.wei("amount")));
    tell(fmt::format("Account {} got its bond back.", account));
  } else if (name == "DemandsClosed") {
    auto& one = dispute.demands[account];
    one.open = false;
    one.closed = true;
    tell(fmt::format("Fees of the demands of account {}: {} to who answered, {} back.", account, in.wei("paid").tokens(),
                     in.wei("returned").tokens()));
  }
  return {};
}

}  // namespace koinon::market
