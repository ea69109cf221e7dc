#pragma once
#include "engine/language/generate.hpp"

// What a run of a chain takes and leaves. Shared by generate.cpp and chain.cpp.
namespace koinon::engine::language {

/// Zeros in the form of a model's state.
std::vector<tensor::IntTensor> first_state(const Model& model);
/// The inputs of a run that are not state, in order.
std::vector<tensor::IntTensor> small_inputs(std::span<const std::int64_t> tokens, std::int64_t position,
                                            const SamplingNumbers& sampling, const base::Hash& seed);
/// Root of the inputs of a run: of these, and of the state that has these roots.
base::Hash input_root_of(std::span<const tensor::IntTensor> small, std::span<const base::Hash> states);
/// The link of a run that returned the whole state.
Link link_of(std::int64_t position, std::int64_t taken, const run::Run& done);

}  // namespace koinon::engine::language
