#pragma once
#include <memory>

#include "trust/optimistic/demand.hpp"
#include "trust/optimistic/fraud.hpp"
#include "trust/optimistic/kept_run.hpp"
#include "trust/optimistic/program_trees.hpp"

namespace koinon::trust::optimistic {

/// The claim is that of the own run.
struct Agreed {};

/// What a challenger does next: nothing, ask, or show.
using Finding = std::variant<Agreed, Demand, Fraud>;

/// The search for what is wrong with a claim. It goes down the trees of the claim where they differ from those of the own run
/// and asks for what it does not know; whoever has it answers: the provider's node, or the provider on the ledger. The answers
/// are all of its state: given again in any order, they lead to the same place.
/// Invariants: 1. an answer is kept only if the claim's roots bind it; 2. a Fraud refutes the claim (refutes in evidence.hpp).
class Dispute {
 public:
  /// Borrows all three; they must outlive it. `own` is a run of the program on the order's input.
  Dispute(const ProgramTrees& program, const KeptRun& own, const ClaimRoots& claim);
  ~Dispute();
  Dispute(Dispute&&) noexcept;
  Dispute& operator=(Dispute&&) noexcept;

  /// The next step. Errors: unsupported (what is wrong does not fit one proof; the program is not disputable), those of
  /// KeptRun::values.
  base::Result<Finding> next();
  /// Takes an answer. Errors: rejected (the claim does not bind it).
  base::Status give(const Demand& demand, const Answer& answer);

 private:
  class Search;
  std::unique_ptr<Search> search_;
};

}  // namespace koinon::trust::optimistic
