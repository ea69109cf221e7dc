#pragma once
#include <span>

#include "engine/program/program.hpp"

namespace koinon::engine::run {

/// Errors: invalid_argument (hidden weights; number, type, shape or size of the inputs), out_of_range (an element outside its
/// input's range).
base::Status check_inputs(const program::Program& program, std::span<const tensor::IntTensor> inputs);

}  // namespace koinon::engine::run
