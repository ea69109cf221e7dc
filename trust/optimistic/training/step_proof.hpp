#pragma once
#include "trust/optimistic/fraud.hpp"
#include "trust/optimistic/training/element.hpp"

namespace koinon::trust::optimistic::training {

/// What somebody asserts of a step, counted from 0 (TrainCheck.Step).
struct StepClaim {
  base::Hash tape, trace;
  base::Hash before, after;  ///< state roots (engine/train/net/state.hpp)
  std::uint64_t step = 0;
};

/// An element of a step does not follow from the operands of its formula (TrainCheck.ElementProof).
struct StepElementProof {
  TapeRoots tape;
  std::uint64_t number = 0;
  base::Bytes formula;
  std::vector<base::Hash> siblings;
  std::uint64_t index = 0;
  std::vector<Opened> opened;  ///< operands, then the output
};

/// An array of a state is another one in the trace (TrainCheck.StateProof).
struct StepStateProof {
  TapeRoots tape;
  bool after = false;
  std::uint64_t array = 0;
  base::Hash list, in_state;
  std::vector<base::Hash> state_siblings;
  base::Hash in_trace;
  std::vector<base::Hash> trace_siblings;
};

/// A claimed step with every value known: its trees, and what they prove.
class ClaimedStep {
 public:
  /// `tape` outlives it. Precondition: the values have the sizes that the tape says.
  ClaimedStep(const Tape& tape, Values values, std::uint64_t step);

  /// With the state roots that follow from the trace.
  [[nodiscard]] const StepClaim& claim() const { return claim_; }
  [[nodiscard]] const Values& values() const { return values_; }
  /// Root of a value.
  [[nodiscard]] const base::Hash& root(std::size_t value) const { return roots_[value]; }
  /// Opens an element of what formula `number` makes, with all that it is made of; whether it is wrong or not.
  [[nodiscard]] StepElementProof prove(std::size_t number, std::size_t index) const;
  /// Compares array `array` of a state, whose arrays have these roots, with the trace.
  [[nodiscard]] StepStateProof compare(bool after, std::size_t array, const std::vector<base::Hash>& state) const;

 private:
  [[nodiscard]] Opened open(std::uint32_t value, const std::set<std::uint64_t>& leaves) const;

  const Tape& tape_;
  Values values_;
  TapeRoots tape_roots_;
  std::vector<base::Hash> formulas_, roots_;
  StepClaim claim_;
};

/// keccak256("koinon.training.state" | be64(steps) | list_root of the arrays), as engine/train/net/state.hpp has it.
base::Hash state_of(const std::vector<base::Hash>& arrays, std::uint64_t steps);

}  // namespace koinon::trust::optimistic::training
