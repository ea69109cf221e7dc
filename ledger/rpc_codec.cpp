#include "ledger/rpc_codec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::ledger {
namespace codec {

using nlohmann::json;

Result<std::string_view> text(const json& value, std::string_view expected) {
  if (!value.is_string()) return fail(Code::malformed, "[rpc] {} expected", expected);
  return std::string_view(value.get_ref<const std::string&>());
}

Result<Wei> wei(const json& value) {
  if (!value.is_string()) return fail(Code::malformed, "[rpc] a hex quantity expected");
  const auto& text = value.get_ref<const std::string&>();
  if (!text.starts_with("0x")) return fail(Code::malformed, "[rpc] quantity '{}': 0x expected", text.substr(0, 80));
  return Wei::parse(text);
}

Result<std::uint64_t> quantity(const json& value) {
  KOINON_TRY(const auto number, wei(value));
  return number.to_u64();
}

Result<Bytes> bytes(const json& value) {
  if (!value.is_string()) return fail(Code::malformed, "[rpc] hex data expected");
  return base::from_hex(value.get_ref<const std::string&>());
}

const json& member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(name);
  return at == object.end() ? kNull : *at;
}

std::string hex_quantity(std::uint64_t value) { return fmt::format("0x{:x}", value); }

std::string hex_quantity(const Wei& value) {
  const auto text = base::to_hex(value.word()).substr(2);
  const auto first = std::min(text.find_first_not_of('0'), text.size() - 1);
  return "0x" + text.substr(first);
}

json call_json(const CallRequest& request) {
  json out = {{"data", base::to_hex(request.data)}};
  if (request.from) out["from"] = base::to_hex(*request.from);
  if (request.to) out["to"] = base::to_hex(*request.to);
  if (!request.value.is_zero()) out["value"] = hex_quantity(request.value);
  return out;
}

json query_json(const LogQuery& query) {
  json out = json::object();
  if (query.block) {
    out["blockHash"] = base::to_hex(*query.block);
  } else {
    out["fromBlock"] = hex_quantity(query.from);
    out["toBlock"] = hex_quantity(query.to);
  }
  if (!query.addresses.empty()) {
    out["address"] = json::array();
    for (const auto& address : query.addresses) out["address"].push_back(base::to_hex(address));
  }
  if (!query.topic0.empty()) {
    auto any = json::array();
    for (const auto& topic : query.topic0) any.push_back(base::to_hex(topic));
    out["topics"] = json::array({std::move(any)});
  }
  return out;
}

namespace {

std::string short_text(const json& value) {
  auto text = value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() > 500 ? text.substr(0, 500) + "..." : text;
}

/// Revert data as the servers give it: "data": "0x..", or an object that holds it under "data".
std::optional<Bytes> revert_data(const json& error) {
  const auto* data = &member(error, "data");
  if (data->is_object()) data = &member(*data, "data");
  if (!data->is_string()) return std::nullopt;
  auto text = data->get<std::string>();
  if (const auto at = text.find("0x"); at != std::string::npos) text = text.substr(at);
  if (text.size() > 65'536) return std::nullopt;
  auto out = base::from_hex(text);
  if (!out) return std::nullopt;
  return std::move(*out);
}

}  // namespace

Result<json> result_of(const json& reply, const std::vector<abi::Entry>& errors) {
  const auto& error = member(reply, "error");
  if (error.is_null()) {
    if (!reply.contains("result")) return fail(Code::malformed, "[rpc] an answer without result and error");
    return reply["result"];
  }
  const auto& number = member(error, "code");
  const auto code = number.is_number_integer() ? number.get<std::int64_t>() : 0;
  const auto text = short_text(member(error, "message"));
  if (code == -32005 || code == 429) return fail(Code::exhausted, "[rpc] the server asks for patience: {}", text);
  if (code == -32601) return fail(Code::unsupported, "[rpc] {}", text);
  const auto data = revert_data(error);
  if (code == 3 || (data && !data->empty()))
    return fail(Code::ledger, "[rpc] reverted: {}", data ? abi::describe_revert(*data, errors) : text);
  return fail(Code::ledger, "[rpc] error {}: {}", code, text);
}

}  // namespace codec

using nlohmann::json;

