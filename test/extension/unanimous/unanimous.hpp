#pragma once
#include "trust/check.hpp"

namespace koinon::test::extension {

/// Check by unanimity: the twin of ../contracts/UnanimousCheck.sol, whose head states the rules.
class UnanimousCheck final : public trust::Check {
 public:
  /// Its place in the market's list: 1 and 2 are kept for the optimistic check and the proof.
  static constexpr std::uint8_t kCode = 3;

  [[nodiscard]] std::uint8_t code() const override { return kCode; }
  [[nodiscard]] std::string_view name() const override { return "unanimous"; }
  [[nodiscard]] trust::Decision decide(const trust::Case& facts) const override;
  [[nodiscard]] std::uint8_t needed(std::uint8_t n, [[maybe_unused]] std::uint8_t k) const override { return n; }
};

}  // namespace koinon::test::extension
