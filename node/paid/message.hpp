#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"
#include "ledger/key.hpp"

// Messages of x402, version 2, scheme "exact" on EVM chains (x402 specification v2, section 5; scheme_exact_evm, EIP-3009).
namespace koinon::node::paid {

using base::Address;
using base::Hash;
using base::Result;
using base::Wei;

/// How a call may be paid: PaymentRequirements (section 5.1.2).
struct Requirements {
  std::uint64_t chain_id = 0;
  Address asset;              ///< a token that knows ERC-3009
  std::string token_name;     ///< of its EIP-712 domain
  std::string token_version;  ///< of its EIP-712 domain
  Address pay_to;
  Wei amount;  ///< exactly
  std::uint32_t max_timeout_s = 0;

  /// CAIP-2: "eip155:1".
  [[nodiscard]] std::string network() const;
};

/// What is sold: ResourceInfo (section 5.1.2).
struct Resource {
  std::string url;
  std::string description;
};

/// A transfer that the payer signed (EIP-3009, TransferWithAuthorization).
struct Authorization {
  Address from, to;
  Wei value, valid_after, valid_before;  ///< times in seconds
  Hash nonce;
  ledger::Signature signature;
};

/// PaymentPayload (section 5.2.2). What it says that it accepts is kept as it came, to be compared with what was asked.
struct Payment {
  std::string scheme, network;
  Address asset, pay_to;
  Wei amount;
  Authorization authorization;
};

/// Why a payment does not do: a reason of section 9 for programs, and a text for people.
struct Refusal {
  std::string reason;
  std::string text;
};

/// SettlementResponse (section 5.3.2).
struct Settlement {
  bool success = false;
  std::string reason;  ///< of a failure
  Address payer;
  Hash transaction;  ///< of a success
};

/// PaymentRequired (section 5.1.2) as JSON; `error` says why the call was not served.
std::string write_required(const Requirements& requirements, const Resource& resource, std::string_view error);
/// SettlementResponse as JSON.
std::string write_settlement(const Settlement& settlement, const Requirements& requirements);

/// A PaymentPayload as it stands in the field PAYMENT-SIGNATURE: base64 of JSON. Fields that it does not need are not looked
/// at, since extensions may add any. Errors: malformed, unsupported (another version, or a scheme with another payload),
/// out_of_range (more than kMaxPayment characters).
inline constexpr std::size_t kMaxPayment = 8192;
Result<Payment> read_payment(std::string_view field);
/// The same of the JSON text.
Result<Payment> read_payment_json(std::string_view text);

/// What the payer signs: the digest of the authorisation in the domain of the token (EIP-712).
Hash authorization_digest(const Requirements& requirements, const Authorization& authorization);

/// Whether the payer signed the authorisation for this token.
std::optional<Refusal> check_signature(const Payment& payment, const Requirements& requirements);
/// Whether it pays what is asked: scheme, network, token, recipient, amount.
std::optional<Refusal> check_terms(const Payment& payment, const Requirements& requirements);
/// Whether it is good for the `kMinLeft` seconds that a settlement takes, and no longer than a day. `now_s`: Unix time.
inline constexpr std::int64_t kMinLeft = 6, kMaxLeft = 86'400;
std::optional<Refusal> check_time(const Payment& payment, std::int64_t now_s);

}  // namespace koinon::node::paid
