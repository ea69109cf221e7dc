#pragma once
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "trust/optimistic/kept_run.hpp"
#include "trust/optimistic/program_trees.hpp"
#include "trust/optimistic/trace_server.hpp"
#include "work/disputable.hpp"
#include "work/kind.hpp"

namespace koinon::market {

/// Whoever can show every part of a claim.
class TraceSource {
 public:
  virtual ~TraceSource() = default;
  /// Thread-safe. Errors: out_of_range, those of a run.
  virtual base::Result<trust::optimistic::Answer> answer(const trust::optimistic::Demand& place) = 0;
  /// The answers about several places, in their order, for less than one by one. Thread-safe. Errors of each: as answer();
  /// cancelled.
  virtual std::vector<base::Result<trust::optimistic::Answer>> answers(std::span<const trust::optimistic::Demand> places,
                                                                       std::stop_token stop);
  /// The answer where it takes no run; else nothing. Thread-safe.
  virtual std::optional<trust::optimistic::Answer> at_hand(const trust::optimistic::Demand& place);
};

/// An order's work as it was run here: the roots of all its values, the rest made again when it is asked for.
///
/// Invariants:
/// 1. However many places are asked for at once, they take one pass over the program, and one value with its tree at a time.
/// 2. The values that were asked for last stay with their trees, kShelves bytes of them and one at least: more questions about
///    them take no run, also while a pass goes on.
class OwnTrace final : public TraceSource {
 public:
  /// Bytes of values and their trees that are kept.
  static constexpr std::uint64_t kShelves = std::uint64_t{64} << 20;

  /// Runs the job. Errors: those of Kind::disputable and of the run.
  static base::Result<std::unique_ptr<OwnTrace>> make(const work::Kind& kind, const work::Job& job, base::ThreadPool* pool);
  /// The run of which these are the roots of all values, without running. Errors: those of Kind::disputable; invalid_argument
  /// (not as many as the program has values).
  static base::Result<std::unique_ptr<OwnTrace>> restore(const work::Kind& kind, const work::Job& job,
                                                         std::vector<base::Hash> roots, base::ThreadPool* pool);

  [[nodiscard]] const trust::optimistic::KeptRun& run() const { return run_; }
  [[nodiscard]] const trust::optimistic::ProgramTrees& trees() const { return trees_; }
  /// Runs over the program since it was made.
  [[nodiscard]] std::size_t passes() const;
  base::Result<trust::optimistic::Answer> answer(const trust::optimistic::Demand& place) override;
  std::vector<base::Result<trust::optimistic::Answer>> answers(std::span<const trust::optimistic::Demand> places,
                                                               std::stop_token stop) override;
  std::optional<trust::optimistic::Answer> at_hand(const trust::optimistic::Demand& place) override;

 private:
  struct Shelf {
    std::size_t value = 0;
    std::uint64_t bytes = 0;
    trust::optimistic::TraceServer server;
  };
  using Answers = std::vector<std::optional<base::Result<trust::optimistic::Answer>>>;
  using Wanted = std::map<std::size_t, std::vector<std::size_t>>;  ///< places by value

  OwnTrace(std::shared_ptr<const work::Disputable> job, trust::optimistic::KeptRun run, base::ThreadPool* pool);
  std::optional<base::Result<trust::optimistic::Answer>> answer_kept(const trust::optimistic::Demand& place);
  Wanted missing(std::span<const trust::optimistic::Demand> places, Answers& out);
  base::Status pass(std::span<const trust::optimistic::Demand> places, const Wanted& wanted, Answers& out,
                    const std::stop_token& stop);
  void shelve(std::size_t value, const engine::tensor::IntTensor& tensor, std::span<const trust::optimistic::Demand> places,
              const Wanted& wanted, Answers& out);

  std::shared_ptr<const work::Disputable> job_;  ///< shared with the kind, which keeps programs ready
  trust::optimistic::KeptRun run_;
  trust::optimistic::ProgramTrees trees_;
  base::ThreadPool* pool_;
  std::mutex passing_;        ///< one pass at a time; taken before mutex_
  mutable std::mutex mutex_;  ///< guards what follows
  /// What the servers take a value from: that which the pass has just made.
  const engine::tensor::IntTensor* made_ = nullptr;
  trust::optimistic::TraceServer lists_;  ///< holds no value
  std::list<Shelf> shelves_;              ///< the one that was asked for last comes first
  std::size_t passes_ = 0;
};

/// The numbers of the values that a program returns.
std::vector<std::size_t> output_values(const engine::program::Program& program);

}  // namespace koinon::market
