#pragma once
#include "trust/proof/build.hpp"

namespace koinon::trust::proof {

/// No circuit holds more: cells and variables are numbered in 30 bits.
inline constexpr double kMostNumbers = 1e9;

/// At most as many numbers (variables, limbs, entries of windows) as a program's circuit holds beside its tables, from shapes
/// alone: nothing is built, so it can be asked of any program. For each, building takes some 120 bytes at most.
double most_numbers(const engine::program::Program& program, const Secrecy& secrecy);

}  // namespace koinon::trust::proof
