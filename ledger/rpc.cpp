#include "ledger/rpc.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ledger/rpc_codec.hpp"
#include "ledger/rpc_transport.hpp"

namespace koinon::ledger {

using nlohmann::json;

struct Rpc::State {
  /// What all shares use together; it lives as long as the last of them, in no fixed order.
  struct Server {
    std::unique_ptr<RpcTransport> transport;
    RpcOptions options;
    std::string url;
    std::atomic<std::uint64_t> next_id{1};
    std::mutex mutex;
    std::vector<abi::Entry> errors;  // guarded by mutex
  };
  explicit State(std::shared_ptr<Server> server_in) : server(std::move(server_in)), options(server->options) {}

  std::shared_ptr<Server> server;
  const RpcOptions& options;
  std::stop_source stop;

  std::vector<abi::Entry> known_errors() const {
    const std::lock_guard lock(server->mutex);
    return server->errors;
  }

  Status pause(std::int64_t ms) const {
    std::mutex sleeping;
    std::condition_variable_any alarm;
    std::unique_lock lock(sleeping);
    if (ms > 0) alarm.wait_for(lock, stop.get_token(), std::chrono::milliseconds(ms), [] { return false; });
    if (stop.stop_requested()) return fail(Code::cancelled, "[rpc] cancelled");
    return {};
  }

  /// Sends `body` until `read` gives something other than a rate limit or a network error, with growing pauses.
  template <class T>
  Result<T> attempt(const std::string& body, const std::function<Result<T>(const RpcTransport::Answer&)>& read) {
    auto wait = options.first_backoff_ms;
    for (int tries = 0;; ++tries) {
      KOINON_CHECK(pause(0));
      auto answer = server->transport->exchange(body, stop.get_token());
      Result<T> out = answer ? read(*answer) : Result<T>(fail(std::move(answer).error()));
      const bool again = !out && (out.error().code == Code::network || out.error().code == Code::timeout ||
                                  out.error().code == Code::exhausted);
      if (!again || tries >= options.retries) return out;
      KOINON_CHECK(pause(answer && answer->retry_after_ms > 0 ? answer->retry_after_ms : wait));
      wait = std::min<std::int64_t>(wait * 2, 5'000);
    }
  }
};

namespace {

Status check_status(const RpcTransport::Answer& answer) {
  if (answer.status == 429) return fail(Code::exhausted, "[rpc] the server asks for patience (HTTP 429)");
  if (answer.status >= 500 && answer.body.find("jsonrpc") == std::string::npos)
    return fail(Code::network, "[rpc] HTTP status {}", answer.status);
  if (answer.status >= 400 && answer.body.find("jsonrpc") == std::string::npos)
    return fail(Code::ledger, "[rpc] HTTP status {}: {}", answer.status, answer.body.substr(0, 200));
  return {};
}

std::string body_of(std::uint64_t id, const std::string& method, const std::string& params) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":{},"params":{}}})", id, json(method).dump(), params);
}

/// Puts the answers of a batch in the order of the requests first_id, first_id + 1, ...
Result<std::vector<Result<json>>> read_batch(const std::string& text, std::uint64_t first_id, std::size_t count,
                                             const std::vector<abi::Entry>& errors) {
  const auto replies = base::parse_json(text);
  if (replies.is_object()) {
    auto one = codec::result_of(replies, errors);
    if (!one) return fail(std::move(one).error());
  }
  if (!replies.is_array() || replies.size() != count)
    return fail(Code::malformed, "[rpc] a batch of {} answered with {}", count, replies.is_array() ? replies.size() : 0);
  std::vector<Result<json>> out(count, fail(Code::malformed, "[rpc] not answered"));
  std::vector<bool> seen(count);
  for (const auto& reply : replies) {
    const auto& id = codec::member(reply, "id");
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() < first_id || id.get<std::uint64_t>() - first_id >= count ||
        seen[id.get<std::uint64_t>() - first_id])
      return fail(Code::malformed, "[rpc] a batch answer has a wrong id");
    const auto at = id.get<std::uint64_t>() - first_id;
    seen[at] = true;
    out[at] = codec::result_of(reply, errors);
    if (!out[at] && out[at].error().code == Code::exhausted) return fail(out[at].error());
  }
  return out;
}

}  // namespace

