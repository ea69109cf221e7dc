#pragma once
#include "base/tree.hpp"
#include "trust/optimistic/fraud.hpp"

namespace koinon::trust::optimistic {

/// The trees of a program's id, made once for all proofs about it.
class ProgramTrees {
 public:
  /// Borrows the program, which must outlive it and not change.
  explicit ProgramTrees(const engine::program::Program& program);

  [[nodiscard]] const engine::program::Program& program() const { return *program_; }
  [[nodiscard]] const ProgramParts& parts() const { return parts_; }
  [[nodiscard]] const base::Hash& id() const { return id_; }
  /// Precondition: there is such a step.
  [[nodiscard]] StepOpening step(std::size_t number) const;
  /// Siblings of a weight's or table's root in its list. Precondition: a constant of the program.
  [[nodiscard]] std::vector<base::Hash> constant_path(engine::program::Ref ref) const;

 private:
  const engine::program::Program* program_;
  ProgramParts parts_;
  base::Hash id_;
  base::Tree steps_, weights_, tables_;
};

}  // namespace koinon::trust::optimistic
