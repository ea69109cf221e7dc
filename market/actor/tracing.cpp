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

}  // namespace

using base::Code;
using base::fail;
using trust::optimistic::Answer;
using trust::optimistic::Demand;

Result<std::shared_ptr<TraceSource>> Seller::trace(const OrderView& order) {
  KOINON_TRY(const auto input, known_input(order));
  KOINON_TRY(auto artifact, find_artifact(order, Reach::anywhere, {}));
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  KOINON_TRY(auto made, OwnTrace::make(*kind, {order.terms.spec, std::move(artifact), input.parts}, s_.pool));
  return std::shared_ptr<TraceSource>(std::move(made));
}

Result<std::shared_ptr<TraceSource>> Seller::kept_trace(const OrderView& order) {
  const std::lock_guard lock(tracing_);
  const auto key = job_key(order, order.round());
  const auto at = std::ranges::find(traces_, key, [](const auto& one) { return one.first; });
  if (at != traces_.end()) return at->second;
  KOINON_TRY(auto made, trace(order));
  traces_.emplace_back(key, made);
  if (traces_.size() > kTraces) traces_.pop_front();
  return made;
}

Result<Answer> Seller::part(const OrderView& order, const Demand& place) {
  const auto* seat = order.seat(s_.account);
  if (!is_public(order.terms) || order.phase != Phase::standing || seat == nullptr || !has_result(*seat))
    return fail(Code::not_found, "[trace] order {}: no claim of ours stands", order.id);
  KOINON_TRY(const auto source, kept_trace(order));
  return source->answer(place);
}

/// Those whose time ends first are answered first, many at once: an answer waits for its block, and who floods a claim with
/// demands must not make one of them late. One that fails holds up no other.
Status Seller::answer_trace(const OrderView& order) {
  if (s_.disputes == nullptr) return {};
  std::vector<std::pair<std::int64_t, std::uint32_t>> open;  // deadline, demander
  for (const auto& [demander, demand] : order.dispute.demands)
    if (demand.open) open.emplace_back(demand.deadline, demander);
  std::ranges::sort(open);
  Status out;
  std::mutex failing;
  for (std::size_t from = 0; from < open.size(); from += kAnswersAtOnce) {
    std::vector<std::jthread> sending;
    for (std::size_t i = from; i < std::min(open.size(), from + kAnswersAtOnce); ++i)
      sending.emplace_back([&, demander = open[i].second] {
        const auto answer = part(order, order.dispute.demands.at(demander).place);
        base::log_info("order {}: account {} demands a part of our claim; answering", order.id, demander);
        auto sent = answer ? s_.disputes->answer_trace(order.id, demander, s_.account, *answer) : Status(fail(answer.error()));
        const std::lock_guard lock(failing);
        if (!sent && out) out = std::move(sent);
      });
  }
  return out;
}

}  // namespace koinon::market
