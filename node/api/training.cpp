#include "node/api/training.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "node/api/fields.hpp"
#include "work/training/training.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

constexpr auto kKind = static_cast<std::uint8_t>(work::KindCode::training);
constexpr std::uint64_t kMaxBody = std::uint64_t{200} << 20;

Result<const work::Training*> training_of(Context& context) {
  KOINON_TRY(const auto* kind, context.node.kinds().find(kKind));
  const auto* training = dynamic_cast<const work::Training*>(kind);
  if (training == nullptr) return fail(Code::unsupported, "[training] this node's kind {} is another", kKind);
  return training;
}

work::Job job_of(const TrainingAsked& asked) { return {asked.spec(), asked.recipe, asked.inputs()}; }

/// What the order would do, measured here.
Result<HttpResponse> plan(Context& context, const HttpRequest& request) {
  KOINON_TRY(const auto body, read_object(request.body, {"training"}));
  if (!body.contains("training")) return fail(Code::invalid_argument, "[training] training: an object expected");
  KOINON_TRY(const auto asked, parse_training(body["training"]));
  KOINON_TRY(const auto* training, training_of(context));
  work::Means means;
  means.pool = &context.node.pool();
  KOINON_TRY(const auto told, training->plan(job_of(asked), means));
  const json out = {{"program", base::to_hex(asked.spec())},
                    {"parameters", told.parameters},
                    {"samples", told.samples},
                    {"steps", told.steps},
                    {"from", told.from},
                    {"until", told.until},
                    {"step_work", told.step_work},
                    {"order_work", work::Training::kMaxWork},
                    {"step_seconds", told.step_seconds > 0 ? json(told.step_seconds) : json(nullptr)}};
  return HttpResponse::json(200, out.dump());
}

/// One output of an own order, as the provider delivered it.
Result<HttpResponse> output_bytes(Context& context, const HttpRequest& request, std::uint64_t id, std::uint64_t index) {
  KOINON_TRY(const auto order, context.order(id));
  if (!context.is_mine(order) || !context.gate.is_owner(request))
    return fail(Code::not_found, "[output] order {}: only its owner sees its result", id);
  KOINON_TRY(const auto delivery, context.node.buyer().result(order));
  if (index >= delivery.outputs.size())
    return fail(Code::not_found, "[output] order {} has {} outputs", id, delivery.outputs.size());
  const auto& bytes = delivery.outputs[static_cast<std::size_t>(index)];
  auto out = HttpResponse::text(200, std::string(base::as_text(bytes)), "application/octet-stream");
  const bool model = is_training(order) && index == 0;
  out.headers.set("Content-Disposition", fmt::format("attachment; filename=\"order-{}-{}\"", id,
                                                     model ? "model.onnx" : fmt::format("output-{}.bin", index)));
  return out;
}

}  // namespace

bool is_training(const market::OrderView& order) { return order.terms.kind == kKind; }

Status train_with(Context& context, const TrainingAsked& asked, market::Purchase& purchase) {
  KOINON_TRY([[maybe_unused]] const auto* training, training_of(context));
  purchase.kind = kKind;
  purchase.spec = asked.spec();
  purchase.model = "training";
  KOINON_TRY(purchase.artifact, context.node.artifacts().put(asked.recipe));
  // Providers fetch it while the order is under way.
  constexpr std::int64_t kKeptMs = std::int64_t{7} * 86'400'000;
  return context.node.artifacts().pin(purchase.artifact.cid, "recipe " + base::to_hex(purchase.spec),
                                      context.node.clock().now_ms() + kKeptMs);
}

Result<RealOutput> losses_output(const std::vector<base::Bytes>& outputs) {
  KOINON_TRY(const auto result, work::TrainingResult::read(outputs));
  RealOutput out;
  out.name = "loss";
  out.shape = {static_cast<std::int64_t>(result.losses.size())};
  out.data.assign(result.losses.begin(), result.losses.end());
  if (!result.losses.empty())
    out.text =
        fmt::format("loss {:.4g} to {:.4g} in {} steps", result.losses.front(), result.losses.back(), result.losses.size());
  return out;
}

Result<json> training_json(Context& context, const market::OrderView& order) {
  if (!is_training(order)) return fail(Code::unsupported, "[training] order {} is no training", order.id);
  KOINON_TRY(const auto delivery, context.node.buyer().result(order));
  KOINON_TRY(const auto result, work::TrainingResult::read(delivery.outputs));
  // As many points as a chart can show: means of as many equal parts.
  constexpr std::size_t kPoints = 400;
  const auto count = std::min(kPoints, result.losses.size());
  json points = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const auto from = i * result.losses.size() / count, to = (i + 1) * result.losses.size() / count;
    double sum = 0;
    for (auto at = from; at < to; ++at) sum += static_cast<double>(result.losses[at]);
    const double mean = sum / static_cast<double>(to - from);
    points.push_back({to, std::isfinite(mean) ? json(mean) : json(nullptr)});
  }
  const auto url = [&](std::size_t index) { return fmt::format("/api/v1/orders/{}/outputs/{}", order.id, index); };
  return json{{"steps", result.losses.size()},
              {"losses", std::move(points)},
              {"state_root", result.states.empty() ? json(nullptr) : json(base::to_hex(result.states.back()))},
              {"model_url", url(0)},
              {"model_bytes", result.onnx.size()},
              {"checkpoint_url", result.checkpoint.empty() ? json(nullptr) : json(url(3))}};
}

void add_training(net::Router& router, const ContextPtr& context) {
  const Rule rule{Access::spend, "application/json"};
  router.post("/api/v1/training/plan", guarded(context, rule, plan), behind(context, rule, kMaxBody));
  router.get<std::uint64_t, std::uint64_t>("/api/v1/orders/{id}/outputs/{index}", guarded(context, {}, output_bytes));
}

}  // namespace koinon::node::api
