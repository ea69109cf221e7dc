#include "node/api/api.hpp"

#include "node/api/context.hpp"
#include "node/api/served.hpp"

namespace koinon::node {

net::Router make_api(Node& node, ApiOptions options) {
  const auto context = std::make_shared<api::Context>(node, std::move(options));  // shared by the handlers
  net::Router router;
  api::add_status(router, context);
  api::add_orders(router, context);
  api::add_place(router, context);
  const auto waiting = std::make_shared<api::Waiting>();  // shared by two protocols
  api::add_serving(router, context, waiting);
  api::add_completions(router, context, waiting);
  api::add_providers(router, context);
  api::add_models(router, context);
  api::add_training(router, context);
  api::add_quote(router, context);
  api::add_preview(router, context);
  api::add_history(router, context);
  api::add_account_record(router, context);
  api::add_delivery(router, context);
  api::add_ledger(router, context);
  api::add_trace(router, context);
  api::add_watch(router, context);
  api::add_account(router, context);
  api::add_metrics(router, context);
  api::add_page(router, context);
  api::add_events(router, context);
  router.on<std::string>(net::Method::options, "/{rest...}",
                         [context](const net::HttpRequest& request, const std::string&) {
                           return net::preflight(context->gate.door().site, request);
                         },
                         {.max_body = 0});
  return router;
}

}  // namespace koinon::node
