#pragma once
#include <span>
#include <vector>

#include "base/merkle.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::run {

/// Roots of each tensor.
std::vector<base::Hash> tensor_roots(std::span<const tensor::IntTensor> tensors);
/// list_root(Domain::inputs, tensor roots).
base::Hash input_root(std::span<const tensor::IntTensor> inputs);
/// keccak256(0x03 | Domain::inputs | salt | input_root(inputs)): hides inputs that are few enough to be guessed.
base::Hash salted_input_root(const base::Hash& salt, std::span<const tensor::IntTensor> inputs);
/// list_root(Domain::outputs, tensor roots).
base::Hash output_root(std::span<const tensor::IntTensor> outputs);
/// list_root(Domain::trace, roots): roots of the inputs, then of each step's outputs, program::kInnerRoot for inner ones.
base::Hash trace_root(const std::vector<base::Hash>& roots);
/// keccak256("koinon.witness" | roots): known only to who holds the trace, and not computable from trace_root.
base::Hash witness(const std::vector<base::Hash>& roots);

}  // namespace koinon::engine::run
