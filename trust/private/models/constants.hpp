#pragma once
#include "engine/program/program.hpp"

namespace koinon::trust::fhe {

/// The program with the steps that take constants alone, such as a transpose of weights, replaced by what they give. It
/// computes the same outputs and has another id: it is for finding a plan, and a plan names the program that it came from. A
/// program without such steps, or without weights, comes back as it is. Errors: those of a run.
base::Result<engine::program::Program> fold_constants(const engine::program::Program& program);

}  // namespace koinon::trust::fhe
