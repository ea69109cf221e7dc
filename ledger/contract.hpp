#pragma once
#include "ledger/rpc.hpp"
#include "ledger/tx_sender.hpp"

// What generated bindings (tools/abigen) stand on.
namespace koinon::ledger {

/// Selector and encoded arguments. Errors: invalid_argument (a value does not fit its type).
Result<Bytes> call_data(const abi::Entry& function, std::vector<abi::Value> arguments);

/// Calls a view function and decodes its results as a tuple. Errors: those of Rpc; not_found when there is no contract.
Result<abi::Value> call_view(Rpc& rpc, const Address& contract, const abi::Entry& function, std::vector<abi::Value> arguments,
                             const std::string& tag);

/// A transaction that calls a function. Errors: invalid_argument.
Result<TxRequest> call_request(const Address& contract, const abi::Entry& function, std::vector<abi::Value> arguments,
                               const Wei& value = {});

/// Arguments of an event in the order of its declaration; an indexed argument of dynamic type is its keccak256.
/// Errors: malformed (another event, wrong topics or data).
Result<abi::Value> decode_event(const abi::Entry& event, const Log& log);

/// Any event of a contract as JSON: {"event": name, "args": {...}}. Errors: not_found (topic0 is none of `entries`), malformed.
Result<std::string> event_json(const std::vector<abi::Entry>& entries, const Log& log);

/// Type of an event's argument as decode_event() gives it.
abi::Type event_argument(const abi::Entry& event, std::size_t index);

/// Maps each item of a list to a value, or back.
template <class List, class F>
abi::Value list_value(const List& list, F&& to_value) {
  abi::Value out;
  for (const auto& item : list) out.items.push_back(to_value(item));
  return out;
}
template <class T, class F>
std::vector<T> read_list(const abi::Value& value, F&& read) {
  std::vector<T> out;
  out.reserve(value.items.size());
  for (const auto& item : value.items) out.push_back(read(item));
  return out;
}

/// Parses an ABI that was compiled into the program. Precondition: it is well-formed.
std::vector<abi::Entry> embedded_abi(std::string_view json);
/// Bytes of a hex text that was compiled into the program. Precondition: it is well-formed.
Bytes embedded_bytes(std::string_view hex);

}  // namespace koinon::ledger
