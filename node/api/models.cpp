#include <nlohmann/json.hpp>

#include "engine/language/bundle.hpp"
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
    out.push_back(model_json(record, context.node.artifacts().has(record.artifact), context.programs.trouble(record)));
  }
  return answer(200, out);
}

Result<HttpResponse> one_model(Context& context, const HttpRequest&, const base::Hash& program) {
  KOINON_TRY(const auto record, context.node.store().models.get(program));
  return answer(200, model_json(record, context.node.artifacts().has(record.artifact), context.programs.trouble(record)));
}

/// What a record says of a program, or of a language model when the bytes are a bundle. Errors: those of decoding;
/// invalid_argument (no weights).
Result<ModelRecord> read_model(base::ByteView bytes) {
  ModelRecord out;
  engine::program::Metadata about;
  if (engine::language::is_bundle(bytes)) {
    KOINON_TRY(const auto folder, engine::language::decode_bundle(bytes));
    out.program = engine::language::bundle_id(folder);
    out.card = card_of(folder);
    about = folder.model.programs.decode.metadata;
  } else {
    KOINON_TRY(const auto program, engine::program::decode(bytes));
    if (!program.has_weights())
      return fail(Code::invalid_argument, "[model] a public description without weights: providers could not run it");
    out.program = engine::program::program_id(program);
    out.card = card_of(program);
    about = program.metadata;
  }
  out.name = about.name.empty() ? base::to_hex(out.program).substr(0, 12) : about.name;
  out.licence = about.licence;
  out.author = about.author;
  return out;
}

Result<HttpResponse> add_model(Context& context, const HttpRequest& request) {
  base::Wei price;
  if (const auto* text = request.query_value("price")) {
    KOINON_TRY(price, parse_wei(*text, "price"));
  }
  const auto bytes = base::as_bytes(request.body);
  KOINON_TRY(auto record, read_model(bytes));
  auto& node = context.node;
  KOINON_TRY(record.artifact, node.artifacts().put(bytes));
  KOINON_CHECK(node.artifacts().pin(record.artifact.cid, "model " + base::to_hex(record.program), INT64_MAX));
  record.price = price;
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