Rpc::Rpc(std::unique_ptr<State> state) : state_(std::move(state)) {}

Rpc::Rpc(std::unique_ptr<RpcTransport> transport, RpcOptions options) {
  auto server = std::make_shared<State::Server>();
  server->transport = std::move(transport);
  server->options = options;
  state_ = std::make_unique<State>(std::move(server));
}

Rpc::~Rpc() = default;

Result<std::unique_ptr<Rpc>> Rpc::open(const std::string& url, RpcOptions options) {
  KOINON_TRY(auto transport, make_transport(url, options));
  auto out = std::make_unique<Rpc>(std::move(transport), options);
  out->state_->server->url = url;
  return out;
}

const std::string& Rpc::url() const { return state_->server->url; }

void Rpc::know_errors(const std::vector<abi::Entry>& entries) {
  auto& server = *state_->server;
  const std::lock_guard lock(server.mutex);
  for (const auto& entry : entries) {
    const bool is_new = std::ranges::none_of(server.errors, [&](const auto& e) { return e.signature() == entry.signature(); });
    if (entry.kind == "error" && is_new) server.errors.push_back(entry);
  }
}

std::unique_ptr<Rpc> Rpc::share() const { return std::unique_ptr<Rpc>(new Rpc(std::make_unique<State>(state_->server))); }

void Rpc::cancel() { state_->stop.request_stop(); }

Result<json> Rpc::call(const std::string& method, const json& params) {
  const auto id = state_->server->next_id++;
  auto out = state_->attempt<json>(body_of(id, method, params.dump()), [&](const RpcTransport::Answer& answer) -> Result<json> {
    KOINON_CHECK(check_status(answer));
    return read_reply(answer.body, id, state_->known_errors());
  });
  if (!out) return fail(std::move(out).error().within(method));
  return out;
}

Result<std::vector<Result<json>>> Rpc::batch(const std::vector<Request>& requests) {
  std::vector<Result<json>> out;
  using List = std::vector<Result<json>>;
  for (std::size_t begin = 0; begin < requests.size(); begin += state_->options.max_batch) {
    const auto count = std::min(state_->options.max_batch, requests.size() - begin);
    const auto first_id = state_->server->next_id.fetch_add(count);
    std::string body = "[";
    for (std::size_t i = 0; i < count; ++i)
      body += (i > 0 ? "," : "") + body_of(first_id + i, requests[begin + i].method, requests[begin + i].params);
    auto part = state_->attempt<List>(body + "]", [&](const RpcTransport::Answer& answer) -> Result<List> {
      KOINON_CHECK(check_status(answer));
      return read_batch(answer.body, first_id, count, state_->known_errors());
    });
    if (!part) return fail(std::move(part).error().within("batch"));
    std::ranges::move(*part, std::back_inserter(out));
  }
  return out;
}

Result<std::uint64_t> Rpc::chain_id() {
  KOINON_TRY(const auto value, call("eth_chainId", json::array()));
  return codec::quantity(value);
}

Result<std::uint64_t> Rpc::block_number() {
  KOINON_TRY(const auto value, call("eth_blockNumber", json::array()));
  return codec::quantity(value);
}

Result<BlockHeader> Rpc::block(std::uint64_t number) {
  KOINON_TRY(const auto out, block(codec::hex_quantity(number)));
  if (out.number != number) return fail(Code::malformed, "[rpc] block {} answered with block {}", number, out.number);
  return out;
}

Result<BlockHeader> Rpc::block(const std::string& tag) {
  const bool by_hash = tag.size() == 66;
  KOINON_TRY(const auto value, call(by_hash ? "eth_getBlockByHash" : "eth_getBlockByNumber", json::array({tag, false})));
  return read_block(value);
}

