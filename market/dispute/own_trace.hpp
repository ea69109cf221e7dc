#pragma once
#include <mutex>

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
};

/// An order's work as it was run here: the roots of all its values, the rest made again when it is asked for.
class OwnTrace final : public TraceSource {
 public:
  /// Runs the job. Errors: those of Kind::disputable and of the run.
  static base::Result<std::unique_ptr<OwnTrace>> make(const work::Kind& kind, const work::Job& job, base::ThreadPool* pool);

  [[nodiscard]] const trust::optimistic::KeptRun& run() const { return run_; }
  [[nodiscard]] const trust::optimistic::ProgramTrees& trees() const { return trees_; }
  base::Result<trust::optimistic::Answer> answer(const trust::optimistic::Demand& place) override;

 private:
  OwnTrace(std::shared_ptr<const work::Disputable> job, trust::optimistic::KeptRun run);

  std::shared_ptr<const work::Disputable> job_;  ///< shared with the kind, which keeps programs ready
  trust::optimistic::KeptRun run_;
  trust::optimistic::ProgramTrees trees_;
  std::mutex mutex_;
  trust::optimistic::TraceServer server_;  ///< guarded by mutex_
};

/// The numbers of the values that a program returns.
std::vector<std::size_t> output_values(const engine::program::Program& program);

}  // namespace koinon::market
