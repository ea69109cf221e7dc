#include <nlohmann/json.hpp>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::Accounts;
using nlohmann::json;

constexpr std::uint64_t kMaxBody = 4096;

/// Answers when the ledger's events are in the book, so that a GET that follows sees what was done.
Result<HttpResponse> done(Context& context, const Status& status) {
  KOINON_CHECK(status);
  if (const auto caught = context.node.sync().catch_up(); !caught) base::log_debug("account: {}", caught.error().text);
  return HttpResponse::json(200, "{}");
}

using AmountCall = Status (Accounts::*)(std::uint32_t, const base::Wei&);
using AddressCall = Status (Accounts::*)(std::uint32_t, const base::Address&);

auto amount_action(AmountCall call) {
  return [call](Context& context, const HttpRequest& request) -> Result<HttpResponse> {
    KOINON_TRY(const auto body, read_object(request.body, {"amount"}));
    KOINON_TRY(const auto amount, wei_field(body, "amount"));
    return done(context, (context.node.accounts().*call)(context.node.account(), amount));
  };
}

auto address_action(AddressCall call) {
  return [call](Context& context, const HttpRequest& request) -> Result<HttpResponse> {
    KOINON_TRY(const auto body, read_object(request.body, {"address"}));
    KOINON_TRY(const auto address, address_field(body, "address"));
    return done(context, (context.node.accounts().*call)(context.node.account(), address));
  };
}

Result<HttpResponse> finish_unstake(Context& context, const HttpRequest& request) {
  KOINON_TRY([[maybe_unused]] const auto body, read_object(request.body, {}));
  return done(context, context.node.accounts().finish_unstake(context.node.account()));
}

Result<HttpResponse> accept(Context& context, const HttpRequest& request) {
  KOINON_TRY(const auto body, read_object(request.body, {"account"}));
  KOINON_TRY(const auto account, number_or(body, "account", context.node.account(), 1, UINT32_MAX));
  return done(context, context.node.accounts().accept_ownership(static_cast<std::uint32_t>(account)));
}

/// Tier of a price; of an offer that ends, the tier that it had.
Result<std::uint8_t> offered_tier(Context& context, const json& body, std::uint8_t kind, bool active) {
  if (active || body.contains("price")) {
    KOINON_TRY(const auto price, wei_field(body, "price"));
    return market::tier_from(price);
  }
  std::uint8_t tier = 0;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    const auto* account = book.account(context.node.account());
    if (account == nullptr) return;
    if (const auto at = account->offers.find(kind); at != account->offers.end()) tier = at->second.tier;
  });
  return tier;
}

Result<HttpResponse> offer(Context& context, const HttpRequest& request) {
  KOINON_TRY(const auto body, read_object(request.body, {"kind", "price", "active"}));
  KOINON_TRY(const auto word, text_or(body, "kind", "inference", 40));
  KOINON_TRY(const auto kind, kind_code(word, &context.node.kinds()));
  KOINON_TRY(const auto active, flag_or(body, "active", true));
  if (active && !context.node.provides())
    return fail(
        Code::conflict,
        "[offer] this node was not started to sell work, and would lose its stake: stop it, and start it again with koinon "
        "provide");
  KOINON_TRY(const auto tier, offered_tier(context, body, kind, active));
  return done(context, context.node.accounts().set_offer(context.node.account(), kind, tier, active));
}

}  // namespace

void add_account(net::Router& router, const ContextPtr& context) {
  const Rule rule{Access::spend, "application/json"};
  const auto small = behind(context, rule, kMaxBody);
  router.post("/api/v1/account/deposit", guarded(context, rule, amount_action(&Accounts::deposit)), small);
  router.post("/api/v1/account/withdraw", guarded(context, rule, amount_action(&Accounts::withdraw)), small);
  router.post("/api/v1/account/stake", guarded(context, rule, amount_action(&Accounts::stake)), small);
  router.post("/api/v1/account/unstake", guarded(context, rule, amount_action(&Accounts::request_unstake)), small);
  router.post("/api/v1/account/finish-unstake", guarded(context, rule, finish_unstake), small);
  router.post("/api/v1/account/offer", guarded(context, rule, offer), small);
  router.post("/api/v1/account/operator", guarded(context, rule, address_action(&Accounts::set_operator)), small);
  router.post("/api/v1/account/payout", guarded(context, rule, address_action(&Accounts::set_payout)), small);
  router.post("/api/v1/account/owner", guarded(context, rule, address_action(&Accounts::transfer_ownership)), small);
  router.post("/api/v1/account/accept", guarded(context, rule, accept), small);
}

}  // namespace koinon::node::api
