#include "market/dispute/answer_bytes.hpp"
#include "node/api/context.hpp"

namespace koinon::node::api {
namespace {

using trust::optimistic::ClaimTree;
using trust::optimistic::Demand;
using trust::optimistic::DemandKind;

/// The open order that a transaction placed, by which other nodes name it: a reorganisation may give its number to another.
Result<market::OrderView> placed_by(Context& context, const base::Hash& transaction) {
  std::optional<market::OrderView> out;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    for (const auto id : book.open_orders())
      if (const auto* order = book.order(id); order->placed_tx == transaction) out = *order;
  });
  if (!out) return fail(Code::not_found, "[trace] no open order was placed by {}", base::to_hex(transaction));
  return *std::move(out);
}

Result<HttpResponse> part(Context& context, const HttpRequest&, const base::Hash& placed, std::uint64_t tree,
                          std::uint64_t kind, std::uint64_t value, std::uint64_t level, std::uint64_t index) {
  if (tree < 1 || tree > 3 || kind < 1 || kind > 3 || level > 64)
    return fail(Code::invalid_argument, "[trace] tree and kind of 1 to 3 and a level of at most 64 expected");
  KOINON_TRY(const auto order, placed_by(context, placed));
  const Demand place{static_cast<ClaimTree>(tree), static_cast<DemandKind>(kind), value, static_cast<std::uint8_t>(level),
                     index};
  const auto answer = context.node.seller().part(order, place);
  if (!answer && answer.error().code == Code::exhausted) {
    auto busy = error_response(answer.error());
    busy.headers.set("Retry-After", "2");
    return busy;
  }
  if (!answer) return fail(answer.error());
  auto out = HttpResponse::text(200, std::string(base::as_text(market::encode_answer(*answer))));
  out.headers.set("Content-Type", "application/octet-stream");
  return out;
}

}  // namespace

void add_trace(net::Router& router, const ContextPtr& context) {
  router.get<base::Hash, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>(
      "/trace/{order}/{tree}/{kind}/{value}/{level}/{index}", guarded(context, {Access::peers}, part));
}

}  // namespace koinon::node::api
