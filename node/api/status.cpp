#include <mutex>
#include <nlohmann/json.hpp>

#include "ledger/contracts/koinon_token.hpp"
#include "market/actor/duties.hpp"
#include "node/api/context.hpp"
#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

/// Symbol and decimals of the settlement token: asked once, since they never change.
class Token {
 public:
  struct Words {
    std::string symbol;
    std::uint64_t decimals = 18;
  };
  Result<Words> words(Context& context) {
    const std::lock_guard lock(mutex_);
    if (kept_) return *kept_;
    KOINON_TRY(const auto addresses, market::MarketAddresses::of(context.node.deployment()));
    const ledger::contracts::KoinonToken token(context.node.rpc(), addresses.token);
    Words out;
    KOINON_TRY(out.symbol, token.symbol());
    KOINON_TRY(out.decimals, token.decimals());
    kept_ = out;
    return out;
  }

 private:
  std::mutex mutex_;
  std::optional<Words> kept_;  ///< guarded by mutex_
};

/// Offers that are not drawn because an order found the account silent, and why.
json suspended_json(const market::AccountView& account, const work::KindSet& kinds) {
  json out = json::array();
  for (const auto& renewal : market::renewals(account))
    out.push_back({{"kind", kind_word(renewal.kind, &kinds)},
                   {"since", account.offers.at(renewal.kind).suspended_at_ms},
                   {"again_at", renewal.due_ms ? json(*renewal.due_ms) : json(nullptr)},
                   {"reason", market::suspension_text(account, renewal)}});
  return out;
}

/// What inputs may be: private ones when this node can check runs on ciphertexts.
json privacy_words(const work::KindSet& kinds) {
  auto out = json::array({"plain"});
  if (kinds.find(static_cast<std::uint8_t>(work::KindCode::encrypted))) out.push_back("private");
  return out;
}

json account_json(const market::AccountView& account, const work::KindSet& kinds) {
  return {{"id", account.id},
          {"owner", base::to_hex(account.owner)},
          {"operator", base::to_hex(account.operator_address)},
          {"payout", base::to_hex(account.payout)},
          {"balance", account.free.text()},
          {"stake", account.stake.text()},
          {"locked", account.locked.text()},
          {"suspended", suspended_json(account, kinds)}};
}

/// Sums over the whole market.
struct Totals {
  std::uint64_t settled = 0, providers = 0;
  base::Wei escrow, paid, slashed, burned;

  explicit Totals(const market::Book& book) {
    for (const auto& [id, order] : book.orders()) {
      settled += order.phase == market::Phase::settled ? 1 : 0;
      paid = sum(paid, order.paid);
      burned = sum(burned, order.burned);
      slashed = sum(slashed, order.slashed);
      if (!market::is_final(order.phase)) escrow = sum(escrow, sum(sum(order.escrow, order.bond), order.appeal_bonds));
    }
    for (const auto& [id, account] : book.accounts())
      for (const auto& [kind, offer] : account.offers)
        if (offer.active) {
          ++providers;
          break;
        }
  }
};

json ledger_json(Context& context, const market::MarketAddresses& addresses, const Token::Words& words, std::uint64_t head,
                 bool connected) {
  return {{"chain_id", context.node.deployment().chain_id},
          {"block", head},
          {"local", context.node.runs_ledger()},
          {"market", base::to_hex(addresses.market)},
          {"registry", base::to_hex(addresses.registry)},
          {"token", base::to_hex(addresses.token)},
          {"token_symbol", words.symbol},
          {"token_decimals", words.decimals},
          {"connected", connected}};
}

Result<HttpResponse> status(Context& context, Token& token) {
  auto& node = context.node;
  const auto connected = node.sync().trouble().empty();
  KOINON_TRY(const auto addresses, market::MarketAddresses::of(node.deployment()));
  KOINON_TRY(const auto words, token.words(context));
  const auto now = node.clock().now_ms();
  json kinds = json::array();
  for (const auto* kind : node.kinds().all()) kinds.push_back(std::string(kind->name()));
  json out = {{"version", KOINON_VERSION}, {"time", now}, {"uptime_ms", std::max<std::int64_t>(0, now - node.started_ms())}};
  out["state"] = node.is_stopping() ? "stopping" : "ready";
  out["trouble"] = node.sync().trouble();
  out["public"] = context.gate.door().is_public;
  out["offers"] = {{"kinds", kinds}, {"checks", check_words(node.rules())}, {"privacies", privacy_words(context.node.kinds())}};
  node.sync().read([&](const market::Book& book, std::uint64_t head) {
    const Totals totals(book);
    const auto* account = book.account(node.account());
    out["account"] = account != nullptr ? account_json(*account, node.kinds()) : json(nullptr);
    out["ledger"] = ledger_json(context, addresses, words, head, connected);
    out["counts"] = {{"orders", book.orders().size()},
                     {"open", book.open_orders().size()},
                     {"settled", totals.settled},
                     {"providers", totals.providers}};
    out["totals"] = {{"escrow", totals.escrow.text()},
                     {"paid", totals.paid.text()},
                     {"slashed", totals.slashed.text()},
                     {"burned", totals.burned.text()}};
  });
  return HttpResponse::json(200, out.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_status(net::Router& router, const ContextPtr& context) {
  const auto token = std::make_shared<Token>();  // shared: the router copies its handlers
  router.get("/api/v1/status", guarded(context, {}, [token](Context& c, const HttpRequest&) { return status(c, *token); }));
}

}  // namespace koinon::node::api
