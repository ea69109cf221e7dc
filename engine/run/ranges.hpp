#pragma once
#include <vector>

#include "engine/program/bounds.hpp"

namespace koinon::engine::run {

/// A range for every value that holds the proved one, found without reading the weights of matmul and conv.
std::vector<program::Range> estimate_ranges(const program::Program& program);

}  // namespace koinon::engine::run
