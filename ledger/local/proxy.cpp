#include "ledger/local/proxy.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger::local {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxBatch = 200;
constexpr std::size_t kMaxRaw = 256u << 10;  ///< bytes of a raw transaction
constexpr std::size_t kMaxSubscribers = 256;
/// Gas of a call that only reads: what a transaction may use (EIP-7825). Anvil runs one without a limit for a minute.
constexpr std::uint64_t kMaxCallGas = 16'777'216;
constexpr std::chrono::seconds kPlaceWait{2};   ///< of a call for its turn to run
constexpr std::chrono::seconds kBatchTime{10};  ///< of all calls of a batch, when they run one by one
constexpr std::array<std::string_view, 3> kCalls = {"eth_call", "eth_createAccessList", "eth_estimateGas"};
/// Anvil looks "latest" up and then reads that block: when one is mined in between, what it looked up is pruned already.
constexpr std::string_view kOvertaken = "BlockOutOfRangeError";
constexpr int kOvertakenTries = 5;

/// What is passed on. All of it only reads.
constexpr std::array<std::string_view, 33> kServed = {"eth_blobBaseFee",
                                                      "eth_blockNumber",
                                                      "eth_call",
                                                      "eth_chainId",
                                                      "eth_createAccessList",
                                                      "eth_estimateGas",
                                                      "eth_feeHistory",
                                                      "eth_gasPrice",
                                                      "eth_getBalance",
                                                      "eth_getBlockByHash",
                                                      "eth_getBlockByNumber",
                                                      "eth_getBlockReceipts",
                                                      "eth_getBlockTransactionCountByHash",
                                                      "eth_getBlockTransactionCountByNumber",
                                                      "eth_getCode",
                                                      "eth_getLogs",
                                                      "eth_getProof",
                                                      "eth_getStorageAt",
                                                      "eth_getTransactionByBlockHashAndIndex",
                                                      "eth_getTransactionByBlockNumberAndIndex",
                                                      "eth_getTransactionByHash",
                                                      "eth_getTransactionCount",
                                                      "eth_getTransactionReceipt",
                                                      "eth_maxPriorityFeePerGas",
                                                      "eth_protocolVersion",
                                                      "eth_syncing",
                                                      "net_listening",
                                                      "net_version",
                                                      "txpool_content",
                                                      "txpool_inspect",
                                                      "txpool_status",
                                                      "web3_clientVersion",
                                                      "web3_sha3"};

std::string error_reply(const std::string& id, int code, const std::string& text) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", id, code,
                     json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string result_reply(const std::string& id, const std::string& result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

/// The id as JSON text; null when it is none that JSON-RPC allows.
std::string id_text(const json& call) {
  const auto& id = codec::member(call, "id");
  const bool fine = id.is_number() || (id.is_string() && id.get_ref<const std::string&>().size() <= 200);
  return fine ? id.dump(-1, ' ', false, json::error_handler_t::replace) : "null";
}

std::string submit_reply(const ProxyBackend& backend, const std::string& id, const json& params) {
  if (!params.is_array() || params.size() != 1) return error_reply(id, -32602, "one raw transaction expected");
  auto raw = codec::bytes(params[0]);
  if (!raw || raw->empty() || raw->size() > kMaxRaw)
    return error_reply(id, -32602, "a raw transaction as hex expected, up to 256 KiB");
  const auto hash = backend.submit(std::move(*raw));
  if (hash) return result_reply(id, "\"" + base::to_hex(*hash) + "\"");
  if (hash.error().code == Code::exhausted) return error_reply(id, -32005, hash.error().text);
  return error_reply(id, -32003, hash.error().text);
}

bool runs_code(std::string_view method) { return std::ranges::find(kCalls, method) != kCalls.end(); }

std::string busy_reply(const std::string& id) { return error_reply(id, -32005, "the ledger is busy with other calls: retry"); }

/// `params` as text. A call that runs code and names no gas gets the most there is: anvil would take a whole block's.
std::string params_text(std::string_view method, const json& params) {
  if (params.is_null()) return "[]";
  const auto text = [](const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); };
  if (!runs_code(method) || params[0].contains("gas")) return text(params);
  auto measured = params;
  measured[0]["gas"] = fmt::format("0x{:x}", kMaxCallGas);
  return text(measured);
}

