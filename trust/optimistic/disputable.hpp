#pragma once
#include "engine/program/program.hpp"

namespace koinon::trust::optimistic {

/// The most that one proof of an element may take.
inline constexpr std::uint64_t kMaxProofGas = 15'000'000;  ///< of 16,777,216 (EIP-7825); the rest is the market's
inline constexpr std::uint64_t kMaxRow = 65'536;           ///< elements of a row of a matmul or conv

/// The longest proof of an element of one step: bounds that follow from shapes and parameters alone.
struct ProofBound {
  std::uint64_t bytes = 0;
  std::uint64_t gas = 0;
  std::uint64_t row = 0;  ///< longest row of a matmul or conv, in elements
};

/// Of an element of step number `step`, with the steps that make its inner operands. Precondition: there is such a step, of a
/// valid program.
ProofBound proof_bound(const engine::program::Program& program, std::size_t step);

/// Whether any wrong element of any run can be shown in one transaction. A pure function of the program. Errors: unsupported,
/// naming the step, what it takes and what would help.
base::Status disputable(const engine::program::Program& program);

}  // namespace koinon::trust::optimistic
