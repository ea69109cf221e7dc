#pragma once
#include <string>

#include "engine/program/program.hpp"

namespace koinon::cli {

/// An output for people: name, shape, and a chart of classes or the first values and the largest.
std::string describe_output(const engine::program::Output& output, const engine::tensor::IntTensor& value);

}  // namespace koinon::cli
