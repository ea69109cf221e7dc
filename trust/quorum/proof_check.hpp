#pragma once
#include "trust/quorum/optimistic.hpp"

namespace koinon::trust {

/// The check by proof: one provider claims, and its claim is paid when its buyer, or a contract, has checked a zero-knowledge
/// proof of it (docs/trust/proof.md, 12). What it decides on claims is what the optimistic check does. The twin of `decide` in
/// contracts/src/ProofCheck.sol.
class ProofCheck final : public Check {
 public:
  static constexpr std::uint8_t kCode = 2;

  [[nodiscard]] std::uint8_t code() const override { return kCode; }
  [[nodiscard]] std::string_view name() const override { return "proof"; }
  [[nodiscard]] Decision decide(const Case& facts) const override { return OptimisticCheck().decide(facts); }
};

/// True of the checks under which one provider claims alone: no quorum, no audit, no appeal.
[[nodiscard]] constexpr bool is_alone(std::uint8_t check) {
  return check == OptimisticCheck::kCode || check == ProofCheck::kCode;
}

}  // namespace koinon::trust
