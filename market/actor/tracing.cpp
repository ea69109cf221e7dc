// The provider's side of a dispute about its claim.
#include <algorithm>

#include "base/log.hpp"
#include "market/actor/sealing.hpp"
#include "market/actor/seller.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using trust::optimistic::Answer;
using trust::optimistic::Demand;

Result<std::shared_ptr<TraceSource>> Seller::trace(const OrderView& order) {
  KOINON_TRY(const auto input, known_input(order));
  KOINON_TRY(auto artifact, find_artifact(order, Reach::here, {}));
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

Status Seller::answer_trace(const OrderView& order) {
  if (s_.disputes == nullptr) return {};
  for (const auto& [demander, demand] : order.dispute.demands) {
    if (!demand.open) continue;
    KOINON_TRY(const auto answer, part(order, demand.place));
    base::log_info("order {}: account {} demands a part of our claim; answering", order.id, demander);
    KOINON_CHECK(s_.disputes->answer_trace(order.id, demander, s_.account, answer));
  }
  return {};
}

}  // namespace koinon::market
