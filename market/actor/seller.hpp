#pragma once
#include <deque>
#include <memory>
#include <mutex>

#include "market/actor/duties.hpp"
#include "market/actor/notes.hpp"
#include "market/dispute/lane.hpp"
#include "market/dispute/own_trace.hpp"

namespace koinon::market {

/// The provider's side of orders: fetch, run, commit, reveal, answer. Stateless but for its notes (and traces that it can make
/// again), so that a restart at any moment goes on where it was. Methods are virtual so that tests can build providers that
/// cheat.
class Seller {
 public:
  explicit Seller(const Services& services) : s_(services) {}
  virtual ~Seller() = default;
  Seller(const Seller&) = delete;
  Seller& operator=(const Seller&) = delete;

  /// Brings here what the work needs, input and artifact, which may take as long as peers like: so it is no part of work(). An
  /// order that cannot be worked on, or of which nothing has come by the last quarter of its window, gets the claim that says
  /// so, and is not to be run. Errors: network (the caller tries again, then demands the input on the ledger), conflict (what
  /// was published so far does not hold it; others may publish).
  virtual Status gather(const OrderView& order, std::stop_token stop);
  /// True when there is a claim to commit, so that nothing needs to be run.
  bool has_claim(const OrderView& order);
  /// Runs the order's work on what gather() brought, and notes the claim; nothing when there is one. Errors: those of the kind;
  /// network when something is not here (any more).
  Status claim(const OrderView& order, std::stop_token stop);
  /// Notes the claim that the order was not served, for who has no slot to run it on in time; nothing when there is a claim.
  Status decline(const OrderView& order, std::stop_token stop);
  /// Commits to the claim, which it makes first where there is none. Errors: as claim(), and those of the ledger.
  virtual Status work(const OrderView& order, std::stop_token stop);
  /// Opens the claim of the note.
  virtual Status reveal(const OrderView& order);
  /// Answers a demand for one of our outputs.
  virtual Status answer_output(const OrderView& order);
  /// Answers every open demand for a part of our claim.
  virtual Status answer_trace(const OrderView& order);
  /// Shows the proof of our claim to the ledger, unless it was proven before, and settles the order. Errors: those of the
  /// ledger, cancelled.
  virtual Status prove(const OrderView& order, std::stop_token stop);
  /// A part of our claim in an optimistic order that is not over yet, for whoever checks it. Where that takes a run, one caller
  /// is served at a time, after the ledger's demands. Errors: not_found (no such claim of ours), out_of_range, those of a run;
  /// exhausted (too many ask: later).
  Result<trust::optimistic::Answer> part(const OrderView& order, const trust::optimistic::Demand& place);
  /// Appeals when we did the work and our claim was rejected, others claim falsely that its input was bad, or an audited
  /// verdict pays who shows no run. Errors: those of the ledger.
  virtual Status appeal_own(const OrderView& order);
  /// Demands the first part of the envelope that is not on the ledger yet: what is left when nobody serves it.
  Status demand(const OrderView& order);
  /// The input of an order that we once were given, to pass on to an auditor or a jury.
  Result<work::Parcel> known_input(const OrderView& order);

 protected:
  /// Where bytes are looked for.
  enum class Reach : std::uint8_t { here, anywhere };
  /// The input as published for the current round. Errors: network; rejected when it is not what the order binds; conflict
  /// (the same, of an audit or a jury: others may publish yet).
  Result<work::Parcel> find_input(const OrderView& order, Reach reach, std::stop_token stop);
  /// Runs the kind. Overridden by providers that cheat.
  virtual Result<work::Outcome> run(const OrderView& order, const work::Parcel& input, std::stop_token stop);
  /// The proof of a run, of an order that asks for one; else nothing. Overridden by providers that cheat.
  virtual Result<base::Bytes> prove_run(const OrderView& order, const work::Parcel& input, std::stop_token stop);
  /// The trace behind our claim, from what is kept here. Overridden by providers that cheat.
  virtual Result<std::shared_ptr<TraceSource>> trace(const OrderView& order);

  const Services& s_;

 private:
  Result<base::Bytes> find_envelope(const OrderView& order, const Publication& publication, Reach reach, std::stop_token stop);
  Result<base::Bytes> find(const std::string& base, const base::ArtifactRef& ref, const OrderView& order, Reach reach,
                           std::stop_token stop);
  Result<work::Parcel> open_parcel(base::ByteView envelope, const OrderView& order);
  Result<base::Bytes> find_artifact(const OrderView& order, Reach reach, std::stop_token stop);
  Status check_sizes(const OrderView& order) const;
  Result<JobNote> claim_of(const OrderView& order, std::stop_token stop);
  Result<JobNote> refusal(const OrderView& order, const base::Error& why, std::stop_token stop);
  std::int64_t last_quarter_ms(const OrderView& order);
  bool last_moment(const OrderView& order);
  Result<JobNote> settle_claim(const OrderView& order, const work::Outcome& outcome, base::Bytes proof = {});
  Result<base::Bytes> own_proof(const JobNote& note);
  Result<std::optional<JobNote>> note(const OrderView& order);
  std::string cause_to_appeal(const OrderView& order, const Seat& seat, const JobNote& own);
  Result<std::shared_ptr<TraceSource>> kept_trace(const OrderView& order);
  std::shared_ptr<TraceSource> trace_here(const OrderView& order);
  base::ArtifactRef keep_roots(const OrderView& order, const work::Outcome& outcome);
  Result<std::vector<Hash>> kept_roots(const OrderView& order);

  static constexpr std::size_t kTraces = 4;
  Lane lane_;
  std::mutex making_;   ///< one trace is made at a time; taken before tracing_
  std::mutex tracing_;  ///< held for moments only
  /// The traces that were asked for last, by order. Shared with those who read them. Guarded by tracing_.
  std::deque<std::pair<std::string, std::shared_ptr<TraceSource>>> traces_;
};

}  // namespace koinon::market
