#include "node/api/context.hpp"

#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "net/url.hpp"
#include "node/api/card.hpp"
#include "node/api/text_request.hpp"
#include "node/api/training.hpp"
#include "node/core/front.hpp"
#include "work/inference/inference.hpp"

namespace koinon::node::api {
namespace {

Door door_of(const Node& node, bool sells) {
  Door out;
  out.token = node.token();
  out.site = site_of(node.config());
  out.is_public = !node.config().public_endpoint.empty();
  out.sells = sells;
  return out;
}

Result<std::unique_ptr<paid::Till>> open_till(Node& node) {
  const auto& config = node.config();
  KOINON_TRY(const auto addresses, market::MarketAddresses::of(node.deployment()));
  paid::TillOptions options;
  options.price = config.serve.price;
  options.confirmations = config.serve.confirmations;
  options.endpoint = config.public_endpoint;
  const auto payout = [&node]() -> Result<base::Address> {
    std::optional<base::Address> out;
    node.sync().read([&](const market::Book& book, std::uint64_t) {
      if (const auto* account = book.account(node.account())) out = account->payout;
    });
    if (!out) return fail(Code::not_found, "[payment] account {} is not on the ledger", node.account());
    return *out;
  };
  return paid::Till::open(
      {&node.rpc(), &node.sender(), &node.store().payments, &node.clock(), addresses.token, node.deployment().chain_id, payout},
      std::move(options));
}

/// Null where no calls are sold.
std::unique_ptr<paid::Till> till_of(Node& node) {
  if (node.config().serve.price.is_zero()) return nullptr;
  auto out = open_till(node);
  if (out) return *std::move(out);
  base::log_error("[serve.price] calls are not sold: {}", out.error().text);
  return nullptr;
}

std::string label_key(std::uint64_t order) { return fmt::format("order/{}/label", order); }

/// The tokens of a text, which its words go with.
RealOutput text_output(const TextModel& model, const work::language::Request& request, const work::language::Tokens& tokens) {
  RealOutput out;
  out.name = "tokens";
  out.shape = {static_cast<std::int64_t>(tokens.size())};
  out.data.assign(tokens.begin(), tokens.end());
  out.text = model.text(tokens, work::language::ending_of(request, tokens, model.ends));
  return out;
}

}  // namespace

Context::Context(Node& node_in, ApiOptions options_in)
    : node(node_in),
      options(std::move(options_in)),
      till(till_of(node_in)),
      gate(door_of(node_in, till != nullptr)),
      programs(node_in.store().models, node_in.artifacts()),
      repeats(node_in.store()),
      encrypted(node_in) {}

net::RouteOptions behind_till(const std::shared_ptr<Context>& context, Rule rule, std::uint64_t max_body, bool fixed_price) {
  return {max_body, [context, rule, fixed_price](const HttpRequest& request) -> std::optional<HttpResponse> {
            auto& c = *context;
            if (auto refused = c.gate.refusal(request, rule)) return refused;
            if (!c.till || !c.gate.is_customer(request)) return std::nullopt;
            auto asked = c.till->refusal(request, fixed_price);
            if (!asked) return c.gate.answer(request, rule, base::fail(asked.error()));
            if (*asked) return c.gate.answer(request, rule, *std::move(*asked));
            return std::nullopt;
          }};
}

Result<market::OrderView> Context::order(std::uint64_t id) const {
  std::optional<market::OrderView> out;
  node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* found = book.order(id)) out = *found;
  });
  if (!out) return fail(Code::not_found, "[order] {} is not on the ledger", id);
  return *std::move(out);
}

std::string Context::model_name(const base::Hash& program) const {
  auto record = node.store().models.get(program);
  if (!record)
    if (const auto behind = encrypted.program_of(program)) record = node.store().models.get(*behind);
  return record ? record->name : std::string();
}

bool Context::is_text(const base::Hash& program) const {
  const auto record = node.store().models.get(program);
  return record && is_text_card(record->card);
}

Result<Context::Text> Context::read_text(const market::OrderView& order) {
  Text out;
  KOINON_TRY(out.model, programs.text(order.terms.spec));
  KOINON_TRY(const auto parcel, node.buyer().input(order));
  KOINON_TRY(out.request, work::language::Request::read(parcel.parts));
  if (const auto delivery = node.buyer().result(order); delivery && delivery->outputs.size() == 1) {
    KOINON_TRY(out.generated, work::language::decode_tokens(delivery->outputs[0]));
  }
  return out;
}

Result<nlohmann::json> Context::text(const market::OrderView& order) {
  KOINON_TRY(const auto read, read_text(order));
  return text_json(*read.model, read.request, read.generated);
}

base::Hash Context::program_of(const market::OrderView& order) const {
  if (order.terms.kind != static_cast<std::uint8_t>(work::KindCode::encrypted)) return order.terms.spec;
  return encrypted.program_of(order.terms.spec).value_or(order.terms.spec);
}

Result<std::vector<RealOutput>> Context::outputs(const market::OrderView& order) {
  if (is_text(order.terms.spec)) {
    KOINON_TRY(const auto read, read_text(order));
    if (!read.generated) return fail(Code::not_found, "[order] {} has no result here yet", order.id);
    return std::vector<RealOutput>{text_output(*read.model, read.request, *read.generated)};
  }
  KOINON_TRY(const auto delivery, node.buyer().result(order));
  if (is_training(order)) {
    KOINON_TRY(auto losses, losses_output(delivery.outputs));
    return std::vector<RealOutput>{std::move(losses)};
  }
  const auto id = program_of(order);
  KOINON_TRY(const auto program, programs.find(id));
  KOINON_TRY(const auto record, node.store().models.get(id));
  auto parts = delivery.outputs;
  if (id != order.terms.spec) {
    KOINON_TRY(parts, encrypted.decrypt(order.terms.spec, delivery.outputs));
  }
  KOINON_TRY(const auto tensors, work::output_tensors(*program, parts));
  std::vector<RealOutput> out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& described = program->outputs[i];
    RealOutput one{described.name, tensors[i].shape, engine::io::dequantise(tensors[i], described.scale), {}};
    const auto labels = labels_of(record.card, described.name);
    if (labels.is_array() && !one.shape.empty() && static_cast<std::int64_t>(labels.size()) == one.shape.back())
      one.labels = labels.get<std::vector<std::string>>();
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<std::string> Context::answer(const market::OrderView& order) {
  const auto encrypted_kind = static_cast<std::uint8_t>(work::KindCode::encrypted);
  const bool known = order.terms.kind == 0 || order.terms.kind == encrypted_kind || is_training(order);
  if (!order.verdict || !known) return {};
  {
    const std::lock_guard lock(mutex_);
    const auto at = answers_.find(order.id);
    if (at != answers_.end() && at->second.first == order.verdict->output_root) return at->second.second;
  }
  const auto found = outputs(order);
  if (!found) return {};
  auto text = answer_text(*found);
  const std::lock_guard lock(mutex_);
  if (answers_.size() >= kMostAnswers) answers_.erase(answers_.begin());
  answers_[order.id] = {order.verdict->output_root, text};
  return text;
}

std::optional<std::string> Context::label(const market::OrderView& order) const {
  const auto found = node.store().settings.get(label_key(order.id));
  return found ? *found : std::nullopt;
}

base::Status Context::set_label(std::uint64_t order, std::string_view label) {
  return node.store().settings.set(label_key(order), label);
}

}  // namespace koinon::node::api
