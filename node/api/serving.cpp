#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "net/text.hpp"
#include "node/api/card.hpp"
#include "node/api/infer_message.hpp"
#include "node/api/place.hpp"
#include "node/api/served.hpp"
#include "node/api/words.hpp"
#include "trust/quorum/proof_check.hpp"
#include "work/inference/inference.hpp"

// Models over the Open Inference Protocol (KServe, version 2): a run here at once, or bought on the market and waited for.
namespace koinon::node::api {
namespace {

using market::OrderView;
using nlohmann::json;

constexpr std::uint64_t kMaxBody = std::uint64_t{64} << 20;
/// A body takes many times its size while it is read, so that few large ones are read at once.
constexpr std::size_t kLargeBody = std::size_t{1} << 20;
constexpr int kMostLarge = 3;

/// Requests that wait for the market, and large bodies that are read.
struct Load {
  std::shared_ptr<Waiting> waiting;  ///< shared with other protocols
  std::atomic<int> large{0};
};

/// An error as this protocol writes it: {"error": "..."}.
HttpResponse protocol_error(const base::Error& error) {
  const auto ours = error_response(error);
  auto out = HttpResponse::json(ours.status, json{{"error", error.text}}.dump(-1, ' ', false, json::error_handler_t::replace));
  if (const auto* ask = ours.headers.find("WWW-Authenticate")) out.headers.set("WWW-Authenticate", *ask);
  if (const auto* retry = ours.headers.find("Retry-After")) out.headers.set("Retry-After", *retry);
  return out;
}

json tensor_json(const std::string& name, const engine::tensor::Shape& shape) {
  return {{"name", name}, {"datatype", "FP32"}, {"shape", shape}};
}

Result<HttpResponse> metadata(Context& context, const std::string& name, const std::string& version) {
  KOINON_TRY(const auto record, find_model(context, name, version));
  KOINON_TRY(const auto program, context.programs.find(record.program));
  json inputs = json::array(), outputs = json::array();
  for (const auto& one : program->inputs) inputs.push_back(tensor_json(one.name, one.info.shape));
  for (std::size_t i = 0; i < program->outputs.size(); ++i)
    outputs.push_back(tensor_json(program->outputs[i].name, output_info(*program, i).shape));
  return HttpResponse::json(200, json{{"name", record.name},
                                      {"versions", {base::to_hex(record.program)}},
                                      {"platform", "koinon_program"},
                                      {"inputs", inputs},
                                      {"outputs", outputs}}
                                     .dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<HttpResponse> ready(Context& context, const std::string& name, const std::string& version) {
  KOINON_TRY(const auto record, find_model(context, name, version));
  const bool here = context.node.artifacts().has(record.artifact);
  return HttpResponse::json(here ? 200 : 400,
                            json{{"name", record.name}, {"ready", here}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// The same shape but for sizes of 1 in front, which clients add and leave out as they like.
bool same_shape(engine::tensor::Shape a, engine::tensor::Shape b) {
  const auto strip = [](engine::tensor::Shape& shape) {
    shape.erase(shape.begin(), std::ranges::find_if(shape, [](auto n) { return n != 1; }));
  };
  strip(a);
  strip(b);
  return a == b;
}

/// Canonical bytes of the inputs, and how many of their values lay outside of what the model takes.
struct Taken {
  std::vector<base::Bytes> inputs;
  std::size_t clamped = 0;
};

Result<Taken> inputs_of(const engine::program::Program& program, const InferRequest& request) {
  if (request.inputs.size() != program.inputs.size())
    return fail(Code::invalid_argument, "[infer] {} inputs: the model has {}", request.inputs.size(), program.inputs.size());
  Taken out;
  std::size_t values = 0;
  for (const auto& wanted : program.inputs) {
    const auto given = std::ranges::find(request.inputs, wanted.name, &InferInput::name);
    if (given == request.inputs.end())
      return fail(Code::invalid_argument, "[infer] no input '{}', which the model has", wanted.name);
    if (!same_shape(given->shape, wanted.info.shape))
      return fail(Code::invalid_argument, "[infer] {}: shape [{}], [{}] expected", wanted.name, fmt::join(given->shape, ", "),
                  fmt::join(wanted.info.shape, ", "));
    out.clamped += outside(wanted, given->data);
    values += given->data.size();
    KOINON_TRY(auto tensor, engine::io::quantise(wanted, given->data));
    out.inputs.push_back(std::move(tensor.bytes));
  }
  if (!request.clamp && out.clamped * 10 > values)
    return fail(Code::invalid_argument,
                "[infer] {} of {} values lie outside of what the model was calibrated for; scale the input as the model wants "
                "it, or send "
                "the parameter clamp: true",
                out.clamped, values);
  return out;
}

/// Errors: not_found (an output that the model lacks).
Status check_wanted(const engine::program::Program& program, const InferRequest& request) {
  for (const auto& wanted : request.wanted)
    if (std::ranges::none_of(program.outputs, [&](const auto& one) { return one.name == wanted.name; }))
      return fail(Code::not_found, "[infer] the model has no output '{}'", wanted.name.substr(0, 60));
  return {};
}

Result<Served> serve_here(Context& context, const ModelRecord& record, const engine::program::Program& program,
                          const std::vector<base::Bytes>& inputs) {
  KOINON_TRY(const auto outcome, run_here(context, record.program, inputs));
  KOINON_TRY(const auto tensors, work::output_tensors(program, outcome.outputs));
  Served out;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    out.outputs.push_back(
        {program.outputs[i].name, tensors[i].shape, engine::io::dequantise(tensors[i], program.outputs[i].scale), {}});
  out.evidence = {{"check", "none"}, {"output_root", base::to_hex(outcome.roots.output)}};
  return out;
}

Result<HttpResponse> infer(Context& context, Load& load, const HttpRequest& request, const std::string& name,
                           const std::string& version) {
  for (const auto* field : {"Inference-Header-Content-Length", "koinon-check", "Idempotency-Key"})
    if (std::ranges::count_if(request.headers.items(),
                              [&](const auto& one) { return net::equal_without_case(one.first, field); }) > 1)
      return fail(Code::malformed, "[infer] two fields {}: one expected", field);
  std::optional<std::uint64_t> header;
  if (const auto* text = request.headers.find("Inference-Header-Content-Length")) {
    KOINON_TRY(header, net::PathParameter<std::uint64_t>::parse(*text));
  }
  KOINON_TRY(const auto record, find_model(context, name, version));
  KOINON_TRY(const auto program, context.programs.find(record.program));
  InferRequest asked;
  Taken taken;
  {
    std::atomic<int> unbounded{0};
    const Place turn(request.body.size() > kLargeBody ? load.large : unbounded, kMostLarge);
    if (!turn.admitted()) return fail(Code::exhausted, "[infer] {} large requests are read already: try again", kMostLarge);
    InferSizes sizes;
    for (const auto& input : program->inputs)
      sizes[input.name] = static_cast<std::uint64_t>(engine::tensor::element_count(input.info.shape));
    KOINON_TRY(asked, read_infer(request.body, sizes, header));
    KOINON_TRY(taken, inputs_of(*program, asked));
    asked.inputs.clear();
  }
  KOINON_CHECK(check_wanted(*program, asked));
  const auto& inputs = taken.inputs;
  const auto check = asked.check.empty() ? request.headers.get("koinon-check", "none") : asked.check;
  Served served;
  if (check == "none") {
    KOINON_TRY(served, serve_here(context, record, *program, inputs));
  } else {
    KOINON_CHECK(context.gate.admit(request, {Access::spend}));
    const Place turn(load.waiting->count, Waiting::kMost);
    if (!turn.admitted())
      return fail(Code::exhausted, "[infer] {} requests wait for the market already: try again", Waiting::kMost);
    NewOrder order;
    order.program = record.program;
    KOINON_TRY(order.check, check_code(check, context.node.rules()));
    if (trust::is_alone(order.check)) {
      order.n = order.k = 1;
      order.audit_bps = 0;
    }
    if (!asked.max_price)
      return fail(Code::invalid_argument,
                  "[infer] parameter max_price: what a run may cost, in wei, expected for a run on the market");
    order.max_price = *asked.max_price;
    KOINON_TRY(const auto id,
               place_once(context, request, [&](const auto& nonce) { return place(context, order, inputs, nonce); }));
    KOINON_TRY(served, await_order(context, id));
  }
  if (taken.clamped > 0) served.evidence.emplace_back("clamped", std::to_string(taken.clamped));
  InferAnswer answer{record.name, base::to_hex(record.program), {}, served.evidence};
  KOINON_TRY(auto body, write_infer(answer, served.outputs, asked));
  auto out = HttpResponse::json(200, std::move(body.bytes));
  if (body.header) {
    out.headers.set("Content-Type", "application/octet-stream");
    out.headers.set("Inference-Header-Content-Length", std::to_string(*body.header));
  }
  tell(out.headers, record.program, served);
  return out;
}

}  // namespace

void add_serving(net::Router& router, const ContextPtr& context, const std::shared_ptr<Waiting>& waiting) {
  const auto load = std::make_shared<Load>();  // shared by the handlers, which the router copies
  load->waiting = waiting;
  router.write_errors("/v2/", protocol_error);
  const Rule look{Access::customers, nullptr, protocol_error};
  const auto get = [&](auto pattern, auto body) {
    router.get<std::string>(
        pattern,
        guarded(context, look, [body](Context& c, const HttpRequest&, const std::string& name) -> Result<HttpResponse> {
          return body(c, name);
        }));
  };
  router.get("/v2", guarded(context, look, [](Context&, const HttpRequest&) -> Result<HttpResponse> {
               return HttpResponse::json(
                   200, json{{"name", "koinon"}, {"version", KOINON_VERSION}, {"extensions", {"binary_tensor_data"}}}.dump());
             }));
  const auto health = guarded(context, {Access::anyone}, [](Context& c, const HttpRequest&) -> Result<HttpResponse> {
    return HttpResponse::json(c.node.is_stopping() ? 503 : 200, "{}");
  });
  router.get("/v2/health/live", health);
  router.get("/v2/health/ready", health);
  get(net::Pattern<std::string>("/v2/models/{model}"),
      [](Context& c, const std::string& name) { return metadata(c, name, ""); });
  get(net::Pattern<std::string>("/v2/models/{model}/ready"),
      [](Context& c, const std::string& name) { return ready(c, name, ""); });
  router.get<std::string, std::string>(
      "/v2/models/{model}/versions/{version}/ready",
      guarded(context, look,
              [](Context& c, const HttpRequest&, const std::string& name, const std::string& version) -> Result<HttpResponse> {
                return ready(c, name, version);
              }));
  router.get<std::string, std::string>(
      "/v2/models/{model}/versions/{version}",
      guarded(context, look,
              [](Context& c, const HttpRequest&, const std::string& name, const std::string& version) -> Result<HttpResponse> {
                return metadata(c, name, version);
              }));
  const Rule rule{Access::calls, nullptr, protocol_error};
  router.post<std::string>(
      "/v2/models/{model}/infer",
      sold(context, rule,
           [load](Context& c, const HttpRequest& request, const std::string& name) -> Result<HttpResponse> {
             return infer(c, *load, request, name, "");
           }),
      behind_till(context, rule, kMaxBody));
  router.post<std::string, std::string>(
      "/v2/models/{model}/versions/{version}/infer",
      sold(context, rule,
           [load](Context& c, const HttpRequest& request, const std::string& name,
                  const std::string& version) -> Result<HttpResponse> { return infer(c, *load, request, name, version); }),
      behind_till(context, rule, kMaxBody));
}

}  // namespace koinon::node::api
