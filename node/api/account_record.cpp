#include <nlohmann/json.hpp>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::OrderView;
using nlohmann::json;

/// The account's part in one order: where its seat is, and what became of it.
json work_json(Context& context, const OrderView& order, std::uint32_t account) {
  json model = json::object();
  if (const auto name = context.model_name(order.terms.spec); !name.empty()) model["name"] = name;
  json out = {{"order", std::to_string(order.id)}, {"program", base::to_hex(order.terms.spec)}, {"model", std::move(model)},
              {"order_state", state_word(order)},  {"placed_at", order.placed_at_ms},           {"role", "quorum"}};
  out["settled_at"] = market::is_final(order.phase) ? json(order.settled_at_ms) : json(nullptr);
  for (const auto& round : order_rounds(order))
    for (const auto& member : round["members"]) {
      if (member["account"] != account) continue;
      out["role"] = round["role"];
      for (const char* key : {"state", "verdict", "reason", "price", "paid", "slashed"}) out[key] = member[key];
    }
  return out;
}

json account_json(Context& context, const market::AccountView& account) {
  return {{"account", account.id},
          {"owner", base::to_hex(account.owner)},
          {"operator", base::to_hex(account.operator_address)},
          {"payout", base::to_hex(account.payout)},
          {"balance", account.free.text()},
          {"provider",
           is_provider(account) ? provider_json(account, context.node.least_stake(), &context.node.kinds()) : json(nullptr)}};
}

Result<HttpResponse> account_record(Context& context, const HttpRequest& request, std::uint64_t id) {
  std::uint64_t limit = 50, before = UINT64_MAX;
  if (const auto* text = request.query_value("limit")) {
    KOINON_TRY(limit, parse_number(*text, "limit", 1, 200));
  }
  if (const auto* text = request.query_value("before")) {
    KOINON_TRY(before, parse_number(*text, "before", 0, UINT64_MAX));
  }
  if (id == 0 || id > UINT32_MAX) return fail(Code::invalid_argument, "[account] {}: 1 to {} expected", id, UINT32_MAX);
  const auto account_id = static_cast<std::uint32_t>(id);
  std::optional<market::AccountView> account;
  std::vector<OrderView> found;
  bool more = false;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* view = book.account(account_id)) account = *view;
    for (auto at = book.orders().lower_bound(before); at != book.orders().begin() && !more;) {
      --at;
      if (at->second.seat(account_id) == nullptr) continue;
      more = found.size() == limit;
      if (!more) found.push_back(at->second);
    }
  });
  if (!account) return fail(Code::not_found, "[account] {}: nobody opened it", id);
  auto out = account_json(context, *account);
  json work = json::array();
  for (const auto& order : found) work.push_back(work_json(context, order, account_id));
  out["work"] = std::move(work);
  out["next"] = more ? json(std::to_string(found.back().id)) : json(nullptr);
  return HttpResponse::json(200, out.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_account_record(net::Router& router, const ContextPtr& context) {
  router.get<std::uint64_t>("/api/v1/accounts/{account}", guarded(context, {}, account_record));
}

}  // namespace koinon::node::api
