#pragma once
#include "market/actor/ports.hpp"
#include "trust/quorum/compare.hpp"
#include "work/parcel.hpp"

// Inputs are sealed by a fixed rule, so that a claim of bad input can be checked by whoever has the input.
namespace koinon::market {

/// True of an order whose input everybody may see: the optimistic check, where anyone may run it again and a contract opens
/// what a step reads.
[[nodiscard]] bool is_public(const Terms& terms);
/// True of orders that ask for a proof: the salt of their input names what it must be about (ProofLedger::subject).
[[nodiscard]] bool asks_for_proof(const Terms& terms);
/// What an order on these terms binds of its input: the salted root, or of a public input the root alone.
[[nodiscard]] Hash bound_root(const Terms& terms, const work::Parcel& parcel);

/// The envelopes of `round` around `parcel`: sealed (seal_bound) to the keys that the members of the round had when they were
/// drawn, in the order of their seats, and to the publisher's; unusable keys are left out. A public input travels as it is.
/// Errors: those of seal_bound.
Result<base::Bytes> seal_input(const OrderView& order, std::uint8_t round, const work::Parcel& parcel, const BoxKey& publisher);

/// True of a verdict that says that the input is not what the order binds.
[[nodiscard]] bool says_bad_input(const std::optional<StandingVerdict>& verdict);
/// True of a revealed claim of a result.
[[nodiscard]] bool has_result(const Seat& seat);

/// What a jury is asked when an appeal stands against BAD_INPUT: whether members of the quorum were right to claim it. True
/// from that appeal on, for the second jury too.
[[nodiscard]] bool accused(const OrderView& order);

/// True when every member of the quorum that claims bad input was given `parcel`: the root of what the buyer published in its
/// round is that of seal_input().
[[nodiscard]] bool envelopes_hold(const OrderView& order, const work::Parcel& parcel);

/// Roots by which a juror confirms that an input is bad: the witness shows that it has the input, which alone is not enough for
/// who only repeats the accusation.
trust::Roots confirmation(const work::Parcel& parcel);

/// Roots of a claim without a result. `rejected`: provably the buyer's fault (an envelope that does not open or holds something
/// else, an input that the program refuses). Otherwise a member of the quorum says that the program could not be had, which
/// costs it a tenth of the price; auditors and jurors abstain.
trust::Roots excuse(const OrderView& order, bool rejected);

/// What a member reveals to show that it ran the work: a tag, or a juror's link of the witness.
Hash mark_of(const OrderView& order, const trust::OrderContext& context, std::uint32_t account, std::uint8_t round,
             const Hash& witness);

/// The seats of an order with a verdict, for who compares tags.
std::vector<trust::SeatTag> seat_tags(const OrderView& order);
/// True while the members' comparison of tags is awaited, so that the order is not to be confirmed without an own run.
[[nodiscard]] bool awaits_comparison(const OrderView& order);

}  // namespace koinon::market
