#include "node/paid/message.hpp"

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "ledger/typed_data.hpp"

namespace koinon::node::paid {
namespace {

using base::Code;
using base::fail;
using base::Status;
using nlohmann::json;

constexpr std::uint64_t kVersion = 2;
constexpr const char* kScheme = "exact";

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json requirements_json(const Requirements& r) {
  return {{"scheme", kScheme},
          {"network", r.network()},
          {"amount", r.amount.text()},
          {"asset", ledger::checksum_address(r.asset)},
          {"payTo", ledger::checksum_address(r.pay_to)},
          {"maxTimeoutSeconds", r.max_timeout_s},
          {"extra", {{"name", r.token_name}, {"version", r.token_version}}}};
}

Result<const json*> member(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return fail(Code::malformed, "[payment] no field {}", key);
  return &*found;
}

Result<const json*> object_of(const json& object, const char* key) {
  KOINON_TRY(const auto* value, member(object, key));
  if (!value->is_object()) return fail(Code::malformed, "[payment] {}: an object expected", key);
  return value;
}

Result<std::string> text_of(const json& object, const char* key, std::size_t most) {
  KOINON_TRY(const auto* value, member(object, key));
  if (!value->is_string()) return fail(Code::malformed, "[payment] {}: a text expected", key);
  const auto& text = value->get_ref<const std::string&>();
  if (text.empty() || text.size() > most)
    return fail(Code::malformed, "[payment] {}: {} characters, 1 to {} expected", key, text.size(), most);
  return text;
}

/// A whole number below 2^256 in decimal, without a sign or a leading zero.
Result<Wei> number_of(const json& object, const char* key) {
  constexpr std::size_t kMostDigits = 78;
  KOINON_TRY(const auto text, text_of(object, key, kMostDigits));
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || (text.size() > 1 && text[0] == '0'))
    return fail(Code::malformed, "[payment] {}: a whole number in decimal expected", key);
  return Wei::parse(text);
}

Result<Address> address_of(const json& object, const char* key) {
  KOINON_TRY(const auto text, text_of(object, key, 42));
  auto out = ledger::parse_address(text);
  if (!out) return fail(base::Error(out.error()).within(fmt::format("[payment] {}", key)));
  return out;
}

template <std::size_t N>
Result<base::FixedBytes<N>> hex_of(const json& object, const char* key) {
  KOINON_TRY(const auto text, text_of(object, key, 2 * N + 2));
  if (!text.starts_with("0x")) return fail(Code::malformed, "[payment] {}: 0x and {} hex digits expected", key, 2 * N);
  auto out = base::fixed_from_hex<N>(text);
  if (!out) return fail(base::Error(out.error()).within(fmt::format("[payment] {}", key)));
  return out;
}

Result<Authorization> read_authorization(const json& payload) {
  // Permit2, another way to pay under this scheme, has no field of this name.
  if (!payload.contains("authorization"))
    return fail(Code::unsupported, "[payment] no authorization: this node takes those of ERC-3009");
  KOINON_TRY(const auto* from, object_of(payload, "authorization"));
  Authorization out;
  KOINON_TRY(out.from, address_of(*from, "from"));
  KOINON_TRY(out.to, address_of(*from, "to"));
  KOINON_TRY(out.value, number_of(*from, "value"));
  KOINON_TRY(out.valid_after, number_of(*from, "validAfter"));
  KOINON_TRY(out.valid_before, number_of(*from, "validBefore"));
  KOINON_TRY(out.nonce, hex_of<32>(*from, "nonce"));
  KOINON_TRY(const auto signature, hex_of<65>(payload, "signature"));
  auto read = ledger::Signature::from_bytes(signature.view());
  if (!read) return fail(base::Error(read.error()).within("[payment] signature"));
  out.signature = *read;
  return out;
}

}  // namespace

std::string Requirements::network() const { return fmt::format("eip155:{}", chain_id); }

std::string write_required(const Requirements& requirements, const Resource& resource, std::string_view error) {
  return dumped({{"x402Version", kVersion},
                 {"error", error},
                 {"resource", {{"url", resource.url}, {"description", resource.description}, {"mimeType", "application/json"}}},
                 {"accepts", json::array({requirements_json(requirements)})},
                 {"extensions", json::object()}});
}

std::string write_settlement(const Settlement& settlement, const Requirements& requirements) {
  json out = {{"success", settlement.success},
              {"transaction", settlement.success ? base::to_hex(settlement.transaction) : ""},
              {"network", requirements.network()},
              {"payer", ledger::checksum_address(settlement.payer)}};
  if (!settlement.success) out["errorReason"] = settlement.reason;
  return dumped(out);
}

