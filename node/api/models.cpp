#include <nlohmann/json.hpp>

#include "node/api/card.hpp"
#include "node/api/context.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMostModels = 1000;

HttpResponse answer(int status, const json& body) {
  return HttpResponse::json(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<HttpResponse> list_models(Context& context, const HttpRequest&) {
  KOINON_TRY(const auto records, context.node.store().models.list());
  json out = json::array();
  for (const auto& record : records) {
    if (out.size() == kMostModels) break;
    out.push_back(model_json(record, context.node.artifacts().has(record.artifact)));
  }
  return answer(200, out);
}

Result<HttpResponse> one_model(Context& context, const HttpRequest&, const base::Hash& program) {
  KOINON_TRY(const auto record, context.node.store().models.get(program));
  return answer(200, model_json(record, context.node.artifacts().has(record.artifact)));
}

/// A name for a program that has none.
std::string name_of(const engine::program::Program& program, const base::Hash& id) {
  return program.metadata.name.empty() ? base::to_hex(id).substr(0, 12) : program.metadata.name;
}

Result<HttpResponse> add_model(Context& context, const HttpRequest& request) {
  base::Wei price;
  if (const auto* text = request.query_value("price")) {
    KOINON_TRY(price, parse_wei(*text, "price"));
  }
  const auto bytes = base::as_bytes(request.body);
  KOINON_TRY(const auto program, engine::program::decode(bytes));
  if (!program.has_weights())
    return fail(Code::invalid_argument, "[model] a public description without weights: providers could not run it");
  ModelRecord record;
  record.program = engine::program::program_id(program);
  auto& node = context.node;
  KOINON_TRY(record.artifact, node.artifacts().put(bytes));
  KOINON_CHECK(node.artifacts().pin(record.artifact.cid, "model " + base::to_hex(record.program), INT64_MAX));
  record.name = name_of(program, record.program);
  record.card = card_of(program);
  record.price = price;
  record.licence = program.metadata.licence;
  record.author = program.metadata.author;
  record.created_ms = node.clock().now_ms();
  KOINON_CHECK(node.store().models.put(record));
  return answer(201, model_json(record, true));
}

}  // namespace

void add_models(net::Router& router, const ContextPtr& context) {
  router.get("/api/v1/models", guarded(context, {}, list_models));
  router.get<base::Hash>("/api/v1/models/{program}", guarded(context, {}, one_model));
  const Rule rule{Access::spend, "application/octet-stream"};
  router.post("/api/v1/models", guarded(context, rule, add_model), behind(context, rule, context->options.max_model));
}

}  // namespace koinon::node::api
