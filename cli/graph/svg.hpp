#pragma once
#include <string>
#include <vector>

#include "engine/program/bounds.hpp"
#include "engine/program/program.hpp"

namespace koinon::cli {

/// A picture of a program as SVG: inputs above, each step with its kind, type, shape, constants and bits, outputs below.
/// Repeated blocks are drawn once with their number; what is more than some 150 steps is cut with a note. `ranges`: as
/// analyse() gives them, or empty when the weights are hidden. Texts of the program cannot leave their place in the SVG.
std::string program_svg(const engine::program::Program& program, const std::vector<engine::program::Range>& ranges);

}  // namespace koinon::cli
