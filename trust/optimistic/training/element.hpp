#pragma once
#include <functional>
#include <optional>
#include <set>

#include "trust/optimistic/training/tape.hpp"

namespace koinon::trust::optimistic::training {

/// Every value of a step.
using Values = std::vector<std::vector<float>>;

/// What a formula reads: operand and element.
using Noticed = std::function<void(std::size_t operand, std::size_t element)>;

/// Element `index` of what a formula makes, as engine/train computes it and TrainCheck does; NaN is the canonical one.
/// Preconditions: the formula is one of compile_tape, the values have its sizes, labels are classes. `noticed` sees each read.
float element(const Formula& formula, const Values& values, std::size_t index, const Noticed& noticed = {});

/// Everything a step makes. `given`: value `constants`, the batch and the state before; what is empty is made. Scalar and on
/// one thread: for one step in a dispute, not for training.
Values run_step(const Tape& tape, Values given);

/// The first formula, and the element of its output, where `claimed` is not what it makes of its own operands; absent when all
/// are right. What has another size than the tape says counts from its first element on.
struct Wrong {
  std::size_t formula = 0, index = 0;
};
std::optional<Wrong> first_wrong(const Tape& tape, const Values& claimed);

}  // namespace koinon::trust::optimistic::training