/// What is wrong with a reading call that runs code, or nothing: gas without measure, and overrides of state or block.
std::optional<std::string> refusal(std::string_view method, const json& params) {
  if (!runs_code(method)) return std::nullopt;
  if (!params.is_array() || params.empty() || params.size() > 2 || !params[0].is_object())
    return "a call and a block expected; overrides are not served by the local ledger";
  const auto& gas = codec::member(params[0], "gas");
  if (gas.is_null()) return std::nullopt;
  const auto asked = codec::quantity(gas);
  if (!asked || *asked > kMaxCallGas) return fmt::format("gas: at most {} expected", kMaxCallGas);
  return std::nullopt;
}

}  // namespace

Proxy::Proxy(ProxyBackend backend, std::uint64_t max_body, net::Site site)
    : backend_(std::move(backend)), max_body_(max_body), site_(std::move(site)), client_([] {
        net::ClientOptions options;
        options.timeout_ms = 60'000;
        options.max_body = 256u << 20;
        options.max_idle = 32;
        return options;
      }()) {}

Status Proxy::listen(const std::string& address, std::uint16_t port) {
  net::Router router;
  net::RouteOptions route;
  route.max_body = max_body_;
  route.gate = [this](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    const auto passed = net::check_request(site_, request);
    if (passed) return std::nullopt;
    return net::HttpResponse::error(passed.error());
  };
  router.post(
      "/",
      [this](const net::HttpRequest& request) -> Result<net::HttpResponse> {
        auto out = net::HttpResponse::json(200, answer(request.body));
        net::grant_origin(site_, request, out);
        return out;
      },
      route);
  router.on(net::Method::options, "/", [this](const net::HttpRequest& request) { return net::preflight(site_, request); });
  net::WebSocketHandler socket;
  socket.on_open = [this](const std::shared_ptr<net::WebSocketSession>&, const net::HttpRequest& request) {
    return net::check_request(site_, request);
  };
  socket.on_text = [this](const std::shared_ptr<net::WebSocketSession>& session, std::string text) {
    if (auto sent = session->send(answer_socket(session, text)); !sent) session->close();
  };
  socket.on_close = [this](std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    subscribers_.erase(id);
  };
  router.websocket("/", std::move(socket));
  net::ServerOptions options;
  options.address = address;
  options.port = port;
  options.handler_threads = 16;
  options.max_waiting = 512;
  options.max_websocket_message = max_body_;
  KOINON_TRY(server_, net::HttpServer::start(std::move(router), options));
  return {};
}

void Proxy::stop() {
  if (server_) server_->stop();
}

void Proxy::announce(const std::string& head_json) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, session] : subscribers_) {
    auto sent = session->send(fmt::format(
        R"({{"jsonrpc":"2.0","method":"eth_subscription","params":{{"subscription":"0x{:x}","result":{}}}}})", id, head_json));
    if (!sent) session->close();
  }
}

std::string Proxy::forward(const std::string& id, const std::string& method, const std::string& params) {
  const auto url = backend_.anvil_url();
  if (url.empty()) {
    const auto why = backend_.broken ? backend_.broken() : std::string();
    if (!why.empty()) return error_reply(id, -32603, "the ledger has stopped, start its node again: " + why);
    return error_reply(id, -32005, "the ledger is being started again: retry");
  }
  const bool runs = runs_code(method);
  if (runs && !running_.try_acquire_for(kPlaceWait)) return busy_reply(id);
  const Turn turn{runs ? &running_ : nullptr};
  const auto call = fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method, params);
  for (int tries = 1;; ++tries) {
    const auto answer = client_.post(url, call);
    if (!answer || !answer->ok()) return error_reply(id, -32005, "the ledger does not answer: retry");
    const auto& body = answer->body_text();
    if (tries == kOvertakenTries || body.size() > 1024 || body.find(kOvertaken) == std::string::npos) return body;
  }
}

