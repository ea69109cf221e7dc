#include "market/watch/match.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "market/actor/posted.hpp"
#include "market/actor/sealing.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/misfit.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using trust::optimistic::Agreed;
using trust::optimistic::Answer;
using trust::optimistic::ClaimRoots;
using trust::optimistic::Demand;
using trust::optimistic::Dispute;
using trust::optimistic::Fraud;
using trust::optimistic::ProgramTrees;

namespace {

constexpr int kMostFaults = 3;             ///< searches that fail by a fault of our own; the next would fail as they did
constexpr std::int64_t kFetchMs = 10'000;  ///< of an input or a program, from one peer

const TraceDemandView* own_demand(const OrderView& order, std::uint32_t account) {
  const auto at = order.dispute.demands.find(account);
  return at == order.dispute.demands.end() ? nullptr : &at->second;
}

std::string fraud_words(const Fraud& fraud) {
  if (const auto* element = std::get_if<trust::optimistic::ElementProof>(&fraud))
    return fmt::format("element {} of output {} of step {} does not follow from its operands", element->index, element->output,
                       element->parts.front().step);
  constexpr std::array<std::string_view, 12> kWords{"",
                                                    "an input of the trace is not the order's",
                                                    "an output is not the value of the trace",
                                                    "the trace has another number of values",
                                                    "a value has another length",
                                                    "the claim has another number of outputs",
                                                    "an input lies outside its range",
                                                    "a byte behind the end of a value is not zero",
                                                    "a place behind the end of a list is not empty",
                                                    "an inner value has a tree, or another value has none",
                                                    "the order has another number of inputs than the program takes",
                                                    "an input of the order has another length than the program takes"};
  return std::string(kWords.at(fraud.index()));
}

}  // namespace

bool is_too_poor(const base::Error& error) {
  return error.code == Code::ledger && error.text.find("InsufficientBalance") != std::string::npos;
}

bool another_was_first(const base::Error& error) {
  constexpr std::array<std::string_view, 5> kRefusals{"WrongPhase", "ClaimCondemned", "NoTraceDemand", "AlreadyProven",
                                                      "NothingToCollect"};
  return error.code == Code::ledger &&
         std::ranges::any_of(kRefusals, [&](auto name) { return error.text.find(name) != std::string::npos; });
}

std::uint32_t claimant(const OrderView& order) {
  for (const auto& seat : order.seats)
    if (seat.revealed && has_result(seat)) return seat.account;
  return 0;
}

ClaimRoots Match::claim(const OrderView& order) const {
  return {order.terms.spec, order.terms.input_root, order.verdict->output_root, order.verdict->trace_root};
}

Result<std::optional<GameNote>> Match::note(const OrderView& order) const {
  KOINON_TRY(const auto text, s_.journal->get(game_key(order)));
  if (!text) return std::optional<GameNote>{};
  KOINON_TRY(auto out, GameNote::from_json(*text));
  if (order.verdict && out.trace_root != order.verdict->trace_root) return std::optional<GameNote>{};
  return std::optional<GameNote>(std::move(out));
}

Status Match::keep(const OrderView& order, const GameNote& note) {
  auto kept = note;
  kept.trace_root = order.verdict->trace_root;
  kept.checked_ms = s_.clock->now_ms();
  kept.run_ms = run_ms_;
  return s_.journal->put(game_key(order), kept.to_json());
}

Status Match::set_trouble(const OrderView& order, const std::string& trouble) {
  KOINON_TRY(auto kept, note(order));
  if (!kept || kept->stage == GameStage::agreed || kept->trouble == trouble) return {};
  kept->trouble = trouble;
  return s_.journal->put(game_key(order), kept->to_json());
}

Status Match::keep(const OrderView& order, GameStage stage, std::string text) {
  GameNote note;
  note.stage = stage;
  note.text = std::move(text);
  return keep(order, note);
}

/// From our store, else from those who published it, else from the provider.
Result<base::Bytes> Match::fetch(const OrderView& order, const base::Cid& cid, std::uint64_t size, const std::string& endpoint,
                                 std::stop_token stop) {
  if (auto kept = s_.artifacts->get(cid)) return kept;
  base::Error last{Code::network, "nobody serves it"};
  std::vector<std::string> bases;
  for (const auto& round : order.rounds)
    for (const auto& one : round.published)
      if (const auto where = Locator::parse(one.locator)) bases.push_back(where->base);
  bases.push_back(endpoint);
  for (const auto& base : bases) {
    if (base.empty()) continue;
    auto bytes = s_.fetcher->fetch(base, {cid, size}, kFetchMs, stop);
    if (bytes) return bytes;
    last = bytes.error();
  }
  return fail(Code::network, "[watch] order {}: {}", order.id, last.text);
}

