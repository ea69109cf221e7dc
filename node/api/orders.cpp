#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/order_json.hpp"
#include "node/api/picture.hpp"
#include "node/api/training.hpp"
#include "trust/quorum/optimistic.hpp"
#include "work/inference/inference.hpp"

namespace koinon::node::api {
namespace {

using market::OrderView;
using nlohmann::json;

constexpr std::size_t kMostElements = 65'536;

OrderAside aside_of(Context& context, const OrderView& order, bool owner) {
  OrderAside out;
  out.kinds = &context.node.kinds();
  out.checks = &context.node.rules();
  out.model = context.model_name(order.terms.spec);
  out.mine = context.is_mine(order);
  if (owner && out.mine) out.answer = context.answer(order);
  return out;
}

Result<bool> mine_filter(const HttpRequest& request) {
  const auto* text = request.query_value("mine");
  if (text == nullptr || *text == "false") return false;
  if (*text == "true") return true;
  return fail(Code::invalid_argument, "[mine] '{}': true or false expected", text->substr(0, 40));
}

Result<HttpResponse> list_orders(Context& context, const HttpRequest& request) {
  std::uint64_t limit = 50, before = UINT64_MAX;
  if (const auto* text = request.query_value("limit")) {
    KOINON_TRY(limit, parse_number(*text, "limit", 1, 200));
  }
  if (const auto* text = request.query_value("before")) {
    KOINON_TRY(before, parse_number(*text, "before", 0, UINT64_MAX));
  }
  KOINON_TRY(const bool mine, mine_filter(request));
  std::vector<OrderView> found;
  bool more = false;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    for (auto at = book.orders().lower_bound(before); at != book.orders().begin();) {
      --at;
      if (mine && !context.is_mine(at->second)) continue;
      if (found.size() == limit) {
        more = true;
        return;
      }
      found.push_back(at->second);
    }
  });
  const bool owner = context.gate.is_owner(request);
  json orders = json::array();
  for (const auto& order : found) orders.push_back(order_summary(order, aside_of(context, order, owner)));
  const json next = more ? json(std::to_string(found.back().id)) : json(nullptr);
  return HttpResponse::json(200, json{{"orders", std::move(orders)}, {"next", next}}.dump());
}

json outputs_json(const std::vector<RealOutput>& outputs) {
  json out = json::array();
  for (const auto& output : outputs)
    out.push_back({{"name", output.name},
                   {"shape", output.shape},
                   {"data", output.data.size() > kMostElements ? json(nullptr) : json(output.data)},
                   {"labels", output.labels.empty() ? json(nullptr) : json(output.labels)}});
  return out;
}

/// The first input of an own order in real units, with its shape. Errors: not_found.
struct RealInput {
  engine::tensor::Shape shape;
  std::vector<double> values;
};
Result<RealInput> real_input(Context& context, const OrderView& order) {
  KOINON_TRY(const auto program, context.programs.find(order.terms.spec));
  if (program->inputs.size() != 1 || !picture_layout(program->inputs[0].info.shape))
    return fail(Code::not_found, "[picture] order {}: its input is no picture", order.id);
  KOINON_TRY(const auto parcel, context.node.buyer().input(order));
  KOINON_TRY(const auto tensors, work::input_tensors(*program, parcel.parts));
  return RealInput{tensors[0].shape, engine::io::dequantise(tensors[0], program->inputs[0].scale)};
}

bool has_picture(Context& context, const OrderView& order) {
  const auto program = context.programs.find(order.terms.spec);
  if (!program || (*program)->inputs.size() != 1 || !picture_layout((*program)->inputs[0].info.shape)) return false;
  const auto note = context.node.buyer().purchase(order);
  return note && *note && context.node.artifacts().has((*note)->input.cid);
}

/// The receipt of an own order: none while a reorganisation has taken back the settlement that it names. Errors: not_found.
Result<std::string> receipt_of(Context& context, const OrderView& order) {
  auto kept = context.node.store().receipts.get(std::to_string(order.id));
  if (!kept) return fail(Code::not_found, "[receipt] order {}: none was issued", order.id);
  KOINON_TRY(const auto read, market::Receipt::from_json(kept->body));
  if (!read.is_of(order))
    return fail(Code::not_found, "[receipt] order {}: the ledger took back the settlement that it names; there will be another",
                order.id);
  return std::move(kept->body);
}