/// A batch of reading calls in one exchange: anvil runs them at once. Absent when it is not such a batch, when more than one of
/// it runs code, or when it is not answered.
std::optional<std::string> Proxy::forward_reads(const json& calls) {
  std::string body = "[";
  int runs = 0;
  for (const auto& call : calls) {
    const auto& method = codec::member(call, "method");
    const auto id = id_text(call);
    if (id == "null" || !method.is_string() ||
        std::ranges::find(kServed, method.get_ref<const std::string&>()) == kServed.end())
      return std::nullopt;
    const auto& params = codec::member(call, "params");
    if (refusal(method.get_ref<const std::string&>(), params)) return std::nullopt;
    if (runs_code(method.get_ref<const std::string&>()) && ++runs > 1) return std::nullopt;
    body += fmt::format(R"({}{{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", body.size() > 1 ? "," : "", id,
                        method.get_ref<const std::string&>(), params_text(method.get_ref<const std::string&>(), params));
  }
  const auto url = backend_.anvil_url();
  if (url.empty()) return std::nullopt;
  if (runs > 0 && !running_.try_acquire_for(kPlaceWait)) return std::nullopt;
  const Turn turn{runs > 0 ? &running_ : nullptr};
  const auto answer = client_.post(url, body + "]");
  if (!answer || !answer->ok()) return std::nullopt;
  const auto& text = answer->body_text();
  if (!text.starts_with('[') || text.find(kOvertaken) != std::string::npos) return std::nullopt;  // then one by one
  return text;
}

std::string Proxy::answer_one(const std::string& method, const std::string& id, const std::string& params) {
  if (method == "eth_accounts") return result_reply(id, "[]");
  if (std::ranges::find(kServed, method) != kServed.end()) return forward(id, method, params);
  return error_reply(id, -32601,
                     "method " + json(method.substr(0, 60)).dump(-1, ' ', true, json::error_handler_t::replace) +
                         " is not served by the local ledger: accounts sign for themselves");
}

std::string Proxy::answer(const std::string& body) {
  const auto request = base::parse_json(body);
  const auto one = [&](const json& call) {
    const auto& method = codec::member(call, "method");
    const auto id = id_text(call);
    if (!method.is_string()) return error_reply(id, -32600, "a JSON-RPC call with a method expected");
    const auto& params = codec::member(call, "params");
    if (method.get_ref<const std::string&>() == "eth_sendRawTransaction") return submit_reply(backend_, id, params);
    if (const auto wrong = refusal(method.get_ref<const std::string&>(), params)) return error_reply(id, -32602, *wrong);
    return answer_one(method.get<std::string>(), id, params_text(method.get_ref<const std::string&>(), params));
  };
  if (request.is_object()) return one(request);
  if (!request.is_array() || request.empty() || request.size() > kMaxBatch)
    return error_reply("null", request.is_discarded() ? -32700 : -32600,
                       fmt::format("a call, or a batch of 1 to {}, expected", kMaxBatch));
  if (auto read = forward_reads(request)) return *std::move(read);
  std::string out = "[";
  const auto end = std::chrono::steady_clock::now() + kBatchTime;
  for (const auto& call : request)
    out += (out.size() > 1 ? "," : "") + (std::chrono::steady_clock::now() < end ? one(call) : busy_reply(id_text(call)));
  return out + "]";
}

std::string Proxy::answer_socket(const std::shared_ptr<net::WebSocketSession>& session, const std::string& body) {
  const auto request = base::parse_json(body);
  const auto& method = codec::member(request, "method");
  const bool subscribes = method == "eth_subscribe";
  if (!subscribes && method != "eth_unsubscribe") return answer(body);
  const auto id = id_text(request);
  const std::lock_guard lock(mutex_);
  if (!subscribes) return result_reply(id, subscribers_.erase(session->id()) > 0 ? "true" : "false");
  const auto& params = codec::member(request, "params");
  if (!params.is_array() || params.empty() || params[0] != "newHeads")
    return error_reply(id, -32602, "only newHeads can be subscribed to");
  if (subscribers_.size() >= kMaxSubscribers) return error_reply(id, -32005, "too many subscribers");
  subscribers_[session->id()] = session;
  return result_reply(id, fmt::format("\"0x{:x}\"", session->id()));
}

}  // namespace koinon::ledger::local
