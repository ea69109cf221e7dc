#pragma once
#include <set>

#include "market/actor/notes.hpp"
#include "market/dispute/own_trace.hpp"
#include "market/watch/watcher.hpp"
#include "trust/optimistic/dispute.hpp"

namespace koinon::market {

/// One claim against our own run of it. Not for several threads at once.
class Match {
 public:
  explicit Match(const Services& services) : s_(services) {}

  /// The next move about a claim that stands, as the ledger says now; nothing to do is no error. `endpoint` is where the
  /// provider is asked. Errors: those of the ledger, of peers and of the run; all may pass.
  Status play(const OrderView& order, const std::string& endpoint, std::uint64_t head, const WatchOptions& options,
              std::stop_token stop);
  /// Once the order is over: takes back what is ours.
  Status close(const OrderView& order);

  Result<std::optional<GameNote>> note(const OrderView& order) const;
  /// Notes what keeps us from disputing a claim that differs from our run; empty: nothing any more.
  Status set_trouble(const OrderView& order, const std::string& trouble);

 private:
  Status look(const OrderView& order, const std::string& endpoint, const WatchOptions& options, std::stop_token stop);
  Status check(const OrderView& order, const std::string& endpoint, std::stop_token stop);
  Status search(const OrderView& order, const std::string& endpoint, const WatchOptions& options, std::stop_token stop);
  Status take(const OrderView& order, std::uint32_t demander, const TraceAnswerAt& one);
  bool taken_from_others(const OrderView& order, const trust::optimistic::Demand& place);
  Status refused(const OrderView& order, const work::Kind& kind, const work::Job& job, const base::Error& why);
  Status found(const OrderView& order, const trust::optimistic::ProgramTrees& trees, const trust::optimistic::Fraud& fraud);
  Status press(const OrderView& order, const GameNote& note, std::uint64_t head, const WatchOptions& options);
  Status ask(const OrderView& order, const std::string& endpoint, const trust::optimistic::Demand& place,
             const WatchOptions& options, std::stop_token stop);
  Status defend(const OrderView& order, const std::string& endpoint, std::stop_token stop);
  Status keep(const OrderView& order, const GameNote& note);
  Status keep(const OrderView& order, GameStage stage, std::string text);
  Status run(const OrderView& order, const std::string& endpoint, std::stop_token stop);
  Result<base::Bytes> envelope(const OrderView& order, const Publication& one, const std::string& endpoint,
                               std::stop_token stop);
  Result<base::Bytes> fetch(const OrderView& order, const base::Cid& cid, std::uint64_t size, const std::string& endpoint,
                            std::stop_token stop);
  [[nodiscard]] trust::optimistic::ClaimRoots claim(const OrderView& order) const;
  void forget();
  [[nodiscard]] bool on_time(const OrderView& order) const;

  const Services& s_;
  std::unique_ptr<OwnTrace> own_;
  Hash trace_root_;  ///< of the claim that the dispute is about
  std::optional<trust::optimistic::Dispute> dispute_;
  std::set<std::pair<std::uint32_t, trust::optimistic::Demand>> given_;  ///< answers on the ledger that were read, by demander
  std::int64_t first_failure_ms_ = 0;                                    ///< of asking the provider's node
  std::uint64_t run_ms_ = 0;
  int faults_ = 0;  ///< searches that ended in an error of our own
};

/// True of a refusal that says that our account has too little money for the move.
bool is_too_poor(const base::Error& error);

/// True of a refusal that says that somebody else made the move before: its claim fell, its demand is answered, its end is
/// there.
bool another_was_first(const base::Error& error);

/// The account whose claim stands, or was condemned; 0: nobody's.
std::uint32_t claimant(const OrderView& order);

}  // namespace koinon::market
