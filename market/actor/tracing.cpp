// The provider's side of a dispute about its claim.
#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "market/actor/sealing.hpp"
#include "market/actor/seller.hpp"

namespace koinon::market {

namespace {

constexpr std::size_t kAnswersAtOnce = 64;
constexpr std::size_t kAnswersInAPass = 4'096;  ///< some 6 KB each

}  // namespace

using base::Code;
using base::fail;
using trust::optimistic::Answer;
using trust::optimistic::Demand;

/// The roots of a run go to disk with its claim, so that a demand about lists takes no run and one about a value only one.
base::ArtifactRef Seller::keep_roots(const OrderView& order, const work::Outcome& outcome) {
  if (!is_public(order.terms) || outcome.value_roots.empty()) return {};
  if (engine::run::trace_root(outcome.value_roots) != outcome.roots.trace) return {};
  base::Bytes bytes;
  for (const auto& root : outcome.value_roots) bytes.insert(bytes.end(), root.bytes.begin(), root.bytes.end());
  const auto kept = s_.artifacts->put(bytes);
  if (!kept) base::log_warn("order {}: the roots of its run are not kept: {}", order.id, kept.error().text);
  return kept ? *kept : base::ArtifactRef{};
}

/// Errors: not_found (of an earlier version, or lost): a run makes them again.
Result<std::vector<Hash>> Seller::kept_roots(const OrderView& order) {
  KOINON_TRY(const auto kept, note(order));
  if (!kept || kept->roots.size == 0) return fail(Code::not_found, "[trace] order {}: no roots are kept", order.id);
  KOINON_TRY(const auto bytes, s_.artifacts->get(kept->roots.cid));
  std::vector<Hash> out(bytes.size() / sizeof(Hash));
  for (std::size_t i = 0; i < out.size(); ++i)
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Hash)), sizeof(Hash), out[i].bytes.begin());
  if (engine::run::trace_root(out) != kept->claim.trace_root)
    return fail(Code::not_found, "[trace] order {}: the roots that are kept are not those of its claim", order.id);
  return out;
}

Result<std::shared_ptr<TraceSource>> Seller::trace(const OrderView& order) {
  KOINON_TRY(const auto input, known_input(order));
  KOINON_TRY(auto artifact, find_artifact(order, Reach::anywhere, {}));
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  const work::Job job{order.terms.spec, std::move(artifact), input.parts};
  auto roots = kept_roots(order);
  auto made = roots ? OwnTrace::restore(*kind, job, *std::move(roots), s_.pool) : OwnTrace::make(*kind, job, s_.pool);
  if (!made) return fail(std::move(made).error());
  return std::shared_ptr<TraceSource>(*std::move(made));
}

/// The trace when it is here, at once.
std::shared_ptr<TraceSource> Seller::trace_here(const OrderView& order) {
  const std::lock_guard lock(tracing_);
  const auto at = std::ranges::find(traces_, job_key(order, order.round()), [](const auto& one) { return one.first; });
  return at == traces_.end() ? nullptr : at->second;
}

Result<std::shared_ptr<TraceSource>> Seller::kept_trace(const OrderView& order) {
  const std::lock_guard making(making_);
  if (auto here = trace_here(order)) return here;
  KOINON_TRY(auto made, trace(order));
  const std::lock_guard lock(tracing_);
  traces_.emplace_back(job_key(order, order.round()), made);
  if (traces_.size() > kTraces) traces_.pop_front();
  return made;
}

Result<Answer> Seller::part(const OrderView& order, const Demand& place) {
  const auto* seat = order.seat(s_.account);
  if (!is_public(order.terms) || order.phase != Phase::standing || seat == nullptr || !has_result(*seat))
    return fail(Code::not_found, "[trace] order {}: no claim of ours stands", order.id);
  if (const auto here = trace_here(order))
    if (auto known = here->at_hand(place)) return *std::move(known);
  const auto turn = lane_.enter();
  if (!turn) return fail(Code::exhausted, "[trace] order {}: others are being answered: ask again soon", order.id);
  KOINON_TRY(const auto source, kept_trace(order));
  auto answers = source->answers({&place, 1}, turn->stop());
  if (!answers.front() && turn->stop().stop_requested())
    return fail(Code::exhausted, "[trace] order {}: demands on the ledger come first: ask again soon", order.id);
  return std::move(answers.front());
}

/// Those whose time ends first come first. All are answered in one pass over the program, and many are sent at once: an answer
/// waits for its block, and who floods a claim with demands must not make one of them late. One that fails holds up no other.
Status Seller::answer_trace(const OrderView& order) {
  if (s_.disputes == nullptr) return {};
  std::vector<std::pair<std::int64_t, std::uint32_t>> open;  // deadline, demander
  for (const auto& [demander, demand] : order.dispute.demands)
    if (demand.open) open.emplace_back(demand.deadline, demander);
  std::ranges::sort(open);
  open.resize(std::min(open.size(), kAnswersInAPass));
  std::vector<Demand> places;
  for (const auto& [deadline, demander] : open) places.push_back(order.dispute.demands.at(demander).place);
  const auto answers = [&]() -> Result<std::vector<Result<Answer>>> {
    const Lane::Urgent first(lane_);
    KOINON_TRY(const auto source, kept_trace(order));
    return source->answers(places, {});
  }();
  if (!answers) return fail(answers.error());
  Status out;
  std::mutex failing;
  for (std::size_t from = 0; from < open.size(); from += kAnswersAtOnce) {
    std::vector<std::jthread> sending;
    for (std::size_t i = from; i < std::min(open.size(), from + kAnswersAtOnce); ++i)
      sending.emplace_back([&, i, demander = open[i].second] {
        const auto& answer = (*answers)[i];
        base::log_info("order {}: account {} demands a part of our claim; answering", order.id, demander);
        auto sent = answer ? s_.disputes->answer_trace(order.id, demander, s_.account, *answer) : Status(fail(answer.error()));
        const std::lock_guard lock(failing);
        if (!sent && out) out = std::move(sent);
      });
  }
  return out;
}

}  // namespace koinon::market
