#pragma once
#include <optional>
#include <utility>

#include "engine/tensor/tensor.hpp"
#include "trust/optimistic/element.hpp"

namespace koinon::trust::optimistic {

/// What a counter-example about a wrong element points at: the hints to try, in order; the first that refutes it will do.
/// `operands` are the true ones (null for those that the kinds with hints do not need), `outputs` the true outputs.
std::vector<std::vector<std::uint64_t>> hints_for(const engine::program::Step& step, std::uint64_t index,
                                                  const std::vector<const engine::tensor::IntTensor*>& operands,
                                                  const std::vector<const engine::tensor::IntTensor*>& outputs);

/// Two places of one batch with equal indices, of a scatter; nothing when its indices are distinct.
std::optional<std::pair<std::uint64_t, std::uint64_t>> repeated_places(const engine::program::Step& step,
                                                                       const engine::tensor::IntTensor& indices);

}  // namespace koinon::trust::optimistic
