#include "market/dispute/own_trace.hpp"

#include <algorithm>

#include "engine/program/inner.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::tensor::IntTensor;
using trust::optimistic::Answer;
using trust::optimistic::ClaimTree;
using trust::optimistic::Demand;
using trust::optimistic::KeptRun;
using trust::optimistic::TraceServer;

std::vector<Result<Answer>> TraceSource::answers(std::span<const Demand> places, std::stop_token stop) {
  std::vector<Result<Answer>> out;
  for (const auto& place : places)
    out.push_back(stop.stop_requested() ? Result<Answer>(fail(Code::cancelled, "[trace] stopped")) : answer(place));
  return out;
}

std::optional<Answer> TraceSource::at_hand(const Demand&) { return std::nullopt; }

std::vector<std::size_t> output_values(const engine::program::Program& program) {
  std::vector<std::size_t> out;
  for (const auto& output : program.outputs) out.push_back(output.ref.index());
  return out;
}

OwnTrace::OwnTrace(std::shared_ptr<const work::Disputable> job, KeptRun run, base::ThreadPool* pool)
    : job_(std::move(job)),
      run_(std::move(run)),
      trees_(*job_->program),
      pool_(pool),
      lists_(run_.roots(), output_values(*job_->program), [this](std::size_t value) -> Result<IntTensor> {
        if (made_ == nullptr) return fail(Code::internal, "[trace] value {} was not made", value);
        return *made_;
      }) {}

Result<std::unique_ptr<OwnTrace>> OwnTrace::make(const work::Kind& kind, const work::Job& job, base::ThreadPool* pool) {
  KOINON_TRY(auto disputable, kind.disputable(job));
  engine::run::RunOptions options;
  options.pool = pool;
  KOINON_TRY(auto run, KeptRun::until_refused(*disputable->program, disputable->inputs, options));
  return std::unique_ptr<OwnTrace>(new OwnTrace(std::move(disputable), std::move(run), pool));
}

Result<std::unique_ptr<OwnTrace>> OwnTrace::restore(const work::Kind& kind, const work::Job& job, std::vector<base::Hash> roots,
                                                    base::ThreadPool* pool) {
  KOINON_TRY(auto disputable, kind.disputable(job));
  engine::run::RunOptions options;
  options.pool = pool;
  KOINON_TRY(auto run, KeptRun::restore(*disputable->program, disputable->inputs, std::move(roots), options));
  return std::unique_ptr<OwnTrace>(new OwnTrace(std::move(disputable), std::move(run), pool));
}

std::size_t OwnTrace::passes() const {
  const std::lock_guard lock(mutex_);
  return passes_;
}

/// Precondition: mutex_ is held.
std::optional<Result<Answer>> OwnTrace::answer_kept(const Demand& place) {
  if (place.tree != ClaimTree::tensor || place.value >= run_.roots().size()) return lists_.answer(place);
  if (run_.roots()[place.value] == engine::program::kInnerRoot) return lists_.answer(place);  // it is in no trace
  const auto at = std::ranges::find(shelves_, place.value, &Shelf::value);
  if (at == shelves_.end()) return std::nullopt;
  shelves_.splice(shelves_.begin(), shelves_, at);
  return at->server.answer(place);
}

std::optional<Answer> OwnTrace::at_hand(const Demand& place) {
  const std::lock_guard lock(mutex_);
  auto out = answer_kept(place);
  return out && *out ? std::optional(**std::move(out)) : std::nullopt;
}

/// Answers what is kept; the rest by value.
OwnTrace::Wanted OwnTrace::missing(std::span<const Demand> places, Answers& out) {
  const std::lock_guard lock(mutex_);
  Wanted wanted;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!out[i]) out[i] = answer_kept(places[i]);
    if (!out[i]) wanted[places[i].value].push_back(i);
  }
  return wanted;
}

/// Answers all that is asked about a value, and keeps it in the place of those that nobody asks for.
void OwnTrace::shelve(std::size_t value, const IntTensor& tensor, std::span<const Demand> places, const Wanted& wanted,
                      Answers& out) {
  const std::lock_guard lock(mutex_);
  made_ = &tensor;
  // A leaf of 1 KiB takes two nodes of the tree, and each server has the lists of its own.
  const auto size = tensor.bytes.size() + tensor.bytes.size() / 8 + run_.roots().size() * 128;
  shelves_.push_front({value, size, lists_});
  for (const auto i : wanted.at(value)) out[i] = shelves_.front().server.answer(places[i]);
  made_ = nullptr;
  std::uint64_t held = 0;
  for (const auto& shelf : shelves_) held += shelf.bytes;
  while (held > kShelves && shelves_.size() > 1) {
    held -= shelves_.back().bytes;
    shelves_.pop_back();
  }
}

/// One run, as far as the last value that is wanted.
Status OwnTrace::pass(std::span<const Demand> places, const Wanted& wanted, Answers& out, const std::stop_token& stop) {
  std::size_t left = wanted.size();
  for (std::size_t value = 0; value < run_.inputs().size(); ++value) {
    if (!wanted.contains(value)) continue;
    shelve(value, run_.inputs()[value], places, wanted, out);
    --left;
  }
  if (left == 0) return {};
  {
    const std::lock_guard lock(mutex_);
    ++passes_;
  }
  std::stop_source enough;
  const std::stop_callback outer(stop, [&] { enough.request_stop(); });
  engine::run::RunOptions options;
  options.pool = pool_;
  options.trace = false;
  options.roots = false;
  options.stop = enough.get_token();
  options.sink = [&](std::size_t step, std::span<const IntTensor* const> outputs) {
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      const auto value = job_->program->steps[step].first_output + o;
      if (!wanted.contains(value)) continue;
      shelve(value, *outputs[o], places, wanted, out);
      if (--left == 0) enough.request_stop();
    }
  };
  const auto ran = engine::run::execute(*job_->program, run_.inputs(), options);
  if (left == 0 || ran) return {};
  return fail(ran.error());
}

std::vector<Result<Answer>> OwnTrace::answers(std::span<const Demand> places, std::stop_token stop) {
  Answers found(places.size());
  Status ran;
  if (!missing(places, found).empty()) {
    const std::lock_guard lock(passing_);
    // Another's pass may have made it meanwhile.
    if (const auto wanted = missing(places, found); !wanted.empty()) ran = pass(places, wanted, found, stop);
  }
  std::vector<Result<Answer>> out;
  for (auto& one : found) {
    if (!one && ran) ran = fail(Code::internal, "[trace] a run without a value that was asked for");
    out.push_back(one ? *std::move(one) : Result<Answer>(fail(ran.error())));
  }
  return out;
}

Result<Answer> OwnTrace::answer(const Demand& place) { return std::move(answers({&place, 1}, {}).front()); }

}  // namespace koinon::market
