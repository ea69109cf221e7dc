#include "market/book/book.hpp"

#include <fmt/format.h>

#include <bit>

#include "market/book/reading.hpp"
#include "trust/quorum/optimistic.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;

std::string_view role_word(trust::Role role) {
  switch (role) {
    case trust::Role::quorum: return "quorum";
    case trust::Role::audit: return "audit";
    case trust::Role::jury: return "jury";
  }
  return "unknown";
}

/// How the lot decided about an audit, for people.
std::string lot_text(const OrderView& order, const Hash& seed, bool forced) {
  if (forced) return "Nobody drew the lot of the audit in time, so an audit is held.";
  if (order.terms.check != trust::QuorumCheck{}.code()) return "The lot decided whether this order is audited.";
  const auto chance = fmt::format("{}.{:02} %", order.terms.audit_bps / 100, order.terms.audit_bps % 100);
  const auto drawn = trust::QuorumCheck::audit_lot(order.id, seed);
  return drawn < order.terms.audit_bps
             ? fmt::format("The lot drew {} of 10000, below {} (an audit in {} of orders): an auditor re-runs it.", drawn,
                           order.terms.audit_bps, chance)
             : fmt::format("The lot drew {} of 10000, not below {} (an audit in {} of orders): there is no audit.", drawn,
                           order.terms.audit_bps, chance);
}

}  // namespace

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::none: return "none";
    case Phase::draw: return "drawing";
    case Phase::input: return "input";
    case Phase::commit: return "committing";
    case Phase::reveal: return "revealing";
    case Phase::audit_draw: return "auditing";
    case Phase::standing: return "standing";
    case Phase::settled: return "settled";
    case Phase::refunded: return "refunded";
  }
  return "unknown";
}

std::string_view standing_name(Standing standing) {
  switch (standing) {
    case Standing::none: return "none";
    case Standing::accepted: return "accepted";
    case Standing::rejected: return "rejected";
    case Standing::silent: return "silent";
  }
  return "unknown";
}

const Seat* OrderView::seat(std::uint32_t account) const {
  for (const auto& s : seats)
    if (s.account == account) return &s;
  return nullptr;
}

const Seat* OrderView::seat_now(std::uint32_t account) const {
  const auto* found = seat(account);
  return found != nullptr && found->round == round() ? found : nullptr;
}

trust::Verdict OrderView::outcome() const {
  if (phase == Phase::refunded && (refund_reason == kRefuted || refund_reason == kWithheld)) return trust::Verdict::rejected;
  if (phase == Phase::refunded) return refund_reason == kBadInput ? trust::Verdict::bad_input : trust::Verdict::undecided;
  if (!verdict) return trust::Verdict::pending;
  return phase == Phase::settled ? trust::Verdict::accepted : trust::Verdict::pending;
}

const OrderView* Book::order(std::uint64_t id) const {
  const auto at = orders_.find(id);
  return at == orders_.end() ? nullptr : &at->second;
}

const AccountView* Book::account(std::uint32_t id) const {
  const auto at = accounts_.find(id);
  return at == accounts_.end() ? nullptr : &at->second;
}

const AccountView* Book::opened_by(const base::Address& who) const {
  for (const auto& [id, account] : accounts_)
    if (account.opener == who && (account.owner == who || account.operator_address == who)) return &account;
  return nullptr;
}

Status Book::apply(const Event& event) {
  Reading in(event);
  KOINON_CHECK(in.parse());
  ++version_;
  const auto applied = event.contract == "Registry" ? apply_registry(event, in) : apply_market(event, in);
  KOINON_CHECK(applied);
  return in.status();
}