/// The public input as an account published it. What stands on the ledger comes first: it cannot be taken back, whatever the
/// locator says.
Result<base::Bytes> Match::envelope(const OrderView& order, const Publication& one, const std::string& endpoint,
                                    std::stop_token stop) {
  if (!order.posted.empty())
    if (auto posted = posted_envelope(*s_.ledger, order, one); posted && !posted->missing) return std::move(posted->bytes);
  KOINON_TRY(const auto where, Locator::parse(one.locator));
  return fetch(order, where.cid, one.envelope_size, endpoint, std::move(stop));
}

/// Our own run of the order's program on the order's input; none where the program refuses the input, of which the note then
/// says more.
Status Match::run(const OrderView& order, const std::string& endpoint, std::stop_token stop) {
  if (own_) return {};
  if (order.terms.spec_size > s_.appetite.spec || order.terms.input_size > s_.appetite.input)
    return fail(Code::exhausted, "[watch] order {}: its program or input is larger than this node takes", order.id);
  std::optional<work::Parcel> parcel;
  base::Error last{Code::network, "nobody published its input"};
  for (const auto& round : order.rounds)
    for (const auto& one : round.published) {
      if (one.envelope_size != order.terms.input_size) continue;
      const auto bytes = envelope(order, one, endpoint, stop);
      auto read = bytes ? work::Parcel::decode(*bytes) : Result<work::Parcel>(fail(bytes.error()));
      if (!read) last = read.error();
      if (read && bound_root(order.terms, *read) == order.terms.input_root) parcel = *std::move(read);
    }
  if (!parcel) return fail(Code::network, "[watch] order {}: {}", order.id, last.text);
  KOINON_TRY(auto artifact, fetch(order, base::Cid{order.terms.spec_digest}, order.terms.spec_size, endpoint, stop));
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  const auto began = s_.clock->now_ms();
  const work::Job job{order.terms.spec, std::move(artifact), parcel->parts};
  if (auto own = OwnTrace::make(*kind, job, s_.pool); own) {
    own_ = *std::move(own);
  } else if (own.error().code == Code::rejected) {
    return refused(order, *kind, job, own.error());
  } else {
    return fail(own.error());
  }
  run_ms_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, s_.clock->now_ms() - began));
  return {};
}

/// The program does not take the order's input, as an honest provider would have said. Number and lengths of the inputs show
/// it; what is no program at all nothing can show.
Status Match::refused(const OrderView& order, const work::Kind& kind, const work::Job& job, const base::Error& why) {
  if (const auto program = kind.disputable_program(job)) {
    const ProgramTrees trees(**program);
    if (const auto fraud = misfit(trees, job.inputs)) return found(order, trees, *fraud);
  }
  base::log_error("order {}: account {} claims a result, but {}", order.id, claimant(order), why.text);
  return keep(order, GameStage::stuck, why.text);
}

/// True while a first challenge or demand of ours is taken: in the window, or in our turn.
bool Match::on_time(const OrderView& order) const {
  const auto now = s_.clock->now_ms() / 1000;
  if (now <= order.deadline || order.demand || order.deadline == 0) return true;  // 0: unknown, the ledger will say
  const auto* mine = own_demand(order, s_.account);
  return mine != nullptr && now <= mine->deadline;
}

Status Match::play(const OrderView& order, const std::string& endpoint, std::uint64_t head, const WatchOptions& options,
                   std::stop_token stop) {
  if (order.dispute.condemned) return {};
  const auto now_s = s_.clock->now_ms() / 1000;
  if (const auto* mine = own_demand(order, s_.account); mine != nullptr && mine->open) {
    if (now_s <= mine->deadline) return {};
    base::log_warn("order {}: account {} left our demand unanswered; its claim ends", order.id, claimant(order));
    return s_.disputes->condemn(order.id, s_.account);
  }
  KOINON_TRY(const auto kept, note(order));
  if (kept && kept->stage == GameStage::stuck) return {};
  if (kept && kept->stage == GameStage::agreed) return defend(order, endpoint, std::move(stop));
  if (kept && kept->stage == GameStage::found) return press(order, *kept, head, options);
  if (!on_time(order)) return {};
  KOINON_CHECK(run(order, endpoint, stop));
  return own_ ? look(order, endpoint, options, std::move(stop)) : Status();
}

