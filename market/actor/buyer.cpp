#include "market/actor/buyer.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "market/actor/posted.hpp"
#include "market/actor/sealing.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::market {
namespace {

using base::Bytes;
using base::Code;
using base::Domain;
using base::fail;

std::string member_result_key(std::uint64_t order, std::uint32_t account) {
  return fmt::format("{}/{}", result_key(order), account);
}

/// A member has so long to hand over its result, in each attempt; then it is demanded on the ledger.
constexpr std::int64_t kResultMs = 20'000;

/// Where the name of a result is kept that came over the ledger.
std::string posted_result_key(std::uint64_t order) { return result_key(order) + "/posted"; }

}  // namespace

Status publish_parcel(const Services& s, const OrderView& order, const work::Parcel& parcel) {
  KOINON_TRY(const auto sealed, seal_input(order, order.round(), parcel, s.box->public_key()));
  KOINON_TRY(const auto ref, s.artifacts->put(sealed));
  return s.ledger->publish_input(order.id, order.round(), s.account, base::byte_tree_root(Domain::envelope, sealed), ref.size,
                                 Locator{s.endpoint, ref.cid}.text());
}

Result<std::uint64_t> Buyer::place(const Purchase& purchase) {
  PurchaseNote note;
  if (purchase.nonce) {
    // The same terms again: another salt would be another input, and the first may be on the ledger by now.
    KOINON_TRY(const auto kept, s_.journal->get(purchase_key(*purchase.nonce)));
    if (kept) {
      KOINON_TRY(note, PurchaseNote::from_json(*kept));
      return s_.ledger->place(note.terms);
    }
  }
  const bool open_input = purchase.check == trust::OptimisticCheck::kCode;
  const bool proven = purchase.check == trust::ProofCheck::kCode;
  const auto salt = open_input ? Hash{} : proven ? purchase.subject : s_.random->hash();
  const work::Parcel parcel{salt, purchase.inputs};
  const auto encoded = parcel.encode();
  const Appetite usual;
  if (purchase.artifact.size > usual.spec)
    return fail(Code::out_of_range, "[place] a program of {} bytes: providers take at most {} unless told otherwise",
                purchase.artifact.size, usual.spec);
  if (encoded.size() > usual.input)
    return fail(Code::out_of_range, "[place] an input of {} bytes: providers take at most {} unless told otherwise",
                encoded.size(), usual.input);
  KOINON_TRY(const auto sealed, seal(encoded, {s_.box->public_key()}));
  KOINON_TRY(note.input, s_.artifacts->put(sealed));
  auto& t = note.terms;
  t.buyer = s_.account;
  t.kind = purchase.kind;
  t.check = purchase.check;
  t.privacy = purchase.privacy;
  t.n = purchase.n;
  t.k = purchase.k;
  KOINON_TRY(t.max_tier, tier_within(purchase.max_price));
  t.audit_bps = purchase.audit_bps;
  t.commit_window = purchase.commit_window;
  t.nonce = purchase.nonce.value_or(s_.random->u64() >> 1);
  t.spec = purchase.spec;
  t.spec_digest = purchase.artifact.cid.digest;
  t.spec_size = purchase.artifact.size;
  t.input_root = bound_root(t, parcel);
  t.input_size = encoded.size();
  t.buyer_key = s_.box->public_key();
  note.model = purchase.model;
  note.has_expected = purchase.expected.has_value();
  note.expected = purchase.expected.value_or(trust::Roots{});
  KOINON_CHECK(s_.journal->put(purchase_key(t.nonce), note.to_json()));
  return s_.ledger->place(t);
}

Result<std::optional<PurchaseNote>> Buyer::purchase(const OrderView& order) {
  if (order.terms.buyer != s_.account) return std::optional<PurchaseNote>{};
  KOINON_TRY(const auto text, s_.journal->get(purchase_key(order.terms.nonce)));
  if (!text) return std::optional<PurchaseNote>{};
  KOINON_TRY(auto note, PurchaseNote::from_json(*text));
  return std::optional<PurchaseNote>(std::move(note));
}

Result<work::Parcel> Buyer::input(const OrderView& order) {
  KOINON_TRY(const auto note, purchase(order));
  if (!note) return fail(Code::not_found, "[input] order {} was not placed from this node", order.id);
  KOINON_TRY(const auto sealed, s_.artifacts->get(note->input.cid));
  KOINON_TRY(const auto content, open(sealed, *s_.box));
  return work::Parcel::decode(content);
}

