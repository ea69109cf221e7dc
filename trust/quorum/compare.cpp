#include "trust/quorum/compare.hpp"

#include <algorithm>

namespace koinon::trust {

bool awaits_comparison(std::span<const SeatTag> seats, unsigned juries) {
  return juries == 0 && std::ranges::any_of(seats, [](const SeatTag& s) { return s.accepted && s.role == Role::audit; });
}

std::uint32_t without_run(const OrderContext& context, std::span<const SeatTag> seats, const base::Hash& witness) {
  for (const auto& seat : seats)
    if (seat.accepted && seat.role != Role::jury && seat.claim.mark != tag(context, seat.claim.account, witness))
      return seat.claim.account;
  return 0;
}

}  // namespace koinon::trust