/// A search; one that keeps failing by a fault of our own is given up, and its owner told.
Status Match::look(const OrderView& order, const std::string& endpoint, const WatchOptions& options, std::stop_token stop) {
  auto done = search(order, endpoint, options, std::move(stop));
  if (done || done.error().code != Code::internal) return done;
  dispute_.reset();  // the next search begins anew
  if (++faults_ < kMostFaults) return done;
  const auto text = fmt::format("no proof was found, which is a fault of this program: {}", done.error().text);
  base::log_error("order {}: the claim differs from our own run; {}; please report it", order.id, text);
  return keep(order, GameStage::stuck, text);
}

Status Match::search(const OrderView& order, const std::string& endpoint, const WatchOptions& options, std::stop_token stop) {
  const auto wrong = claim(order);
  if (own_->run().confirms(wrong.outputs, wrong.trace)) {
    base::log_info("order {}: our own run gave the same", order.id);
    return keep(order, GameStage::agreed, "our own run gave the same");
  }
  if (!dispute_ || trace_root_ != wrong.trace) {
    base::log_warn("order {}: account {} claims another result than our own run gives", order.id, claimant(order));
    trace_root_ = wrong.trace;
    given_.clear();
    first_failure_ms_ = 0;
    dispute_.emplace(own_->trees(), own_->run(), wrong);
    // Not forgotten by who cannot go on with it: for want of money, or of answers.
    if (const auto kept = note(order); kept && !*kept)
      KOINON_CHECK(keep(order, GameStage::differs, "our own run gives another result"));
  }
  if (const auto* mine = own_demand(order, s_.account))
    for (const auto& one : mine->answers) KOINON_CHECK(take(order, s_.account, one));
  while (!stop.stop_requested()) {
    const auto next = dispute_->next();
    if (!next && next.error().code == Code::unsupported) {
      base::log_error("order {}: the claim differs from our own run, and no proof can show it: {}", order.id,
                      next.error().text);
      return keep(order, GameStage::stuck, next.error().text);
    }
    if (!next) return fail(next.error());
    if (std::holds_alternative<Agreed>(*next)) return keep(order, GameStage::agreed, "nothing is wrong");
    if (const auto* fraud = std::get_if<Fraud>(&*next)) return found(order, own_->trees(), *fraud);
    const auto& place = std::get<Demand>(*next);
    if (taken_from_others(order, place)) continue;
    KOINON_CHECK(ask(order, endpoint, place, options, stop));
  }
  return fail(Code::cancelled, "[watch] order {}: stopped", order.id);
}

/// Reads an answer on the ledger, once. The contract has checked it.
Status Match::take(const OrderView& order, std::uint32_t demander, const TraceAnswerAt& one) {
  if (given_.contains({demander, one.place})) return {};
  KOINON_TRY(const auto answer, s_.disputes->trace_answer(one));
  given_.emplace(demander, one.place);
  if (const auto taken = dispute_->give(one.place, answer); !taken)
    base::log_debug("order {}: {}", order.id, taken.error().text);
  return {};
}

/// What another demanded and we would. The others' answers are not read: a liar may make as many as it likes.
bool Match::taken_from_others(const OrderView& order, const Demand& place) {
  for (const auto& [account, demand] : order.dispute.demands)
    for (const auto& one : demand.answers) {
      if (one.place != place || given_.contains({account, place})) continue;
      if (const auto read = take(order, account, one); read) return true;
      base::log_debug("order {}: an answer to account {} cannot be read", order.id, account);
    }
  return false;
}

/// Asks the provider's node; after a while of failures the ledger. Errors: network while there is patience left.
Status Match::ask(const OrderView& order, const std::string& endpoint, const Demand& place, const WatchOptions& options,
                  std::stop_token stop) {
  const auto now = s_.clock->now_ms();
  auto answer = endpoint.empty() ? Result<Answer>(fail(Code::network, "the provider has no address"))
                                 : s_.peers->ask(endpoint, order.placed_tx, place, std::move(stop));
  if (answer) {
    auto taken = dispute_->give(place, *answer);
    if (taken) return {};
    answer = fail(std::move(taken).error());
  }
  if (first_failure_ms_ == 0) first_failure_ms_ = now;
  // Not so long that the window closes over it.
  const auto patience =
      std::min(options.demand_after_ms, std::max<std::int64_t>(0, order.deadline * 1000 - first_failure_ms_) / 4);
  if (now - first_failure_ms_ < patience)
    return fail(Code::network, "[watch] order {}: account {} shows nothing of its claim: {}", order.id, claimant(order),
                answer.error().text);
  if (!on_time(order)) return fail(Code::timeout, "[watch] order {}: too late to demand anything", order.id);
  base::log_warn("order {}: account {} shows nothing of its claim; demanding it on the ledger", order.id, claimant(order));
  KOINON_CHECK(s_.disputes->demand_trace(order.id, s_.account, place));
  return fail(Code::conflict, "[watch] order {}: waiting for an answer on the ledger", order.id);
}