Result<Payment> read_payment(std::string_view field) {
  if (field.size() > kMaxPayment)
    return fail(Code::out_of_range, "[payment] {} characters: at most {}", field.size(), kMaxPayment);
  auto bytes = base::decode_base64(field);
  if (!bytes) return fail(std::move(bytes).error().within("[payment]"));
  return read_payment_json(base::as_text(*bytes));
}

Result<Payment> read_payment_json(std::string_view text) {
  KOINON_TRY(const auto read, base::read_json(text));
  if (!read.is_object()) return fail(Code::malformed, "[payment] an object expected");
  Payment out;
  KOINON_TRY(const auto* version, member(read, "x402Version"));
  if (!version->is_number_unsigned() || version->get<std::uint64_t>() != kVersion)
    return fail(Code::unsupported, "[payment] x402Version {}: {} expected", dumped(*version).substr(0, 20), kVersion);
  KOINON_TRY(const auto* accepted, object_of(read, "accepted"));
  KOINON_TRY(out.scheme, text_of(*accepted, "scheme", 40));
  KOINON_TRY(out.network, text_of(*accepted, "network", 80));
  if (out.scheme != kScheme)
    return fail(Code::unsupported, "[payment] scheme '{}': {} expected", out.scheme.substr(0, 40), kScheme);
  KOINON_TRY(out.asset, address_of(*accepted, "asset"));
  KOINON_TRY(out.pay_to, address_of(*accepted, "payTo"));
  KOINON_TRY(out.amount, number_of(*accepted, "amount"));
  KOINON_TRY(const auto* payload, object_of(read, "payload"));
  KOINON_TRY(out.authorization, read_authorization(*payload));
  return out;
}

Hash authorization_digest(const Requirements& requirements, const Authorization& authorization) {
  const ledger::TypedDomain domain{requirements.token_name, requirements.token_version, requirements.chain_id,
                                   requirements.asset};
  const auto& a = authorization;
  return ledger::typed_data_hash(domain.separator(),
                                 ledger::StructHash("TransferWithAuthorization(address from,address to,uint256 value,uint256 "
                                                    "validAfter,uint256 validBefore,bytes32 nonce)")
                                     .add(a.from)
                                     .add(a.to)
                                     .add(a.value)
                                     .add(a.valid_after)
                                     .add(a.valid_before)
                                     .add(a.nonce)
                                     .hash());
}

std::optional<Refusal> check_signature(const Payment& payment, const Requirements& requirements) {
  const auto& a = payment.authorization;
  const auto signer = ledger::recover(authorization_digest(requirements, a), a.signature);
  if (signer && *signer == a.from) return std::nullopt;
  return Refusal{"invalid_exact_evm_payload_signature",
                 fmt::format("the signature is not one of {} over this authorisation in the domain of the token",
                             ledger::checksum_address(a.from))};
}

std::optional<Refusal> check_terms(const Payment& payment, const Requirements& requirements) {
  const auto& a = payment.authorization;
  if (payment.network != requirements.network())
    return Refusal{"invalid_network", fmt::format("network {}: {} expected", payment.network, requirements.network())};
  if (payment.asset != requirements.asset || payment.pay_to != requirements.pay_to || payment.amount != requirements.amount)
    return Refusal{"invalid_payment_requirements",
                   "what it accepts is not what is asked for: token, recipient or amount differ"};
  if (a.to != requirements.pay_to)
    return Refusal{
        "invalid_exact_evm_payload_recipient_mismatch",
        fmt::format("it pays {}: {} expected", ledger::checksum_address(a.to), ledger::checksum_address(requirements.pay_to))};
  if (a.value != requirements.amount)
    return Refusal{"invalid_exact_evm_payload_authorization_value",
                   fmt::format("it pays {} wei: {} expected", a.value.text(), requirements.amount.text())};
  return std::nullopt;
}

std::optional<Refusal> check_time(const Payment& payment, std::int64_t now_s) {
  const auto& a = payment.authorization;
  const auto at = [&](std::int64_t after) { return Wei(static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_s + after))); };
  if (a.valid_after > at(0))
    return Refusal{"invalid_exact_evm_payload_authorization_valid_after", "the authorisation is not valid yet"};
  if (a.valid_before < at(kMinLeft) || a.valid_before > at(kMaxLeft))
    return Refusal{"invalid_exact_evm_payload_authorization_valid_before",
                   fmt::format("the authorisation ends at {}: {} seconds to a day from {} expected", a.valid_before.text(),
                               kMinLeft, now_s)};
  return std::nullopt;
}

}  // namespace koinon::node::paid
