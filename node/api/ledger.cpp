#include <nlohmann/json.hpp>

#include "node/api/context.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

/// A ledger that other machines share lies, for them, where they found this node.
bool is_shared(const Node& node) { return node.runs_ledger() && !is_loopback_host(node.config().ledger_listen); }

std::string ledger_url_for(const Node& node, std::string_view host) {
  const auto& url = node.ledger_url();
  if (!is_shared(node) || host.empty() || is_loopback_host(host)) return url;
  const auto name = host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return fmt::format("http://{}{}", name, url.substr(url.rfind(':')));
}

Result<HttpResponse> deployment(Context& context, const HttpRequest& request) {
  const auto& node = context.node;
  const json out = {{"rpc_url", ledger_url_for(node, request.headers.get("Host"))},
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
  router.get("/api/v1/deployment", guarded(context, {Access::anyone}, deployment));
  const auto who = is_shared(context->node) ? Access::anyone : Access::loopback;
  const Rule rule{who, "application/json"};
  router.post("/api/v1/faucet", guarded(context, rule, faucet), behind(context, rule, 4096));
}

}  // namespace koinon::node::api
