#pragma once
#include <string>

#include "engine/program/program.hpp"

namespace koinon::cli {

/// Output `number` of a program for people: name, shape, and a chart of classes or its values. What a table gives element by
/// element (a sign, a rounded number, an activation) is no list of classes.
std::string describe_output(const engine::program::Program& program, std::size_t number,
                            const engine::tensor::IntTensor& value);

}  // namespace koinon::cli
