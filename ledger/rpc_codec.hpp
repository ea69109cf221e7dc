#pragma once
#include <nlohmann/json_fwd.hpp>

#include "ledger/rpc.hpp"

// Reading of what a server answers: every member is checked before it is used. Internal to ledger.
namespace koinon::ledger::codec {

/// "0x1f" without leading zeros asked for; at most 64 or 256 bits. Errors: malformed.
Result<std::uint64_t> quantity(const nlohmann::json& value);
Result<Wei> wei(const nlohmann::json& value);
Result<Bytes> bytes(const nlohmann::json& value);
/// The text of a JSON string, borrowed. Errors: malformed, naming what was expected.
Result<std::string_view> text(const nlohmann::json& value, std::string_view expected);
template <std::size_t N>
Result<base::FixedBytes<N>> fixed(const nlohmann::json& value) {
  KOINON_TRY(const auto hex, text(value, "hex of fixed size"));
  return base::fixed_from_hex<N>(hex);
}
/// A member of an object; null when it is absent.
const nlohmann::json& member(const nlohmann::json& object, const char* name);
std::string hex_quantity(std::uint64_t value);
std::string hex_quantity(const Wei& value);
nlohmann::json call_json(const CallRequest& request);
nlohmann::json query_json(const LogQuery& query);
/// The result or error of one reply object.
Result<nlohmann::json> result_of(const nlohmann::json& reply, const std::vector<abi::Entry>& errors);

}  // namespace koinon::ledger::codec