Status Book::apply_registry(const Event& event, const Reading& in) {
  const auto& name = event.name;
  if (name == "Burned") return {};
  const auto id = in.u32("account");
  KOINON_CHECK(in.status());
  if (name == "AccountOpened") {
    AccountView account;
    account.id = id;
    account.owner = account.opener = in.address("owner");
    account.operator_address = in.address("operator");
    account.operators.insert(account.operator_address);
    account.payout = in.address("payout");
    accounts_[id] = std::move(account);
    return {};
  }
  const auto at = accounts_.find(id);
  if (at == accounts_.end()) return fail(Code::conflict, "[book] {} of account {}, which was never opened", name, id);
  auto& account = at->second;
  if (name == "OperatorSet") account.operators.insert(account.operator_address = in.address("operator"));
  if (name == "PayoutSet") account.payout = in.address("payout");
  if (name == "OwnerSet") account.owner = in.address("owner");
  if (name == "ProfileSet") {
    account.endpoint = in.text("endpoint");
    account.encryption_key = in.hash("encryptionKey");
  }
  if (name == "OfferSet") {
    const Offer offer{in.boolean("active"), in.u8("tier"), false, 0};
    account.offers[in.u8("kind")] = offer;
    if (offer.active) {
      account.relapses += account.failed ? 1 : 0;
      account.failed = false;
      account.offered_at_ms = event.at_ms;
    }
  }
  if (name == "OfferSuspended") {
    auto& offer = account.offers[in.u8("kind")];
    offer.active = false;
    offer.suspended = true;
    offer.suspended_at_ms = event.at_ms;
  }
  if (name == "Recorded") {
    const auto verdict = static_cast<Standing>(in.u8("verdict"));
    account.accepted += verdict == Standing::accepted ? 1 : 0;
    account.rejected += verdict == Standing::rejected ? 1 : 0;
    account.silent += verdict == Standing::silent ? 1 : 0;
    if (verdict == Standing::accepted) {
      account.failed = false;
      account.relapses = 0;
    }
    account.streak = in.u32("streak");
    account.points = in.wei("points");
  }
  const auto amount = in.has("amount") ? in.wei("amount") : Wei{};
  const auto move = [&](Wei* from, Wei* to) -> Status {
    if (from != nullptr) {
      KOINON_TRY(*from, from->minus(amount));
    }
    if (to != nullptr) {
      KOINON_TRY(*to, to->plus(amount));
    }
    return {};
  };
  if (name == "Deposited") KOINON_CHECK(move(nullptr, &account.deposited));
  if (name == "Deposited" || name == "Credited") return move(nullptr, &account.free);
  if (name == "Withdrawn" || name == "Debited") return move(&account.free, nullptr);
  if (name == "Staked") return move(&account.free, &account.stake);
  if (name == "Pledged") {
    account.unbonding = in.wei("unbonding");
    return move(&account.stake, nullptr);
  }
  if (name == "UnstakeRequested") account.unbonding = amount;
  if (name == "Unstaked") {
    account.unbonding = Wei{};
    return move(&account.stake, &account.free);
  }
  if (name == "Locked") return move(nullptr, &account.locked);
  if (name == "Unlocked") return move(&account.locked, nullptr);
  if (name == "Slashed") {
    KOINON_CHECK(move(&account.stake, nullptr));
    return move(nullptr, &account.slashed);
  }
  return {};
}

