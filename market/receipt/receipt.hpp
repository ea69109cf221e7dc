#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ledger/key.hpp"
#include "market/book/book.hpp"
#include "trust/quorum/quorum.hpp"

namespace koinon::market {

/// Digest that a provider signs over its claim (EIP-712, domain "Koinon" version "1" of the market):
/// Claim(uint64 order,uint32 account,bytes32 spec,bytes32 inputRoot,bytes32 outputRoot,bytes32 traceRoot).
Hash claim_digest(const trust::OrderContext& context, std::uint32_t account, const Hash& spec, const Hash& input_root,
                  const Hash& output_root, const Hash& trace_root);

/// A claim with the signature of the provider's operator: evidence that stands without the ledger.
struct SignedClaim {
  trust::Role role = trust::Role::quorum;
  std::uint32_t account = 0;
  base::Address operator_address;
  Hash output_root, trace_root;
  base::FixedBytes<65> signature;
};

struct MemberPayment {
  std::uint32_t account = 0;
  std::string verdict;
  Wei paid, slashed;
};

/// How the claim of an optimistic order fell.
struct Condemned {
  std::string reason;                 ///< "refuted" by a proof, or "withheld": a demand for a part of it was left unanswered
  std::uint32_t claimant = 0;         ///< account whose claim it was
  std::uint32_t by = 0;               ///< account whose proof it was; 0 of a claim that was withheld
  std::optional<std::uint8_t> fraud;  ///< what the proof shows (Types.sol, Fraud)
  Hash tx;                            ///< that showed it, or ended the order
};

/// A signed record of one order: what was asked, what came out, the evidence, and where the ledger says so.
struct Receipt {
  std::uint64_t chain_id = 0;
  base::Address market;
  std::uint64_t order = 0;
  std::string kind, check, privacy;
  std::uint8_t n = 0, k = 0;
  Hash spec, input_root, output_root, trace_root;
  std::vector<base::Bytes> outputs;  ///< canonical bytes; may be left out to keep them private
  std::vector<SignedClaim> claims;
  /// The result was not handed over, but brought to the ledger on demand. What stands there carries no signature of its own, so
  /// that the claims are confirmed by the ledger alone.
  bool over_ledger = false;
  std::optional<Hash> proof;  ///< keccak256 of the proof (trust/proof, encode_proof), of an order that asked for one
  std::string verdict;        ///< "accepted"; "rejected" of an order whose claim fell, whose roots are those of that claim
  std::optional<Condemned> condemned;
  std::vector<MemberPayment> payments;
  Wei paid, slashed, burned, refunded;
  Hash placed_tx, settled_tx;
  std::uint64_t settled_block = 0;
  std::int64_t issued_at_ms = 0;
  base::Address issuer;
  base::FixedBytes<65> signature;  ///< of the issuer over digest()

  /// keccak256 of the JSON without its signature, keys sorted, no spaces.
  [[nodiscard]] Hash digest() const;
  [[nodiscard]] std::string to_json() const;
  /// Takes what to_json() writes, whatever its white space and the order of its fields, and nothing else: no unknown field, no
  /// key twice, no other spelling of a value. Errors: malformed, naming the field; unsupported (another format).
  static Result<Receipt> from_json(std::string_view text);
  /// True when it names the settlement that the order has now: a reorganisation may have taken back the one that it names.
  [[nodiscard]] bool is_of(const OrderView& settled) const;
};

/// How the claim of an order fell, as the ledger says; nothing of other orders.
std::optional<Condemned> condemned_of(const OrderView& order);

/// What an offline check found.
struct ReceiptReport {
  bool outputs_included = false;
  std::size_t supporting = 0;  ///< signed claims for the receipt's roots
  std::size_t needed = 0;
  bool needs_ledger = false;  ///< fewer signed claims than needed: what was revealed on the ledger stands in their place
  /// A claim that fell: here it is checked that the issuer says so and, where supporting is 1, that a key which the receipt
  /// calls the claimant's signed it. That it fell, and whose key that is, only the ledger says.
  bool is_condemned = false;
};

/// Checks all that needs no ledger: the issuer's signature, every claim's signature, that the outputs hash to the output root,
/// and that the claims make the verdict under the order's policy. Of a result that came over the ledger the last may need the
/// ledger: the report then says so, and only verify_on_ledger() makes the receipt good. Errors: rejected, saying what fails;
/// unsupported (a check that is not among `checks`).
Result<ReceiptReport> verify_offline(const Receipt& receipt, const trust::CheckSet& checks = trust::standard_checks());

/// Compares a receipt with the order in the book: roots, verdict, payments, and every claim with what was revealed, by an
/// operator that the account had. Errors: rejected, naming the field; not_found.
Status verify_on_ledger(const Receipt& receipt, const Book& book, const trust::CheckSet& checks = trust::standard_checks());

}  // namespace koinon::market