Result<json> read_reply(std::string_view text, std::uint64_t id, const std::vector<abi::Entry>& errors) {
  const auto reply = base::parse_json(text);
  if (!reply.is_object()) return fail(Code::malformed, "[rpc] the answer of {} bytes is no JSON object", text.size());
  const auto& got = codec::member(reply, "id");
  // A server that could not read the request answers an error with a null id.
  const bool mine = got.is_number_unsigned() && got.get<std::uint64_t>() == id;
  if (!mine && !(got.is_null() && reply.contains("error")))
    return fail(Code::malformed, "[rpc] the answer has another id than {}", id);
  return codec::result_of(reply, errors);
}

Result<BlockHeader> read_block(const json& value) {
  if (value.is_null()) return fail(Code::not_found, "[rpc] no such block");
  using codec::member;
  BlockHeader out;
  KOINON_TRY(out.number, codec::quantity(member(value, "number")));
  // A pending block has no hash yet.
  if (!member(value, "hash").is_null()) {
    KOINON_TRY(out.hash, codec::fixed<32>(member(value, "hash")));
  }
  KOINON_TRY(out.parent, codec::fixed<32>(member(value, "parentHash")));
  KOINON_TRY(out.state_root, codec::fixed<32>(member(value, "stateRoot")));
  KOINON_TRY(out.timestamp, codec::quantity(member(value, "timestamp")));
  KOINON_TRY(out.gas_limit, codec::quantity(member(value, "gasLimit")));
  if (!member(value, "baseFeePerGas").is_null()) {
    KOINON_TRY(out.base_fee, codec::wei(member(value, "baseFeePerGas")));
  }
  return out;
}

Result<Log> read_log(const json& value) {
  using codec::member;
  Log out;
  KOINON_TRY(out.address, codec::fixed<20>(member(value, "address")));
  const auto& topics = member(value, "topics");
  if (!topics.is_array() || topics.size() > 4) return fail(Code::malformed, "[rpc] a log has 0 to 4 topics");
  for (const auto& topic : topics) {
    KOINON_TRY(const auto word, codec::fixed<32>(topic));
    out.topics.push_back(word);
  }
  KOINON_TRY(out.data, codec::bytes(member(value, "data")));
  KOINON_TRY(out.block.number, codec::quantity(member(value, "blockNumber")));
  KOINON_TRY(out.block.hash, codec::fixed<32>(member(value, "blockHash")));
  KOINON_TRY(out.transaction, codec::fixed<32>(member(value, "transactionHash")));
  KOINON_TRY(out.index, codec::quantity(member(value, "logIndex")));
  const auto& removed = member(value, "removed");
  if (removed.is_boolean() && removed.get<bool>()) return fail(Code::conflict, "[rpc] a log of a removed block");
  return out;
}

Result<Receipt> read_receipt(const json& value) {
  using codec::member;
  Receipt out;
  KOINON_TRY(out.transaction, codec::fixed<32>(member(value, "transactionHash")));
  KOINON_TRY(out.block.number, codec::quantity(member(value, "blockNumber")));
  KOINON_TRY(out.block.hash, codec::fixed<32>(member(value, "blockHash")));
  KOINON_TRY(const auto status, codec::quantity(member(value, "status")));
  if (status > 1) return fail(Code::malformed, "[rpc] receipt status {}: 0 or 1 expected", status);
  out.success = status == 1;
  KOINON_TRY(out.gas_used, codec::quantity(member(value, "gasUsed")));
  if (!member(value, "effectiveGasPrice").is_null()) {
    KOINON_TRY(out.gas_price, codec::wei(member(value, "effectiveGasPrice")));
  }
  if (!member(value, "contractAddress").is_null()) {
    KOINON_TRY(out.created, codec::fixed<20>(member(value, "contractAddress")));
  }
  const auto& logs = member(value, "logs");
  if (!logs.is_array()) return fail(Code::malformed, "[rpc] receipt without logs");
  for (const auto& one : logs) {
    KOINON_TRY(auto log, read_log(one));
    if (log.block != out.block || log.transaction != out.transaction)
      return fail(Code::malformed, "[rpc] receipt of {} holds a log of another", base::to_hex(out.transaction));
    out.logs.push_back(std::move(log));
  }
  return out;
}

}  // namespace koinon::ledger