Status Match::found(const OrderView& order, const ProgramTrees& trees, const Fraud& fraud) {
  KOINON_TRY(const auto shown, trust::optimistic::refutes(trees, claim(order), fraud));
  if (!shown) return fail(Code::internal, "[watch] order {}: what was found refutes nothing", order.id);
  const auto proof = trust::optimistic::encode(fraud);
  if (proof.size() > trust::optimistic::kMaxProof) {  // no bond for what no transaction can show
    const auto text =
        fmt::format("a proof of {} bytes that {}: at most {}", proof.size(), fraud_words(fraud), trust::optimistic::kMaxProof);
    base::log_error("order {}: the claim of account {} is wrong, but no transaction can show it: {}", order.id, claimant(order),
                    text);
    return keep(order, GameStage::stuck, text);
  }
  GameNote note;
  note.stage = GameStage::found;
  note.fraud = static_cast<std::uint8_t>(fraud.index());
  note.text = fraud_words(fraud);
  note.salt = s_.random->hash();
  KOINON_TRY(note.proof, s_.artifacts->put(proof));
  base::log_warn("order {}: the claim of account {} is wrong: {}", order.id, claimant(order), note.text);
  return keep(order, note);
}

/// Commits to the proof, or shows it.
Status Match::press(const OrderView& order, const GameNote& note, std::uint64_t head, const WatchOptions& options) {
  KOINON_TRY(const auto proof, s_.artifacts->get(note.proof.cid));
  const auto commitment = challenge_commitment(s_.ledger->context(order.id), s_.account, note.fraud, proof, note.salt);
  const auto& all = order.dispute.challenges;
  const auto at = std::ranges::find(all, commitment, &ChallengeView::commitment);
  if (at == all.end()) {
    if (!on_time(order)) return {};
    base::log_warn("order {}: challenging the claim of account {}", order.id, claimant(order));
    return s_.disputes->challenge(order.id, s_.account, commitment);
  }
  const auto now_s = s_.clock->now_ms() / 1000;
  if (at->proven || head <= at->block || now_s > at->deadline) return {};
  if (head + 1 < at->block + options.depth) {
    KOINON_TRY(const auto terms, s_.disputes->dispute_terms());
    if (now_s < at->deadline - std::int64_t{terms.prove_window} / 2) return {};
  }
  base::log_warn("order {}: proving that the claim of account {} is wrong", order.id, claimant(order));
  return s_.disputes->prove(order.id, static_cast<std::uint32_t>(at - all.begin()), note.fraud, proof, note.salt);
}

void Match::forget() {
  dispute_.reset();  // it borrows the run
  own_.reset();
}

/// A claim that our own run confirms is defended where its provider is silent, for the fee: from the second half of the time
/// on.
Status Match::defend(const OrderView& order, const std::string& endpoint, std::stop_token stop) {
  if (std::ranges::none_of(order.dispute.demands, [](const auto& one) { return one.second.open; })) {
    forget();
    return {};
  }
  KOINON_TRY(const auto terms, s_.disputes->dispute_terms());
  for (const auto& [demander, demand] : order.dispute.demands) {
    const auto half = demand.deadline * 1000 - std::int64_t{terms.answer_window} * 500 + 1'000;
    if (!demand.open || s_.clock->now_ms() <= half) continue;
    KOINON_CHECK(run(order, endpoint, stop));
    if (!own_) return {};
    KOINON_TRY(const auto answer, own_->answer(demand.place));
    base::log_info("order {}: its provider is silent; answering for it", order.id);
    KOINON_CHECK(s_.disputes->answer_trace(order.id, demander, s_.account, answer));
  }
  return {};
}

Status Match::close(const OrderView& order) {
  forget();
  for (const auto& [demander, demand] : order.dispute.demands) {
    const bool earned = std::ranges::any_of(demand.answers, [&](const TraceAnswerAt& a) { return a.answerer == s_.account; });
    const bool ours = demander == s_.account || earned;
    if (ours && !demand.closed) KOINON_CHECK(s_.disputes->collect(order.id, demander));
  }
  const auto& all = order.dispute.challenges;
  for (std::uint32_t i = 0; i < all.size() && order.phase == Phase::refunded; ++i)
    if (all[i].account == s_.account && !all[i].closed) KOINON_CHECK(s_.disputes->reclaim(order.id, i));
  return {};
}

}  // namespace koinon::market
