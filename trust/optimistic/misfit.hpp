#pragma once
#include <optional>
#include <vector>

#include "trust/optimistic/program_trees.hpp"

namespace koinon::trust::optimistic {

/// What shows that a program does not take this input: another number of tensors (InputsProof), or the first of another length
/// (InputLengthProof). Whoever claims a result of an order for it lies, whatever the claim says. Nothing where number and
/// lengths are right. `inputs`: the bytes of each, as the order's input root binds them.
std::optional<Fraud> misfit(const ProgramTrees& program, const std::vector<base::Bytes>& inputs);

}  // namespace koinon::trust::optimistic
