#include "trust/quorum/optimistic.hpp"

namespace koinon::trust {

Decision OptimisticCheck::decide(const Case& c) const {
  KOINON_INVARIANT(c.claims.size() <= 64);
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const auto& seat = c.claims[i];
    if (!seat.revealed || seat.claim.output_root == bad_input_roots().output ||
        seat.claim.output_root == unserved_roots().output)
      continue;
    Decision out;
    out.action = Action::stand;
    out.output_root = seat.claim.output_root;
    out.trace_root = seat.claim.trace_root;
    out.accepted = std::uint64_t{1} << i;
    return out;
  }
  return {};
}

}  // namespace koinon::trust
