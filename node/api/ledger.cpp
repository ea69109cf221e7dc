#include <nlohmann/json.hpp>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

Result<HttpResponse> deployment(Context& context, const HttpRequest&) {
  const auto& node = context.node;
  const json out = {{"rpc_url", node.ledger_url()},
                    {"local", node.runs_ledger()},
                    {"deployment", json::parse(node.deployment().to_json(), nullptr, false)}};
  return HttpResponse::json(200, out.dump());
}

Result<HttpResponse> faucet(Context& context, const HttpRequest& request) {
  KOINON_TRY(const auto body, read_object(request.body, {"address", "tokens"}));
  KOINON_TRY(const auto address, address_field(body, "address"));
  KOINON_TRY(const auto tokens, wei_field(body, "tokens"));
  if (!context.node.runs_ledger())
    return fail(Code::unsupported, "[faucet] only the node that runs a local ledger gives its tokens away");
  KOINON_CHECK(context.node.fund(address, tokens));
  return HttpResponse::json(200, "{}");
}

}  // namespace

void add_ledger(net::Router& router, const ContextPtr& context) {
  router.get("/api/v1/deployment", guarded(context, {}, deployment));
  router.post("/api/v1/faucet", guarded(context, {Access::loopback, "application/json"}, faucet), {4096});
}

}  // namespace koinon::node::api
