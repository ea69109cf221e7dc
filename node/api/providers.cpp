#include <algorithm>
#include <nlohmann/json.hpp>

#include "market/book/weight.hpp"
#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

Result<HttpResponse> list_providers(Context& context, const HttpRequest& request) {
  std::uint64_t limit = 200, after = 0;
  if (const auto* text = request.query_value("limit")) {
    KOINON_TRY(limit, parse_number(*text, "limit", 1, 1000));
  }
  if (const auto* text = request.query_value("after")) {
    KOINON_TRY(after, parse_number(*text, "after", 1, UINT32_MAX));
  }
  std::vector<std::pair<std::uint64_t, market::AccountView>> found;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, account] : book.accounts())
      if (is_provider(account)) found.emplace_back(market::draw_weight(account, 0, context.node.least_stake()), account);
  });
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second.id < b.second.id; });
  auto at = found.begin();
  if (after != 0) {
    at = std::find_if(found.begin(), found.end(), [&](const auto& item) { return item.second.id == after; });
    if (at == found.end()) return fail(Code::invalid_argument, "[after] {}: no provider has this account", after);
    ++at;
  }
  json out = json::array();
  for (; at != found.end() && out.size() < limit; ++at)
    out.push_back(provider_json(at->second, context.node.least_stake(), &context.node.kinds()));
  return HttpResponse::json(200, out.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

void add_providers(net::Router& router, const ContextPtr& context) {
  router.get("/api/v1/providers", guarded(context, {}, list_providers));
}

}  // namespace koinon::node::api
