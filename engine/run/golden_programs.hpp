#pragma once
#include <string>
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::run {

/// A small program with inputs that reach the corners of its steps.
struct Golden {
  std::string name;
  program::Program program;
  std::vector<tensor::IntTensor> inputs;
};

/// One program a kind of step or more, and some of several steps; the same on every machine. Their files are in golden/.
std::vector<Golden> golden_programs();

}  // namespace koinon::engine::run
