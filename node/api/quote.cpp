#include <nlohmann/json.hpp>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

/// The mean price of those that a draw may choose, by their chance, times n.
base::Wei expected_cost(const market::Book& book, std::uint8_t tier, std::uint64_t n) {
  base::Wei weighted;
  std::uint64_t weights = 0;
  for (const auto& [id, account] : book.accounts()) {
    const auto offer = account.offers.find(0);
    const auto weight = provider_weight(account);
    if (weight == 0 || offer->second.tier > tier) continue;
    const auto part = market::tier_price(offer->second.tier).times(weight);
    if (!part) continue;
    weighted = sum(weighted, *part);
    weights += weight;
  }
  const auto mean = weights == 0 ? Result<base::Wei>(base::Wei{}) : weighted.scaled(n, weights);
  return mean ? *mean : base::Wei{};
}

Result<HttpResponse> quote(Context& context, const HttpRequest& request) {
  const auto* program_text = request.query_value("program");
  const auto* price_text = request.query_value("max_price");
  if (program_text == nullptr || price_text == nullptr)
    return fail(Code::invalid_argument, "[quote] program and max_price expected");
  const auto program = base::fixed_from_hex<32>(*program_text);
  if (!program) return fail(Code::invalid_argument, "[quote] program: 0x and 64 hex digits expected");
  KOINON_TRY([[maybe_unused]] const auto record, context.node.store().models.get(*program));
  KOINON_TRY(const auto max_price, parse_wei(*price_text, "max_price"));
  std::uint64_t n = 3;
  if (const auto* text = request.query_value("n")) {
    KOINON_TRY(n, parse_number(*text, "n", 1, 5));
  }
  KOINON_TRY(const auto tier, market::tier_within(max_price));
  KOINON_TRY(const auto cost, context.node.accounts().cost(static_cast<std::uint8_t>(n), tier));
  KOINON_TRY(const auto eligible, context.node.accounts().eligible(0, tier));
  base::Wei expected;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) { expected = expected_cost(book, tier, n); });
  const json out = {{"eligible", eligible.count},
                    {"price_max", market::tier_price(tier).text()},
                    {"escrow", sum(cost.escrow, cost.bond).text()},
                    {"expected", expected.text()}};
  return HttpResponse::json(200, out.dump());
}

}  // namespace

void add_quote(net::Router& router, const ContextPtr& context) { router.get("/api/v1/quote", guarded(context, {}, quote)); }

}  // namespace koinon::node::api
