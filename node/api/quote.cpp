#include <mutex>
#include <nlohmann/json.hpp>

#include "ledger/contracts/work_market.hpp"
#include "market/book/weight.hpp"
#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"
#include "node/api/place.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

/// The mean price of those that a draw may choose, by their chance, times n.
/// The buyer's own offer is never drawn for its order.
base::Wei expected_cost(const market::Book& book, std::uint32_t buyer, const base::Wei& least_stake, std::uint8_t kind,
                        std::uint8_t tier, std::uint64_t n) {
  base::Wei weighted;
  std::uint64_t weights = 0;
  for (const auto& [id, account] : book.accounts()) {
    const auto offer = account.offers.find(kind);
    const auto weight = market::draw_weight(account, kind, least_stake);
    if (id == buyer || weight == 0 || offer->second.tier > tier) continue;
    const auto part = market::tier_price(offer->second.tier).times(weight);
    if (!part) continue;
    weighted = sum(weighted, *part);
    weights += weight;
  }
  const auto mean = weights == 0 ? Result<base::Wei>(base::Wei{}) : weighted.scaled(n, weights);
  return mean ? *mean : base::Wei{};
}

using Terms = ledger::contracts::WorkMarket::Config;

/// The market's fixed terms: asked once, since a deployment never changes them.
class MarketTerms {
 public:
  Result<Terms> get(Context& context) {
    const std::lock_guard lock(mutex_);
    if (kept_) return *kept_;
    KOINON_TRY(const auto addresses, market::MarketAddresses::of(context.node.deployment()));
    KOINON_TRY(kept_, ledger::contracts::WorkMarket(context.node.rpc(), addresses.market).get_config());
    return *kept_;
  }

 private:
  std::mutex mutex_;
  std::optional<Terms> kept_;  ///< guarded by mutex_
};

json terms_json(const Terms& terms) {
  return {{"fee_bps", terms.fee_bps},
          {"min_audit_bps", terms.min_audit_bps},
          {"windows",
           {{"draw", terms.draw_window},
            {"input", terms.input_window},
            {"reveal", terms.reveal_window},
            {"appeal", terms.appeal_window}}}};
}

/// Errors: those of a program that this node does not know, or whose runs the wanted check does not cover.
Status check_program(Context& context, const HttpRequest& request) {
  const auto program = base::fixed_from_hex<32>(*request.query_value("program"));
  if (!program) return fail(Code::invalid_argument, "[quote] program: 0x and 64 hex digits expected");
  KOINON_TRY([[maybe_unused]] const auto record, context.node.store().models.get(*program));
  if (const auto* check = request.query_value("check"); check != nullptr && *check == "optimistic")
    return check_disputable(context, *program);
  if (const auto* check = request.query_value("check"); check != nullptr && *check == "proof") {
    KOINON_TRY([[maybe_unused]] const auto subject, proof_subject(context, *program));
  }
  return {};
}

/// What a run on encrypted inputs takes of its providers, and what travels.
json private_json(const trust::fhe::RunCost& cost) {
  return {{"core_seconds", cost.seconds},
          {"memory_bytes", cost.memory_bytes},
          {"key_bytes", cost.key_bytes},
          {"input_bytes", cost.input_bytes},
          {"result_bytes", cost.result_bytes}};
}

/// The same of a program whose inputs are wanted private; nothing where they are plain. Errors: those of EncryptedOrders::cost.
Result<std::optional<json>> private_part(Context& context, const HttpRequest& request) {
  const auto* privacy = request.query_value("privacy");
  if (privacy == nullptr || *privacy == "plain") return std::optional<json>{};
  const auto* program = request.query_value("program");
  if (*privacy != "private" || program == nullptr)
    return fail(Code::invalid_argument, "[quote] privacy '{}': plain, or private with a program expected", *privacy);
  if (!context.node.kinds().find(static_cast<std::uint8_t>(work::KindCode::encrypted)))
    return fail(Code::unsupported, "[quote] this node cannot check runs on encrypted inputs");
  KOINON_TRY(const auto id, base::fixed_from_hex<32>(*program));
  KOINON_TRY(const auto cost, context.encrypted.cost(id));
  return std::optional<json>(private_json(cost));
}

Result<HttpResponse> quote(Context& context, MarketTerms& market_terms, const HttpRequest& request) {
  const auto* program_text = request.query_value("program");
  const auto* price_text = request.query_value("max_price");
  const auto* kind_text = request.query_value("kind");
  if ((program_text == nullptr) == (kind_text == nullptr) || price_text == nullptr)
    return fail(Code::invalid_argument, "[quote] program or kind, and max_price expected");
  std::uint8_t kind = 0;
  if (kind_text != nullptr) {
    KOINON_TRY(kind, kind_code(*kind_text, &context.node.kinds()));
  } else {
    KOINON_CHECK(check_program(context, request));
  }
  KOINON_TRY(auto encrypted, private_part(context, request));
  if (encrypted) kind = static_cast<std::uint8_t>(work::KindCode::encrypted);
  KOINON_TRY(const auto max_price, parse_wei(*price_text, "max_price"));
  std::uint64_t n = 3;
  if (const auto* text = request.query_value("n")) {
    KOINON_TRY(n, parse_number(*text, "n", 1, 5));
  }
  KOINON_TRY(const auto tier, market::tier_within(max_price));
  KOINON_TRY(const auto cost, context.node.accounts().cost(static_cast<std::uint8_t>(n), tier));
  KOINON_TRY(const auto eligible, context.node.accounts().eligible(kind, tier));
  base::Wei expected;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    expected = expected_cost(book, context.node.account(), context.node.least_stake(), kind, tier, n);
  });
  KOINON_TRY(const auto terms, market_terms.get(context));
  json out = terms_json(terms);
  out["eligible"] = eligible.count;
  out["price_max"] = market::tier_price(tier).text();
  out["escrow"] = sum(cost.escrow, cost.bond).text();
  out["bond"] = cost.bond.text();
  out["lock"] = cost.lock.text();
  out["expected"] = expected.text();
  if (encrypted) out["private"] = *std::move(encrypted);
  return HttpResponse::json(200, out.dump());
}

}  // namespace

void add_quote(net::Router& router, const ContextPtr& context) {
  const auto terms = std::make_shared<MarketTerms>();  // shared: the router copies its handlers
  router.get("/api/v1/quote",
             guarded(context, {}, [terms](Context& c, const HttpRequest& request) { return quote(c, *terms, request); }));
}

}  // namespace koinon::node::api