Status Buyer::publish(const OrderView& order) {
  KOINON_TRY(const auto parcel, input(order));
  return publish_parcel(s_, order, parcel);
}

Status Buyer::answer_input(const OrderView& order) {
  if (!order.demand) return {};
  // What the ledger says we published, not what we sealed last: a crash may lie between the two.
  const Publication* mine = nullptr;
  for (const auto& one : order.rounds[order.round()].published)
    if (one.publisher == s_.account) mine = &one;
  if (mine == nullptr) return fail(Code::not_found, "[answer] order {}: no envelope of ours", order.id);
  KOINON_TRY(const auto where, Locator::parse(mine->locator));
  KOINON_TRY(const auto envelope, s_.artifacts->get(where.cid));
  KOINON_TRY(const auto siblings, base::open_byte_subtree(Domain::envelope, envelope, order.demand->subtree));
  constexpr auto kSpan = base::kSubtreeLeaves * base::kLeafSize;
  const auto from = order.demand->subtree * kSpan;
  return s_.ledger->answer_input(
      order.id, base::ByteView(envelope).subspan(from, std::min<std::size_t>(kSpan, envelope.size() - from)), siblings);
}

Result<work::Delivery> Buyer::fetch_result(const Seat& seat, const Parties& parties, std::stop_token stop) {
  const base::ArtifactRef ref{base::Cid{seat.result_digest}, seat.result_size};
  if (ref.size > kMaxContent + kMaxRecipients * 1024)
    return fail(Code::rejected, "[result] account {} names {} bytes: at most {}", seat.account, ref.size, kMaxContent);
  auto sealed = s_.artifacts->get(ref.cid);
  if (!sealed) {
    const auto* member = parties.account(seat.account);
    if (member == nullptr) return fail(Code::not_found, "[result] account {} is unknown", seat.account);
    sealed = s_.fetcher->fetch(member->endpoint, ref, kResultMs, stop);
  }
  if (!sealed) return fail(std::move(sealed).error());
  KOINON_TRY(const auto content, open(*sealed, *s_.box));
  KOINON_TRY(auto delivery, work::Delivery::decode(content));
  if (delivery.output_root != seat.claim.output_root || delivery.trace_root != seat.claim.trace_root ||
      work::outputs_root(delivery.outputs) != seat.claim.output_root)
    return fail(Code::rejected, "[result] account {} delivered something else than it claimed", seat.account);
  KOINON_TRY([[maybe_unused]] const auto pinned, s_.artifacts->put(*sealed));  // kept from eviction
  return delivery;
}

Status Buyer::fetch_results(const OrderView& order, const Parties& parties, std::stop_token stop) {
  base::Error last{Code::not_found, "no member has revealed"};
  bool have = false;
  for (const auto& seat : order.seats) {
    if (!seat.revealed || seat.verdict == Standing::rejected) continue;
    KOINON_TRY(const auto kept, s_.journal->get(member_result_key(order.id, seat.account)));
    if (!kept || !s_.artifacts->has(base::Cid{seat.result_digest})) {
      auto delivery = fetch_result(seat, parties, stop);
      if (!delivery) {
        last = delivery.error();
        base::log_debug("order {}: {}", order.id, last.text);
        continue;
      }
      KOINON_CHECK(s_.journal->put(member_result_key(order.id, seat.account), base::to_hex(delivery->signature)));
    }
    have = have || seat.verdict == Standing::accepted;
  }
  if (!have) return fail(last);
  return {};
}

Result<work::Delivery> Buyer::result(const OrderView& order) {
  if (!order.verdict) return fail(Code::not_found, "[result] order {} has no verdict yet", order.id);
  for (const auto& seat : order.seats) {
    if (seat.verdict != Standing::accepted) continue;
    KOINON_TRY(const auto kept, s_.journal->get(member_result_key(order.id, seat.account)));
    if (!kept) continue;
    const auto sealed = s_.artifacts->get(base::Cid{seat.result_digest});
    if (!sealed) continue;
    KOINON_TRY(const auto content, open(*sealed, *s_.box));
    return work::Delivery::decode(content);
  }
  KOINON_TRY(const auto posted, s_.journal->get(posted_result_key(order.id)));
  if (!posted) return fail(Code::not_found, "[result] order {}: nothing was delivered yet", order.id);
  KOINON_TRY(const auto cid, base::Cid::parse(*posted));
  KOINON_TRY(const auto sealed, s_.artifacts->get(cid));
  KOINON_TRY(const auto content, open(sealed, *s_.box));
  KOINON_TRY(auto delivery, work::Delivery::decode(content));
  if (delivery.output_root != order.verdict->output_root)
    return fail(Code::not_found, "[result] order {}: another result was delivered than the verdict names", order.id);
  return delivery;
}