Result<std::vector<BlockHeader>> Rpc::blocks(std::uint64_t first, std::uint64_t last) {
  std::vector<Request> requests;
  for (auto n = first; n <= last; ++n)
    requests.push_back({"eth_getBlockByNumber", json::array({codec::hex_quantity(n), false}).dump()});
  KOINON_TRY(auto answers, batch(requests));
  std::vector<BlockHeader> out;
  for (auto& answer : answers) {
    if (!answer) return fail(std::move(answer).error());
    KOINON_TRY(const auto header, read_block(*answer));
    if (header.number != first + out.size())
      return fail(Code::malformed, "[rpc] block {} answered with block {}", first + out.size(), header.number);
    out.push_back(header);
  }
  return out;
}

Result<std::vector<Log>> Rpc::logs(const LogQuery& query) {
  KOINON_TRY(const auto value, call("eth_getLogs", json::array({codec::query_json(query)})));
  if (!value.is_array()) return fail(Code::malformed, "[rpc] eth_getLogs: a list expected");
  std::vector<Log> out;
  for (const auto& one : value) {
    KOINON_TRY(auto log, read_log(one));
    const bool in_place =
        query.block ? log.block.hash == *query.block : log.block.number >= query.from && log.block.number <= query.to;
    const bool in_order =
        out.empty() || std::pair(out.back().block.number, out.back().index) < std::pair(log.block.number, log.index);
    const bool asked =
        (query.addresses.empty() || std::ranges::find(query.addresses, log.address) != query.addresses.end()) &&
        (query.topic0.empty() || (!log.topics.empty() && std::ranges::find(query.topic0, log.topics[0]) != query.topic0.end()));
    if (!in_place || !in_order || !asked)
      return fail(Code::malformed, "[rpc] eth_getLogs: log {} of block {} was not asked for or is out of order", log.index,
                  log.block.number);
    out.push_back(std::move(log));
  }
  return out;
}

Result<std::optional<Receipt>> Rpc::receipt(const Hash& transaction) {
  KOINON_TRY(const auto value, call("eth_getTransactionReceipt", json::array({base::to_hex(transaction)})));
  if (value.is_null()) return std::optional<Receipt>{};
  KOINON_TRY(auto out, read_receipt(value));
  if (out.transaction != transaction)
    return fail(Code::malformed, "[rpc] receipt of another transaction than {}", base::to_hex(transaction));
  return std::optional<Receipt>(std::move(out));
}

Result<bool> Rpc::knows(const Hash& transaction) {
  KOINON_TRY(const auto value, call("eth_getTransactionByHash", json::array({base::to_hex(transaction)})));
  return !value.is_null();
}

Result<std::uint64_t> Rpc::nonce(const Address& account, const std::string& tag) {
  KOINON_TRY(const auto value, call("eth_getTransactionCount", json::array({base::to_hex(account), tag})));
  return codec::quantity(value);
}

Result<Wei> Rpc::balance(const Address& account) {
  KOINON_TRY(const auto value, call("eth_getBalance", json::array({base::to_hex(account), "latest"})));
  return codec::wei(value);
}

Result<Bytes> Rpc::code(const Address& account) {
  KOINON_TRY(const auto value, call("eth_getCode", json::array({base::to_hex(account), "latest"})));
  return codec::bytes(value);
}

Result<Bytes> Rpc::eth_call(const CallRequest& request, const std::string& tag) {
  KOINON_TRY(const auto value, call("eth_call", json::array({codec::call_json(request), tag})));
  return codec::bytes(value);
}

Result<std::uint64_t> Rpc::estimate_gas(const CallRequest& request, const std::string& tag) {
  KOINON_TRY(const auto value, call("eth_estimateGas", json::array({codec::call_json(request), tag})));
  return codec::quantity(value);
}

Result<Wei> Rpc::priority_fee() {
  KOINON_TRY(const auto value, call("eth_maxPriorityFeePerGas", json::array()));
  return codec::wei(value);
}

Result<Hash> Rpc::send_raw(ByteView raw) {
  KOINON_TRY(const auto value, call("eth_sendRawTransaction", json::array({base::to_hex(raw)})));
  return codec::fixed<32>(value);
}

}  // namespace koinon::ledger