Result<HttpResponse> order_detail(Context& context, const HttpRequest& request, std::uint64_t id) {
  KOINON_TRY(const auto order, context.order(id));
  const bool own = context.is_mine(order) && context.gate.is_owner(request);
  OrderOwn details;
  json outputs, text, training;
  if (own) {
    if (const auto found = context.outputs(order)) {
      outputs = outputs_json(*found);
      details.outputs = &outputs;
    }
    details.picture = has_picture(context, order);
    details.label = context.label(order);
    // The root of a public input has no salt, that of an encrypted one is of ciphertexts.
    const bool salted = order.terms.privacy == 0 && order.terms.check != trust::OptimisticCheck::kCode;
    if (const auto parcel = context.node.buyer().input(order); parcel && salted) details.salt = parcel->salt;
    details.receipt = receipt_of(context, order).has_value();
    if (auto told = context.text(order)) text = *std::move(told);
    if (auto told = training_json(context, order)) training = *std::move(told);
    if (const auto note = context.node.buyer().purchase(order); note && *note && (*note)->has_expected && order.verdict)
      details.agrees =
          order.verdict->output_root == (*note)->expected.output && order.verdict->trace_root == (*note)->expected.trace;
  }
  auto deadline = order.deadline;
  if (deadline == 0 && !market::is_final(order.phase))
    if (const auto now = context.node.market().now(id)) deadline = now->deadline;
  auto body = order_details(order, aside_of(context, order, own), details, deadline);
  body["text"] = std::move(text);
  body["training"] = std::move(training);
  return HttpResponse::json(200, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<HttpResponse> order_picture(Context& context, const HttpRequest& request, std::uint64_t id) {
  KOINON_TRY(const auto order, context.order(id));
  if (!context.is_mine(order) || !context.gate.is_owner(request))
    return fail(Code::not_found, "[picture] order {}: only its owner sees its input", id);
  KOINON_TRY(const auto input, real_input(context, order));
  KOINON_TRY(auto png, picture_png(input.shape, input.values));
  auto out = HttpResponse::text(200, std::move(png), "image/png");
  out.headers.set("Cache-Control", "private, max-age=3600");
  return out;
}

Result<HttpResponse> order_proof(Context& context, const HttpRequest& request, std::uint64_t id) {
  KOINON_TRY(const auto order, context.order(id));
  if (!context.is_mine(order) || !context.gate.is_owner(request))
    return fail(Code::not_found, "[proof] order {}: only its owner gets its proof, which holds input and output", id);
  KOINON_TRY(const auto delivery, context.node.buyer().result(order));
  if (delivery.proof.empty()) return fail(Code::not_found, "[proof] order {}: its result came without one", id);
  return HttpResponse::text(200, std::string(base::as_text(delivery.proof)), "application/octet-stream");
}

Result<HttpResponse> receipt(Context& context, const HttpRequest& request, std::uint64_t id) {
  KOINON_TRY(const auto order, context.order(id));
  if (!context.is_mine(order) || !context.gate.is_owner(request))
    return fail(Code::not_found, "[receipt] order {}: only its owner gets its receipt here, because it holds the outputs", id);
  KOINON_TRY(auto text, receipt_of(context, order));
  auto out = HttpResponse::json(200, std::move(text));
  out.headers.set("Content-Disposition", fmt::format("attachment; filename=\"receipt-{}.json\"", id));
  return out;
}

}  // namespace

void add_orders(net::Router& router, const ContextPtr& context) {
  router.get("/api/v1/orders", guarded(context, {}, list_orders));
  router.get<std::uint64_t>("/api/v1/orders/{id}", guarded(context, {}, order_detail));
  router.get<std::uint64_t>("/api/v1/orders/{id}/picture", guarded(context, {}, order_picture));
  router.get<std::uint64_t>("/api/v1/orders/{id}/proof", guarded(context, {}, order_proof));
  router.get<std::uint64_t>("/api/v1/receipts/{id}", guarded(context, {}, receipt));
}

}  // namespace koinon::node::api
