#include "market/actor/seller.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "market/actor/posted.hpp"
#include "market/actor/resume.hpp"
#include "market/actor/sealing.hpp"
#include "market/actor/time_limit.hpp"
#include "market/receipt/receipt.hpp"
#include "trust/optimistic/disputable.hpp"
#include "work/disputable.hpp"

namespace koinon::market {

using base::Bytes;
using base::Code;
using base::Domain;
using base::fail;

Result<std::optional<JobNote>> Seller::note(const OrderView& order) {
  const auto* seat = order.seat(s_.account);
  if (seat == nullptr) return std::optional<JobNote>{};
  KOINON_TRY(const auto text, s_.journal->get(job_key(order, seat->round)));
  if (!text) return std::optional<JobNote>{};
  KOINON_TRY(auto read, JobNote::from_json(*text));
  return std::optional<JobNote>(std::move(read));
}

/// From the store, or from a peer: not beyond the start of the last quarter of the commit window, when a claim must be made.
Result<Bytes> Seller::find(const std::string& base, const base::ArtifactRef& ref, const OrderView& order, Reach reach,
                           std::stop_token stop) {
  constexpr std::int64_t kLeastMs = 1'000;
  if (auto kept = s_.artifacts->get(ref.cid)) return kept;
  if (reach == Reach::here) return fail(Code::network, "{} is not here", ref.cid.text());
  const auto until = last_quarter_ms(order);
  const auto most = until == 0 ? kLeastMs * 30 : until - s_.clock->now_ms();
  auto bytes = s_.fetcher->fetch(base, ref, std::max(kLeastMs, most), std::move(stop));
  if (!bytes) return fail(Code::network, "{}", bytes.error().text);
  return bytes;
}

Result<Bytes> Seller::find_envelope(const OrderView& order, const Publication& publication, Reach reach, std::stop_token stop) {
  // What stands on the ledger comes first: it cannot be taken back, whatever the locator says.
  if (!order.posted.empty()) {
    auto posted = posted_envelope(*s_.ledger, order, publication);
    if (posted && !posted->missing) {
      KOINON_TRY([[maybe_unused]] const auto kept, s_.artifacts->put(posted->bytes));  // to pass it on to an auditor or a jury
      return std::move(posted->bytes);
    }
  }
  constexpr std::uint64_t kHead = kMaxRecipients * 1024;
  if (publication.envelope_size > order.terms.input_size + kHead)
    return fail(Code::rejected, "an envelope of {} bytes around an input of {}", publication.envelope_size,
                order.terms.input_size);
  const auto where = Locator::parse(publication.locator);
  if (!where) return fail(Code::network, "{}", where.error().text);
  const base::ArtifactRef ref{where->cid, publication.envelope_size};
  KOINON_TRY(auto bytes, find(where->base, ref, order, reach, std::move(stop)));
  if (base::byte_tree_root(Domain::envelope, bytes) != publication.envelope_root)
    return fail(Code::network, "{} does not serve what account {} published", where->base, publication.publisher);
  KOINON_TRY([[maybe_unused]] const auto pinned, s_.artifacts->put(bytes));
  return bytes;
}

Result<work::Parcel> Seller::open_parcel(base::ByteView envelope, const OrderView& order) {
  const auto content =
      is_public(order.terms) ? Result<Bytes>(Bytes(envelope.begin(), envelope.end())) : open(envelope, *s_.box);
  if (!content) return fail(Code::rejected, "{}", content.error().text);
  auto parcel = work::Parcel::decode(*content);
  if (!parcel) return fail(Code::rejected, "{}", parcel.error().text);
  if (bound_root(order.terms, *parcel) != order.terms.input_root)
    return fail(Code::rejected, "the input is not what the order binds");
  return parcel;
}

Result<work::Parcel> Seller::find_input(const OrderView& order, Reach reach, std::stop_token stop) {
  base::Error last{Code::network, "nobody published it"};
  const auto& round = order.rounds[order.round()];
  bool unreachable = round.published.empty();
  for (const auto& publication : round.published) {
    const auto envelope = find_envelope(order, publication, reach, stop);
    auto parcel = envelope ? open_parcel(*envelope, order) : Result<work::Parcel>(fail(envelope.error()));
    if (parcel) return parcel;
    unreachable = unreachable || parcel.error().code != Code::rejected;
    last = parcel.error();
  }
  // Bad input is claimed only when every envelope was seen and none holds the input; and where those who had it may still
  // publish it, no sooner than at the last moment.
  const auto seen = round.role == trust::Role::quorum ? Code::rejected : Code::conflict;
  return fail(unreachable ? Code::network : seen, "[input] of order {}: {}", order.id, last.text);
}

Result<work::Parcel> Seller::known_input(const OrderView& order) {
  const auto* seat = order.seat(s_.account);
  if (seat == nullptr) return fail(Code::not_found, "[input] no seat in order {}", order.id);
  for (const auto& publication : order.rounds[seat->round].published) {
    const auto envelope = find_envelope(order, publication, Reach::here, {});
    if (!envelope) continue;
    if (auto parcel = open_parcel(*envelope, order)) return parcel;
  }
  return fail(Code::not_found, "[input] of order {} is not kept here", order.id);
}

Result<Bytes> Seller::find_artifact(const OrderView& order, Reach reach, std::stop_token stop) {
  const base::ArtifactRef ref{base::Cid{order.terms.spec_digest}, order.terms.spec_size};
  base::Error last{Code::network, "nobody serves it"};
  for (const auto& publication : order.rounds[order.round()].published) {
    const auto where = Locator::parse(publication.locator);
    auto bytes = where ? find(where->base, ref, order, reach, stop) : Result<Bytes>(fail(where.error()));
    if (bytes) return bytes;
    last = bytes.error();
  }
  return fail(Code::network, "[program] of order {}: {}", order.id, last.text);
}

/// Errors: exhausted: no fault of the buyer's.
Status Seller::check_sizes(const OrderView& order) const {
  const auto& most = s_.appetite;
  if (order.terms.spec_size > most.spec)
    return fail(Code::exhausted, "[program] of order {}: {} bytes: this provider takes at most {} (provider.max_spec)",
                order.id, order.terms.spec_size, most.spec);
  if (order.terms.input_size > most.input)
    return fail(Code::exhausted, "[input] of order {}: {} bytes: this provider takes at most {} (provider.max_input)", order.id,
                order.terms.input_size, most.input);
  return {};
}

namespace {

/// What the check of disputes does not cover: a claim about it could not be defended when a part of it is demanded. Errors:
/// rejected, which costs nobody anything; those of the job.
Status can_be_disputed(const work::Kind& kind, const work::Job& job) {
  const auto seen = kind.disputable(job);
  const auto good = seen ? trust::optimistic::disputable(*(*seen)->program) : Status(fail(seen.error()));
  if (good) return {};
  return fail(good.error().code == Code::unsupported ? Code::rejected : good.error().code, "{}", good.error().text);
}

/// A demand is answered by running again: four runs must fit its time. Errors: rejected; those of the ledger.
Status can_be_shown_in_time(DisputeLedger* disputes, double seconds) {
  if (disputes == nullptr) return {};
  KOINON_TRY(const auto terms, disputes->dispute_terms());
  if (seconds * 4 <= terms.answer_window) return {};
  return fail(Code::rejected, "a run of {:.1f} s: four must fit the {} s that an answer to a demand may take", seconds,
              terms.answer_window);
}

}  // namespace

Result<work::Outcome> Seller::run(const OrderView& order, const work::Parcel& input, std::stop_token stop) {
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  KOINON_TRY(auto artifact, find_artifact(order, Reach::here, stop));
  const work::Job job{order.terms.spec, std::move(artifact), input.parts};
  if (is_public(order.terms)) {
    KOINON_CHECK(can_be_disputed(*kind, job));
    // What a claim is defended with stays here until the order is over.
    KOINON_TRY([[maybe_unused]] const auto pinned, s_.artifacts->put(job.artifact));
  }
  const auto until = last_quarter_ms(order);
  const TimeLimit limit(until == 0 ? std::nullopt : std::optional(until - s_.clock->now_ms()), stop);
  OrderCheckpoints checkpoints(s_, order);
  auto out = kind->run(job, work::Means{s_.pool, limit.token(), {}, &checkpoints});
  if (!out && limit.is_over() && !stop.stop_requested())
    return fail(Code::exhausted, "the run did not end before the last quarter of the commit window");
  if (out && is_public(order.terms)) KOINON_CHECK(can_be_shown_in_time(s_.disputes, out->meter.seconds));
  return out;
}

Result<JobNote> Seller::settle_claim(const OrderView& order, const work::Outcome& outcome, Bytes proof) {
  const auto context = s_.ledger->context(order.id);
  JobNote note;
  note.claim = {s_.account, outcome.roots.output, outcome.roots.trace,
                mark_of(order, context, s_.account, order.round(), outcome.roots.witness)};
  note.witness = outcome.roots.witness;
  if (!proof.empty()) note.claim.mark = base::keccak256(proof);
  work::Delivery delivery{outcome.outputs, outcome.roots.output, outcome.roots.trace, {}, std::move(proof)};
  delivery.signature = s_.sign(
      claim_digest(context, s_.account, order.terms.spec, order.terms.input_root, delivery.output_root, delivery.trace_root));
  // Sealed to the buyer, and to ourselves, so that a demand can be answered after a restart.
  KOINON_TRY(const auto sealed, seal(delivery.encode(), {order.terms.buyer_key, s_.box->public_key()}));
  KOINON_TRY(const auto ref, s_.artifacts->put(sealed));
  note.result_digest = ref.cid.digest;
  note.result_size = ref.size;
  note.salt = s_.random->hash();
  note.roots = keep_roots(order, outcome);
  KOINON_CHECK(s_.journal->put(job_key(order, order.round()), note.to_json()));
  return note;
}

Result<JobNote> Seller::claim_of(const OrderView& order, std::stop_token stop) {
  KOINON_TRY(const auto input, find_input(order, Reach::here, stop));
  auto ran = run(order, input, stop);
  if (accused(order) && (ran ? !envelopes_hold(order, input) : ran.error().code == Code::rejected)) {
    base::log_info("order {}: the quorum was right to claim bad input", order.id);
    return settle_claim(order, work::Outcome{.outputs = {}, .roots = confirmation(input), .meter = {}});
  }
  if (!ran) return fail(std::move(ran).error());
  const auto& outcome = *ran;
  KOINON_TRY(auto proof, prove_run(order, input, stop));
  KOINON_TRY(auto made, settle_claim(order, outcome, std::move(proof)));
  base::log_info("order {}: ran in {:.3f} s, output root {}", order.id, outcome.meter.seconds,
                 base::to_hex(outcome.roots.output).substr(0, 12));
  return made;
}

/// When the last quarter of the commit window begins, Unix milliseconds; 0: unknown.
std::int64_t Seller::last_quarter_ms(const OrderView& order) {
  auto deadline = order.deadline;
  if (deadline == 0)
    if (const auto now = s_.ledger->now(order.id)) deadline = now->deadline;
  return deadline == 0 ? 0 : deadline * 1000 - std::int64_t{order.terms.commit_window} * 250;
}

bool Seller::last_moment(const OrderView& order) {
  const auto begins = last_quarter_ms(order);
  return begins != 0 && s_.clock->now_ms() >= begins;
}

/// The claim of who cannot work on the order, where it must be made now; else the error.
Result<JobNote> Seller::refusal(const OrderView& order, const base::Error& why, std::stop_token stop) {
  const bool now = why.code == Code::rejected || why.code == Code::exhausted || last_moment(order);
  if (stop.stop_requested() || !now) return fail(why);
  const bool bad = why.code == Code::rejected;
  base::log_warn("order {}: {}; claiming that {}", order.id, why.text, bad ? "the input is bad" : "it was not served");
  return settle_claim(order, work::Outcome{.outputs = {}, .roots = excuse(order, bad), .meter = {}});
}

bool Seller::has_claim(const OrderView& order) {
  const auto kept = note(order);
  return kept && *kept;
}

Status Seller::gather(const OrderView& order, std::stop_token stop) {
  KOINON_TRY(const auto kept, note(order));
  if (kept) return {};
  auto ready = check_sizes(order);
  if (ready)
    if (const auto input = find_input(order, Reach::anywhere, stop); !input) ready = fail(input.error());
  if (ready)
    if (const auto artifact = find_artifact(order, Reach::anywhere, stop); !artifact) ready = fail(artifact.error());
  if (ready) return {};
  KOINON_TRY([[maybe_unused]] const auto refused, refusal(order, ready.error(), stop));
  return {};
}

Status Seller::claim(const OrderView& order, std::stop_token stop) {
  KOINON_TRY(const auto kept, note(order));
  if (kept) return {};
  auto made = claim_of(order, stop);
  if (!made) made = refusal(order, made.error(), stop);
  if (!made) return fail(std::move(made).error());
  return {};
}

Status Seller::decline(const OrderView& order, std::stop_token stop) {
  KOINON_TRY(const auto kept, note(order));
  if (kept) return {};
  const base::Error why{Code::exhausted,
                        "other runs took every slot (provider.parallel) until the last quarter of the commit window"};
  KOINON_TRY([[maybe_unused]] const auto made, refusal(order, why, std::move(stop)));
  return {};
}

Status Seller::work(const OrderView& order, std::stop_token stop) {
  KOINON_CHECK(claim(order, std::move(stop)));
  KOINON_TRY(const auto kept, note(order));
  if (!kept) return fail(Code::not_found, "[work] order {}: the note of our claim is gone", order.id);
  const auto context = s_.ledger->context(order.id);
  return s_.ledger->commit(
      order.id, order.round(), s_.account,
      trust::commitment(context, order.round(), kept->claim, kept->result_digest, kept->result_size, kept->salt));
}

Status Seller::reveal(const OrderView& order) {
  KOINON_TRY(const auto kept, note(order));
  if (!kept) return fail(Code::not_found, "[reveal] order {}: the note of our claim is gone", order.id);
  const auto* seat = order.seat(s_.account);
  if (seat == nullptr) return fail(Code::not_found, "[reveal] no seat in order {}", order.id);
  // The commitment binds the round of the seat, which a redraw leaves behind.
  return s_.ledger->reveal(order.id, seat->round, kept->claim, kept->result_digest, kept->result_size, kept->salt);
}

Status Seller::demand(const OrderView& order) {
  const auto& published = order.rounds[order.round()].published;
  // Who must answer is the buyer when it published, else whoever was first (WorkMarket.publishInput).
  const Publication* answerable = nullptr;
  for (const auto& one : published)
    if (answerable == nullptr || one.publisher == order.terms.buyer) answerable = &one;
  if (answerable == nullptr) return fail(Code::not_found, "[demand] order {}: nobody published its input", order.id);
  KOINON_TRY(const auto posted, posted_envelope(*s_.ledger, order, *answerable));
  if (!posted.missing) return fail(Code::conflict, "[demand] order {}: all of the input stands on the ledger", order.id);
  return s_.ledger->demand_input(order.id, s_.account, posted.missing->subtree);
}

Status Seller::answer_output(const OrderView& order) {
  KOINON_TRY(const auto kept, note(order));
  if (!kept || !order.demand) return fail(Code::not_found, "[answer] order {}: nothing to answer with", order.id);
  KOINON_TRY(const auto sealed, s_.artifacts->get(base::Cid{kept->result_digest}));
  KOINON_TRY(const auto content, open(sealed, *s_.box));
  KOINON_TRY(const auto delivery, work::Delivery::decode(content));
  std::vector<Hash> roots;
  for (const auto& part : delivery.outputs) roots.push_back(base::byte_tree_root(Domain::tensor, part));
  const auto tensor = order.demand->tensor;
  if (tensor >= roots.size())
    return s_.ledger->refute_output(order.id, base::list_top(Domain::outputs, roots), 0, roots.size(), {});
  const auto& bytes = delivery.outputs[tensor];
  KOINON_TRY(const auto path, base::open_list_item(Domain::outputs, roots, tensor));
  const auto siblings = base::open_byte_subtree(Domain::tensor, bytes, order.demand->subtree);
  if (!siblings)
    return s_.ledger->refute_output(order.id, base::byte_tree_top(Domain::tensor, bytes), bytes.size(), roots.size(),
                                    path.siblings);
  constexpr auto kSpan = base::kSubtreeLeaves * base::kLeafSize;
  const auto from = std::min<std::size_t>(bytes.size(), order.demand->subtree * kSpan);
  const auto part = base::ByteView(bytes).subspan(from, std::min<std::size_t>(kSpan, bytes.size() - from));
  return s_.ledger->answer_output(order.id, part, *siblings, bytes.size(), roots.size(), path.siblings);
}

/// Why we appeal against the verdict, or nothing: then we do not.
std::string Seller::cause_to_appeal(const OrderView& order, const Seat& seat, const JobNote& own) {
  if (seat.verdict == Standing::rejected) return "our claim was put aside";
  if (says_bad_input(order.verdict)) {
    // Others say that the input is bad, and so take our pay away.
    const auto parcel = has_result(seat) ? known_input(order) : Result<work::Parcel>(fail(Code::not_found, "no result"));
    return parcel && envelopes_hold(order, *parcel) ? "the input that others call bad is good" : "";
  }
  if (!awaits_comparison(order) || seat.verdict != Standing::accepted || !own.claim.same_result(seat.claim)) return "";
  const auto context = s_.ledger->context(order.id);
  const auto copier = trust::without_run(context, seat_tags(order), trust::witness_link(context, own.witness, 0));
  return copier == 0 ? "" : fmt::format("account {} repeats the result, and its tag shows no run", copier);
}

Status Seller::appeal_own(const OrderView& order) {
  KOINON_TRY(const auto kept, note(order));
  const auto* seat = order.seat(s_.account);
  if (!kept || seat == nullptr || order.juries >= trust::kJuries) return {};
  const auto cause = cause_to_appeal(order, *seat, *kept);
  if (cause.empty()) return {};
  base::log_warn("order {}: {}; appealing", order.id, cause);
  return s_.ledger->appeal(order.id, s_.account);
}

}  // namespace koinon::market