std::vector<base::Cid> Buyer::artifacts(const OrderView& order) {
  std::vector<base::Cid> out;
  for (const auto& round : order.rounds)
    for (const auto& publication : round.published)
      if (const auto where = Locator::parse(publication.locator)) out.push_back(where->cid);
  for (const auto& seat : order.seats)
    if (seat.revealed) out.push_back(base::Cid{seat.result_digest});
  if (const auto note = purchase(order); note && *note) out.push_back((*note)->input.cid);
  if (const auto posted = s_.journal->get(posted_result_key(order.id)); posted && *posted)
    if (const auto cid = base::Cid::parse(**posted)) out.push_back(*cid);
  return out;
}

bool Buyer::exposes_a_cheat(const OrderView& order, const PurchaseNote& note) const {
  if (!note.has_expected || !order.verdict) return false;
  if (order.verdict->output_root != note.expected.output || order.verdict->trace_root != note.expected.trace) return true;
  const auto context = s_.ledger->context(order.id);
  return std::ranges::any_of(order.seats, [&](const Seat& seat) {
    return seat.revealed && seat.verdict == Standing::accepted &&
           seat.claim.mark != mark_of(order, context, seat.account, seat.round, note.expected.witness);
  });
}

/// The verdict says that our input is bad, and it is not: every accuser was given it, and the program takes it.
bool Buyer::slandered(const OrderView& order, const PurchaseNote& note, std::stop_token stop) {
  const auto parcel = input(order);
  if (!parcel || !envelopes_hold(order, *parcel)) return false;
  if (note.has_expected) return true;
  const auto kind = s_.kinds->find(order.terms.kind);
  auto artifact = s_.artifacts->get(base::Cid{order.terms.spec_digest});
  if (!kind || !artifact) return false;  // cannot tell, and an appeal costs a bond
  const work::Job job{order.terms.spec, std::move(*artifact), parcel->parts};
  return (*kind)->run(job, work::Means{s_.pool, std::move(stop), {}}).has_value();
}

/// Puts the result together from what was answered on the ledger; demands the next part that is missing. Nothing is left to do
/// when every accepted member withheld: the verdict then settles with them slashed and the buyer refunded.
Status Buyer::take_from_ledger(const OrderView& order) {
  for (const auto& seat : order.seats) {
    if (seat.withheld || seat.verdict != Standing::accepted || order.rounds[seat.round].role != trust::Role::quorum) continue;
    KOINON_TRY(const auto posted, posted_outputs(*s_.ledger, order, seat));
    if (posted.missing) {
      base::log_warn("order {}: account {} did not deliver; demanding its output on the ledger", order.id, seat.account);
      return s_.ledger->demand_output(order.id, seat.account, posted.missing->tensor, posted.missing->subtree);
    }
    const work::Delivery delivery{posted.parts, seat.claim.output_root, seat.claim.trace_root, {}};
    KOINON_TRY(const auto sealed, seal(delivery.encode(), {s_.box->public_key()}));
    KOINON_TRY(const auto ref, s_.artifacts->put(sealed));
    return s_.journal->put(posted_result_key(order.id), ref.cid.text());
  }
  return {};
}

/// Sees to it that the result is here. Nothing is left to do when its members withheld it.
Status Buyer::take_delivery(const OrderView& order, const Parties& parties, std::stop_token stop) {
  const auto fetched = fetch_results(order, parties, std::move(stop));
  if (fetched || result(order)) return {};
  base::log_debug("order {}: no result delivered: {}", order.id, fetched.error().text);
  return take_from_ledger(order);
}

/// A claim that stands alone: confirmed when our own run gave the same; whoever finds it wrong disputes it (market/watch).
Status Buyer::judge_public(const OrderView& order, const PurchaseNote& note, const Parties& parties, std::stop_token stop) {
  KOINON_CHECK(take_delivery(order, parties, std::move(stop)));
  const auto& verdict = *order.verdict;
  if (!note.has_expected || !result(order)) return {};
  const bool same = verdict.output_root == note.expected.output && verdict.trace_root == note.expected.trace;
  return same ? s_.ledger->confirm(order.id) : Status{};
}

