#include "ledger/contract.hpp"

#include <nlohmann/json.hpp>

namespace koinon::ledger {

Result<Bytes> call_data(const abi::Entry& function, std::vector<abi::Value> arguments) {
  abi::Value tuple;
  tuple.items = std::move(arguments);
  auto body = abi::encode(function.inputs, tuple);
  if (!body) return fail(std::move(body).error().within(function.name));
  const auto id = function.id();
  Bytes out(id.bytes.begin(), id.bytes.begin() + 4);
  out.insert(out.end(), body->begin(), body->end());
  return out;
}

Result<abi::Value> call_view(Rpc& rpc, const Address& contract, const abi::Entry& function, std::vector<abi::Value> arguments,
                             const std::string& tag) {
  KOINON_TRY(auto data, call_data(function, std::move(arguments)));
  auto answer = rpc.eth_call({std::nullopt, contract, std::move(data), {}}, tag);
  if (!answer) return fail(std::move(answer).error().within(function.name));
  if (answer->empty() && !function.outputs.parts.empty())
    return fail(Code::not_found, "[{}] no contract at {}", function.name, base::to_hex(contract));
  auto value = abi::decode(function.outputs, *answer);
  if (!value) return fail(std::move(value).error().within(function.name));
  return value;
}

Result<TxRequest> call_request(const Address& contract, const abi::Entry& function, std::vector<abi::Value> arguments,
                               const Wei& value) {
  TxRequest out;
  out.to = contract;
  out.value = value;
  out.label = function.name;
  KOINON_TRY(out.data, call_data(function, std::move(arguments)));
  return out;
}

abi::Type event_argument(const abi::Entry& event, std::size_t index) {
  const auto& type = event.inputs.parts[index];
  if (!event.indexed[index] || (type.parts.empty() && !type.is_dynamic())) return type;
  auto out = *abi::Type::parse("bytes32");
  out.name = type.name;
  return out;
}

Result<abi::Value> decode_event(const abi::Entry& event, const Log& log) {
  if (log.topics.empty() || log.topics[0] != event.id()) return fail(Code::malformed, "[event] the log is no {}", event.name);
  std::vector<abi::Type> in_data;
  std::size_t topics = 1;
  for (std::size_t i = 0; i < event.indexed.size(); ++i) {
    if (event.indexed[i])
      ++topics;
    else
      in_data.push_back(event.inputs.parts[i]);
  }
  if (topics != log.topics.size())
    return fail(Code::malformed, "[event] {} with {} topics: {} expected", event.name, log.topics.size(), topics);
  auto data = abi::decode(abi::Type::tuple(std::move(in_data)), log.data);
  if (!data) return fail(std::move(data).error().within(event.name));
  abi::Value out;
  std::size_t topic = 1;
  std::size_t plain = 0;
  for (std::size_t i = 0; i < event.indexed.size(); ++i) {
    if (!event.indexed[i]) {
      out.items.push_back(std::move(data->items[plain++]));
      continue;
    }
    auto word = abi::decode(abi::Type::tuple({event_argument(event, i)}), log.topics[topic++].view());
    if (!word) return fail(std::move(word).error().within(event.name));
    out.items.push_back(std::move(word->items[0]));
  }
  return out;
}

Result<std::string> event_json(const std::vector<abi::Entry>& entries, const Log& log) {
  for (const auto& entry : entries) {
    if (entry.kind != "event" || log.topics.empty() || entry.id() != log.topics[0]) continue;
    KOINON_TRY(const auto value, decode_event(entry, log));
    std::vector<abi::Type> types;
    for (std::size_t i = 0; i < entry.indexed.size(); ++i) types.push_back(event_argument(entry, i));
    const nlohmann::json out = {{"event", entry.name}, {"args", abi::to_json(abi::Type::tuple(std::move(types)), value)}};
    return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return fail(Code::not_found, "[event] unknown event");
}

std::vector<abi::Entry> embedded_abi(std::string_view json) {
  auto out = abi::parse_abi(nlohmann::json::parse(json, nullptr, false));
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

Bytes embedded_bytes(std::string_view hex) {
  auto out = base::from_hex(hex);
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

}  // namespace koinon::ledger
