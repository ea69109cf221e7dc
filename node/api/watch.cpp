#include <mutex>
#include <nlohmann/json.hpp>

#include "market/watch/match.hpp"
#include "node/api/context.hpp"
#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMost = 200;  ///< claims in an answer, the newest

/// What came of a claim, for people: its order's end once there is one.
std::string_view outcome_word(const market::OrderView& order, std::uint32_t self) {
  if (!order.dispute.condemned) return market::is_final(order.phase) ? "stood" : "open";
  if (*order.dispute.condemned == market::kWithheld) return "withheld";
  if (!order.dispute.winner) return "condemned";
  return *order.dispute.winner == self ? "won" : "won_by_another";
}

json claim_json(const market::OrderView& order, const market::GameNote& note, std::uint32_t self) {
  const auto reward = order.rewards.find(self);
  std::uint64_t demands = 0;
  if (const auto at = order.dispute.demands.find(self); at != order.dispute.demands.end()) demands = at->second.made;
  std::uint32_t provider = 0;
  for (const auto& seat : order.seats)
    if (seat.revealed) provider = seat.account;
  return {{"order", std::to_string(order.id)},
          {"provider", provider},
          {"found", market::stage_name(note.stage)},
          {"text", note.text},
          {"trouble", note.trouble.empty() ? json(nullptr) : json(note.trouble)},
          {"outcome", outcome_word(order, self)},
          {"demands", demands},
          {"price_max", market::tier_price(std::min<std::uint8_t>(order.terms.max_tier, 127)).text()},
          {"earned", reward == order.rewards.end() ? "0" : reward->second.text()},
          {"checked_at", note.checked_ms},
          {"run_ms", note.run_ms}};
}

/// True of an own order that this node ran first, with another result than was claimed.
bool own_run_differs(Context& context, const market::OrderView& order) {
  if (!context.is_mine(order) || market::claimant(order) == 0) return false;
  const auto note = context.node.buyer().purchase(order);
  return note && *note && (*note)->has_expected &&
         ((*note)->expected.output != order.verdict->output_root || (*note)->expected.trace != order.verdict->trace_root);
}

/// What the watcher noted of a claim; of one that it has no note of, what the run that came before our order says.
std::optional<market::GameNote> game_of(Context& context, const market::Watcher* watcher, const market::OrderView& order) {
  if (watcher != nullptr)
    if (auto note = watcher->game(order); note && *note) return **note;
  const bool demanded = order.dispute.demands.contains(context.node.account());
  if (!demanded && !own_run_differs(context, order)) return std::nullopt;
  market::GameNote out;
  out.stage = market::GameStage::differs;
  out.text = "our own run gives another result";
  if (demanded) out.text += "; parts of the claim were demanded on the ledger";
  out.checked_ms = order.settled_at_ms != 0 ? order.settled_at_ms : order.placed_at_ms;
  return out;
}

/// What all demands of a dispute hold, asked once: a deployment never changes it.
class Fees {
 public:
  base::Wei get(Context& context) {
    const std::lock_guard lock(mutex_);
    if (kept_ || context.node.disputes() == nullptr) return kept_.value_or(base::Wei{});
    if (const auto terms = context.node.disputes()->dispute_terms())
      if (const auto fees = terms->demand_fee.times(terms->max_demands)) kept_ = *fees;
    return kept_.value_or(base::Wei{});
  }

 private:
  std::mutex mutex_;
  std::optional<base::Wei> kept_;  ///< guarded by mutex_
};

Result<HttpResponse> watch(Context& context, Fees& fees, const HttpRequest&) {
  const auto* watcher = context.node.watcher();
  const auto self = context.node.account();
  std::vector<market::OrderView> orders;
  base::Wei free;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(self)) free = account->free;
    for (auto at = book.orders().rbegin(); at != book.orders().rend() && orders.size() < 2 * kMost; ++at)
      if (at->second.terms.check == 1 && at->second.verdict) orders.push_back(at->second);
  });
  json claims = json::array();
  std::uint64_t agreed = 0, wrong = 0, lost = 0;
  base::Wei earned;
  for (const auto& order : orders) {
    if (claims.size() == kMost) break;
    const auto note = game_of(context, watcher, order);
    if (!note) continue;
    const bool right = note->stage == market::GameStage::agreed;
    (right ? agreed : wrong) += 1;
    if (!right && market::is_final(order.phase) && !order.dispute.condemned) ++lost;
    if (const auto at = order.rewards.find(self); at != order.rewards.end()) earned = sum(earned, at->second);
    claims.push_back(claim_json(order, *note, self));
  }
  const bool others = watcher != nullptr && watcher->options().others;
  const json out = {{"watching", others},
                    {"full_price", watcher == nullptr ? "0" : watcher->options().rule.full_price.text()},
                    {"agreed", agreed},
                    {"wrong", wrong},
                    {"lost", lost},
                    {"earned", earned.text()},
                    {"fees", fees.get(context).text()},
                    {"free", free.text()},
                    {"claims", std::move(claims)}};
  return HttpResponse::json(200, out.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_watch(net::Router& router, const ContextPtr& context) {
  const auto fees = std::make_shared<Fees>();  // shared: the router copies its handlers
  router.get("/api/v1/watch",
             guarded(context, {}, [fees](Context& c, const HttpRequest& request) { return watch(c, *fees, request); }));
}

}  // namespace koinon::node::api
