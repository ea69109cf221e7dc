#pragma once
#include <cstdint>
#include <string_view>

#include "base/hash.hpp"

namespace koinon::trust {

/// The roots of one run. The witness hashes the list of step output roots, which is published nowhere, so only who really ran
/// the program knows it. It is never revealed; jurors reveal links of a chain that hangs from it (witness_link).
struct Roots {
  base::Hash output;
  base::Hash trace;
  base::Hash witness;
  friend bool operator==(const Roots&, const Roots&) = default;
};

/// How a provider is asked: as one of the quorum, as the auditor after it, or as a juror. On the ledger: never renumber.
enum class Role : std::uint8_t { quorum = 0, audit = 1, jury = 2 };

/// What a provider asserts about an order, as revealed on the ledger.
struct Claim {
  std::uint32_t account = 0;
  base::Hash output_root;
  base::Hash trace_root;
  base::Hash mark;  ///< quorum and audit: tag(); jury: witness_link()

  /// True when both name the same result. Marks differ between honest providers.
  [[nodiscard]] bool same_result(const Claim& other) const {
    return output_root == other.output_root && trace_root == other.trace_root;
  }
  friend bool operator==(const Claim&, const Claim&) = default;
};

/// Outcome of a check. Persisted and in receipts: never renumber.
enum class Verdict : std::uint8_t { pending = 0, accepted = 1, rejected = 2, undecided = 3, bad_input = 4 };
std::string_view verdict_name(Verdict verdict);

/// Where an order lives: commitments and tags bind it, so that nothing can be replayed on another chain or market.
struct OrderContext {
  std::uint64_t chain_id = 0;
  base::Address market;
  std::uint64_t order = 0;
};

/// Juries that one order may have, and so links of its witness.
inline constexpr unsigned kJuries = 2;
/// What a juror of jury number `jury` (0, 1) reveals of the witness, which nobody else can know: link 1 =
/// keccak256(abi.encode(keccak256("koinon.witness-link"), chain id, market, order, witness)), link 0 = keccak256(abi.encode(
/// keccak256("koinon.witness-link"), link 1)) (WorkMarket.linkOf). So the first jury's marks do not help a juror of the second.
/// Precondition: jury < kJuries.
base::Hash witness_link(const OrderContext& context, const base::Hash& witness, unsigned jury);
/// Link 0, from what a juror of jury number `jury` revealed (contracts/src/Witness.sol).
base::Hash witness_base(base::Hash mark, unsigned jury);

/// Proof of having run the program, bound to one provider: keccak256(abi.encode(keccak256("koinon.tag"), chain id, market,
/// order, account, witness)), each a word (WorkMarket.tagOf). `witness` is link 0.
base::Hash tag(const OrderContext& context, std::uint32_t account, const base::Hash& witness);

/// What a provider commits to before it reveals: keccak256(abi.encode(keccak256("koinon.commit"), chain id, market, order,
/// round, account, output root, trace root, mark, result digest, result size, salt)), each a word (WorkMarket.commitmentOf).
base::Hash commitment(const OrderContext& context, std::uint8_t round, const Claim& claim, const base::Hash& result_digest,
                      std::uint64_t result_size, const base::Hash& salt);

/// Output root and witness that stand for "the envelope that I got does not hold the input that the order binds, or the program
/// refuses it": keccak256("koinon.bad-input"). The trace root is zero. Whoever has the input can check it.
Roots bad_input_roots();
/// Output root and witness that stand for "the program could not be had": keccak256("koinon.unserved"). The trace root is zero.
/// Nobody can check it; it costs a tenth of the highest price on both sides.
Roots unserved_roots();

}  // namespace koinon::trust