Status Buyer::judge(const OrderView& order, const Parties& parties, std::stop_token stop) {
  KOINON_TRY(const auto note, purchase(order));
  if (!note) return {};
  if (asks_for_proof(order.terms)) return judge_proof(order, parties, std::move(stop));
  if (is_public(order.terms)) return judge_public(order, *note, parties, std::move(stop));
  if (says_bad_input(order.verdict)) {
    if (order.juries >= trust::kJuries || !slandered(order, *note, stop)) return {};
    base::log_warn("order {}: its members say that the input is bad, and it is not; appealing", order.id);
    return s_.ledger->appeal(order.id, s_.account);
  }
  if (order.juries < trust::kJuries && exposes_a_cheat(order, *note)) {
    base::log_warn("order {}: the verdict is not what our own run gives; appealing", order.id);
    return s_.ledger->appeal(order.id, s_.account);
  }
  KOINON_CHECK(take_delivery(order, parties, std::move(stop)));
  if (!result(order)) return {};
  const bool unanimous = std::ranges::all_of(order.seats, [](const Seat& s) { return s.verdict == Standing::accepted; });
  // An end now would cut off the members who compare the auditor's tag with their runs; our own run has compared it.
  const bool early = unanimous && (note->has_expected || !awaits_comparison(order));
  return early ? s_.ledger->confirm(order.id) : Status{};
}

Result<Receipt> Buyer::conclude(const OrderView& order, const Parties& parties) {
  const auto fell = condemned_of(order);
  if ((order.phase != Phase::settled && !fell) || !order.verdict)
    return fail(Code::not_found, "[receipt] order {} is not settled", order.id);
  work::Delivery delivery;
  if (!fell) {
    KOINON_TRY(delivery, result(order));
  }
  const auto context = s_.ledger->context(order.id);
  Receipt out;
  out.chain_id = context.chain_id;
  out.market = context.market;
  out.order = order.id;
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  out.kind = kind->name();
  KOINON_TRY(const auto* check, s_.checks->find(order.terms.check));
  out.check = check->name();
  out.privacy = order.terms.privacy == 0 ? "plain" : "private";
  out.n = order.terms.n;
  out.k = order.terms.k;
  out.spec = order.terms.spec;
  out.input_root = order.terms.input_root;
  out.output_root = order.verdict->output_root;
  out.trace_root = order.verdict->trace_root;
  out.outputs = delivery.outputs;
  if (!delivery.proof.empty()) out.proof = base::keccak256(delivery.proof);
  out.condemned = fell;
  out.verdict = trust::verdict_name(order.outcome());
  for (const auto& seat : order.seats) {
    out.payments.push_back({seat.account, std::string(standing_name(seat.verdict)), seat.paid, seat.slashed});
    KOINON_TRY(const auto kept, s_.journal->get(member_result_key(order.id, seat.account)));
    const auto* account = parties.account(seat.account);
    if (!kept || account == nullptr || !seat.revealed) continue;
    KOINON_TRY(const auto signature, base::fixed_from_hex<65>(*kept));
    const auto digest =
        claim_digest(context, seat.account, out.spec, out.input_root, seat.claim.output_root, seat.claim.trace_root);
    const auto parsed = ledger::Signature::from_bytes(signature.view());
    const auto signer = parsed ? ledger::recover(digest, *parsed) : Result<base::Address>(fail(parsed.error()));
    if (!signer || !account->operators.contains(*signer)) continue;  // its claim is on the ledger, but no evidence offline
    out.claims.push_back(
        {order.rounds[seat.round].role, seat.account, *signer, seat.claim.output_root, seat.claim.trace_root, signature});
  }
  KOINON_TRY(const auto over_ledger, s_.journal->get(posted_result_key(order.id)));
  out.over_ledger = over_ledger.has_value();
  out.paid = order.paid;
  out.slashed = order.slashed;
  out.burned = order.burned;
  out.refunded = order.refunded;
  out.placed_tx = order.placed_tx;
  out.settled_tx = order.settled_tx;
  out.settled_block = order.settled_block;
  out.issued_at_ms = s_.clock->now_ms();
  const auto* self = parties.account(s_.account);
  if (self == nullptr) return fail(Code::conflict, "[receipt] our own account {} is unknown", s_.account);
  out.issuer = self->operator_address;
  out.signature = s_.sign(out.digest());
  return out;
}

}  // namespace koinon::market
