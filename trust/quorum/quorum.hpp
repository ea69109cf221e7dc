#pragma once
#include "trust/check.hpp"

namespace koinon::trust {

/// Check by quorum, audit and jury: the twin of contracts/src/QuorumCheck.sol, whose head states the rules.
class QuorumCheck final : public Check {
 public:
  [[nodiscard]] std::uint8_t code() const override { return 0; }
  [[nodiscard]] std::string_view name() const override { return "quorum"; }
  [[nodiscard]] Decision decide(const Case& facts) const override;

  /// Seats of the jury that opens as number `index` (0, 1, ...) over a quorum of n: 2n + 1, then twice that and one.
  static std::uint8_t jury_size(std::uint8_t n, std::uint8_t index);
  /// The number that the lot draws, uint256(keccak256(abi.encode(seed, order))) % 10000: an audit is held when it is below the
  /// order's audit_bps.
  static std::uint64_t audit_lot(std::uint64_t order, const base::Hash& seed);
};

/// The checks that every node understands: quorum, optimistic and proof. Others are added to it.
CheckSet standard_checks();

}  // namespace koinon::trust
