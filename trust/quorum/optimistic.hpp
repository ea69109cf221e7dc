#pragma once
#include "trust/check.hpp"

namespace koinon::trust {

/// The optimistic check: one provider claims, and its claim stands unless somebody shows that it is wrong while it does
/// (docs/trust/optimistic.md). The twin of contracts/src/OptimisticCheck.sol.
class OptimisticCheck final : public Check {
 public:
  static constexpr std::uint8_t kCode = 1;

  [[nodiscard]] std::uint8_t code() const override { return kCode; }
  [[nodiscard]] std::string_view name() const override { return "optimistic"; }
  /// The claim of the quorum's one member stands when it is one of a result; else the order ends undecided, as nobody can judge
  /// what it says instead.
  [[nodiscard]] Decision decide(const Case& facts) const override;
};

}  // namespace koinon::trust
