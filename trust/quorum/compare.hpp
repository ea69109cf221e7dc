#pragma once
#include <span>

#include "trust/claim.hpp"

namespace koinon::trust {

/// One seat of an order whose verdict stands, as those see it who compare tags.
struct SeatTag {
  Claim claim;
  Role role = Role::quorum;
  bool accepted = false;
};

/// True while tags are to be compared: an audit found what the quorum did, and no jury has judged the tags. An auditor acts
/// when the roots of the quorum are known to all, and could repeat them without a run; its tag would be false, which every
/// member that ran the program sees. Such an order stands to its deadline, so that they can appeal.
bool awaits_comparison(std::span<const SeatTag> seats, unsigned juries);

/// The account of an accepted claim of the quorum or of an audit whose tag no run gives; 0: none. `witness` is link 0 of our
/// own run, which gave the roots of the verdict.
std::uint32_t without_run(const OrderContext& context, std::span<const SeatTag> seats, const base::Hash& witness);

}  // namespace koinon::trust
