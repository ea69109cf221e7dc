#include "market/dispute/own_trace.hpp"

namespace koinon::market {

using base::Result;
using trust::optimistic::Answer;
using trust::optimistic::Demand;
using trust::optimistic::KeptRun;

std::vector<std::size_t> output_values(const engine::program::Program& program) {
  std::vector<std::size_t> out;
  for (const auto& output : program.outputs) out.push_back(output.ref.index());
  return out;
}

OwnTrace::OwnTrace(std::shared_ptr<const work::Disputable> job, KeptRun run)
    : job_(std::move(job)),
      run_(std::move(run)),
      trees_(*job_->program),
      server_(run_.roots(), output_values(*job_->program), [this](std::size_t value) -> Result<engine::tensor::IntTensor> {
        KOINON_TRY(auto values, run_.values({value}));
        return std::move(values.at(value));
      }) {}

Result<std::unique_ptr<OwnTrace>> OwnTrace::make(const work::Kind& kind, const work::Job& job, base::ThreadPool* pool) {
  KOINON_TRY(auto disputable, kind.disputable(job));
  engine::run::RunOptions options;
  options.pool = pool;
  KOINON_TRY(auto run, KeptRun::until_refused(*disputable->program, disputable->inputs, options));
  return std::unique_ptr<OwnTrace>(new OwnTrace(std::move(disputable), std::move(run)));
}

Result<Answer> OwnTrace::answer(const Demand& place) {
  const std::lock_guard lock(mutex_);
  return server_.answer(place);
}

}  // namespace koinon::market