Status Book::apply_market(const Event& event, const Reading& in) {
  const auto& name = event.name;
  const auto id = in.u64("orderId");
  KOINON_CHECK(in.status());
  if (name == "OrderPlaced") {
    OrderView order;
    order.id = id;
    order.terms = in.terms("terms");
    order.escrow = in.wei("escrow");
    order.bond = in.wei("bond");
    order.placed_at_ms = event.at_ms;
    order.placed_block = event.block;
    order.placed_tx = event.transaction;
    orders_[id] = std::move(order);
    open_.insert(id);
  }
  const auto at = orders_.find(id);
  if (at == orders_.end()) return fail(Code::conflict, "[book] {} of order {}, which was never placed", name, id);
  auto& order = at->second;
  order.since_ms = event.at_ms;
  const auto account = in.has("account") ? in.u32("account") : in.has("buyer") ? in.u32("buyer") : 0;
  const auto tell = [&](std::string text) {
    order.story.push_back({event.at_ms, event.block, event.transaction, name, account, std::move(text)});
  };
  Seat* seat = nullptr;
  for (auto& s : order.seats)
    if (s.account == account) seat = &s;
  const auto need_seat = [&]() -> Status {
    if (seat == nullptr)
      return fail(Code::conflict, "[book] {} of account {}, which has no seat in order {}", name, account, id);
    return {};
  };

  KOINON_CHECK(apply_dispute(event, in, order));
  if (name == "OrderPlaced") {
    tell(fmt::format("Account {} placed the order and escrowed {}, with a bond of {}.", order.terms.buyer,
                     order.escrow.tokens(), order.bond.tokens()));
  } else if (name == "RoundOpened") {
    RoundView round;
    round.role = static_cast<trust::Role>(in.u8("role"));
    round.appealed = in.boolean("appealed");
    round.wanted = in.u8("wanted");
    if (round.role == trust::Role::jury) ++order.juries;
    order.rounds.push_back(round);
    order.phase = Phase::draw;
    order.seed_block = in.u64("seedBlock");
    order.deadline = in.i64("deadline");
    tell(fmt::format("A {} of {} is to be drawn with the randomness of block {}.", role_word(round.role), round.wanted,
                     order.seed_block));
  } else if (name == "Drawn") {
    const auto index = in.u8("round");
    if (index >= order.rounds.size())
      return fail(Code::conflict, "[book] Drawn names round {} of {}", index, order.rounds.size());
    auto& round = order.rounds[index];
    round.seed = in.hash("seed");
    round.locked = in.wei("locked");
    round.drawn_at_ms = event.at_ms;
    const auto accounts = in.numbers("accounts");
    const auto tiers = in.numbers("tiers");
    if (accounts.size() != tiers.size())
      return fail(Code::malformed, "[book] Drawn has {} accounts and {} tiers", accounts.size(), tiers.size());
    std::string who;
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      Seat fresh;
      fresh.account = static_cast<std::uint32_t>(accounts[i]);
      fresh.tier = static_cast<std::uint8_t>(tiers[i] & 127);
      fresh.round = index;
      if (const auto* drawn = this->account(fresh.account)) fresh.key = drawn->encryption_key;
      order.seats.push_back(fresh);
      who += fmt::format("{}{}", i == 0 ? "" : ", ", accounts[i]);
    }
    order.phase = Phase::input;
    order.deadline = in.i64("deadline");
    tell(fmt::format("Drawn by stake and record: account {}. Each locks {} of stake.", who, round.locked.tokens()));
  } else if (name == "RoundLapsed") {
    const auto index = in.u8("round");
    if (index < order.rounds.size()) order.rounds[index].lapsed = true;
    tell("The round lapsed: nobody could be seated, or the input never came.");
  } else if (name == "InputPublished") {
    const auto index = in.u8("round");
    if (index >= order.rounds.size())
      return fail(Code::conflict, "[book] InputPublished names round {} of {}", index, order.rounds.size());
    const Publication publication{in.u32("publisher"), in.hash("envelopeRoot"), in.u64("envelopeSize"), in.text("locator")};
    order.rounds[index].published.push_back(publication);
    order.phase = Phase::commit;
    order.deadline = in.i64("deadline");
    tell(fmt::format("Account {} published the input, {} ({} bytes).", publication.publisher,
                     order.terms.check == trust::OptimisticCheck::kCode ? "for everybody to see" : "encrypted to the members",
                     publication.envelope_size));
  } else if (name == "Committed") {
    KOINON_CHECK(need_seat());
    seat->committed = true;
    seat->commitment = in.hash("commitment");
    tell(fmt::format("Account {} committed to its claim.", account));
  } else if (name == "RevealOpened") {
    order.phase = Phase::reveal;
    order.deadline = in.i64("deadline");
  } else if (name == "Revealed") {
    KOINON_CHECK(need_seat());
    seat->revealed = true;
    seat->claim = {account, in.hash("outputRoot"), in.hash("traceRoot"), in.hash("mark")};
    seat->result_digest = in.hash("resultDigest");
    seat->result_size = in.u64("resultSize");
    tell(fmt::format("Account {} revealed its claim, output root {}.", account,
                     base::to_hex(seat->claim.output_root).substr(0, 12)));
  } else if (name == "AuditOpened") {
    order.phase = Phase::audit_draw;
    order.seed_block = in.u64("seedBlock");
    order.deadline = in.i64("deadline");
  } else if (name == "AuditDrawn") {
    tell(lot_text(order, in.hash("seed"), in.boolean("forced")));
  } else if (name == "VerdictStanding") {
    StandingVerdict verdict;
    verdict.output_root = in.hash("outputRoot");
    verdict.trace_root = in.hash("traceRoot");
    verdict.witness = in.hash("witness");
    verdict.accepted = in.u64("accepted");
    verdict.rejected = in.u64("rejected");
    order.verdict = verdict;
    order.phase = Phase::standing;
    order.deadline = in.i64("deadline");
    for (std::size_t i = 0; i < order.seats.size() && i < 64; ++i) {
      const auto bit = std::uint64_t{1} << i;
      order.seats[i].verdict = (verdict.accepted & bit) != 0   ? Standing::accepted
                               : (verdict.rejected & bit) != 0 ? Standing::rejected
                                                               : Standing::none;
    }
    if (verdict.output_root == trust::bad_input_roots().output)
      tell("A verdict stands: the input is not what the order binds. An appeal has a jury look at it.");
    else
      tell(fmt::format("A verdict stands: {} claims accepted, {} rejected.", std::popcount(verdict.accepted),
                       std::popcount(verdict.rejected)));
  } else if (name == "Appealed") {
    KOINON_TRY(order.appeal_bonds, order.appeal_bonds.plus(in.wei("bond")));
    tell(fmt::format("Account {} appealed with a bond of {}.", account, in.wei("bond").tokens()));
  } else if (name == "Demanded") {
    order.demand = OpenDemand{in.boolean("output"), account, in.u32("target"), in.u32("tensor"), in.u32("subtree")};
    order.deadline = in.i64("deadline");
    tell(fmt::format("Account {} demanded the {} on the ledger.", account, order.demand->output ? "output" : "input"));
  } else if (name == "InputPosted" || name == "OutputPosted") {
    PostedBytes posted;
    posted.output = name == "OutputPosted";
    posted.subtree = in.u32("subtree");
    posted.block_hash = event.block_hash;
    posted.index = event.index;
    if (posted.output) {
      posted.account = account;
      posted.tensor = in.u32("tensor");
      posted.tensor_size = in.u64("tensorSize");
      posted.tensor_count = in.u64("tensorCount");
    } else {
      posted.envelope_root = in.hash("envelopeRoot");
    }
    order.posted.push_back(posted);
  } else if (name == "Answered" || name == "Unanswered") {
    if (!order.demand) return fail(Code::conflict, "[book] {} of order {}, which has no demand", name, id);
    const auto& demand = *order.demand;
    if (name == "Unanswered" && demand.output && seat != nullptr) seat->withheld = true;
    order.demand.reset();
    order.deadline = 0;  // the clock went on by as long as the demand stood: read it from the ledger
    tell(name == "Answered" ? "The demand was answered." : "The demand was left unanswered.");
  } else if (name == "MemberSettled") {
    KOINON_CHECK(need_seat());
    seat->verdict = static_cast<Standing>(in.u8("verdict"));
    seat->paid = in.wei("paid");
    seat->fee = in.wei("fee");
    seat->slashed = in.wei("slashed");
    if (const auto who = accounts_.find(account); who != accounts_.end()) {
      KOINON_TRY(who->second.free, who->second.free.plus(seat->paid));
      KOINON_TRY(who->second.earned, who->second.earned.plus(seat->paid));
      if (seat->verdict == Standing::silent && order.rounds[seat->round].drawn_at_ms >= who->second.offered_at_ms)
        who->second.failed = true;
    }
    if (!seat->slashed.is_zero())
      tell(fmt::format("Account {} was slashed {}.", account, seat->slashed.tokens()));
    else if (!seat->paid.is_zero())
      tell(fmt::format("Account {} was paid {}.", account, seat->paid.tokens()));
  } else if (name == "Rewarded") {
    KOINON_TRY(order.rewards[account], order.rewards[account].plus(in.wei("amount")));
    if (order.dispute.condemned) {  // by a proof: no appeal takes part
      order.dispute.winner = account;
      KOINON_TRY(order.appeals_returned, order.appeals_returned.plus(in.wei("amount")));
    }
    tell(fmt::format("Account {} was rewarded {} out of what was slashed.", account, in.wei("amount").tokens()));
  } else if (name == "AppealSettled") {
    KOINON_TRY(order.appeals_returned, order.appeals_returned.plus(in.wei("returned")));
    tell(in.boolean("succeeded") ? fmt::format("The appeal of account {} succeeded.", account)
                                 : fmt::format("The appeal of account {} failed; its bond pays the jury.", account));
  } else if (name == "Settled" || name == "Refunded") {
    order.paid = in.wei("paid");
    order.burned = in.wei("burned");
    order.slashed = in.wei("slashed");
    order.refunded = in.wei("refunded");
    order.phase = name == "Settled" ? Phase::settled : Phase::refunded;
    if (name == "Refunded") order.refund_reason = in.u8("reason");
    order.deadline = 0;
    order.settled_at_ms = event.at_ms;
    order.settled_block = event.block;
    order.settled_tx = event.transaction;
    open_.erase(id);
    tell(fmt::format("{}: {} paid, {} slashed, {} burned, {} back to the buyer.", name == "Settled" ? "Settled" : "Refunded",
                     order.paid.tokens(), order.slashed.tokens(), order.burned.tokens(), order.refunded.tokens()));
  }
  return {};
}

}  // namespace koinon::market
