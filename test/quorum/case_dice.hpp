#pragma once
#include "base/money.hpp"
#include "base/random.hpp"
#include "trust/check.hpp"

namespace koinon::test::quorum {

/// A random case as a market could build it: a quorum, perhaps redrawn, then audits and juries; members that are honest, lie,
/// copy (right roots under a made-up tag), keep silent or claim bad input. Thrown so that every Action of the checks occurs
/// often.
trust::Case throw_case(base::Random& random);

/// The case as the bindings of a check's contract write it.
template <class Contract>
typename Contract::Case to_contract(const trust::Case& c) {
  typename Contract::Case out;
  out.chain_id = base::Wei(c.context.chain_id);
  out.market = c.context.market;
  out.order_id = c.context.order;
  out.n = c.n;
  out.k = c.k;
  out.audit_bps = c.audit_bps;
  out.audit_forced = c.audit_forced;
  out.audit_seed = c.audit_seed;
  for (const auto& r : c.rounds) out.rounds.push_back({static_cast<std::uint8_t>(r.role), r.appealed, r.lapsed, r.seated});
  for (const auto& s : c.claims)
    out.claims.push_back({s.claim.account, s.round, s.revealed, s.claim.output_root, s.claim.trace_root, s.claim.mark});
  return out;
}

/// The answer of a check's contract.
template <class Answer>
trust::Decision from_contract(const Answer& d) {
  return {static_cast<trust::Action>(d.action), d.seats, d.output_root, d.trace_root, d.witness, d.accepted, d.rejected};
}

}  // namespace koinon::test::quorum
