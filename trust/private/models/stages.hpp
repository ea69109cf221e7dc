#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::trust::fhe {

/// A program cut at its layers, by what its values are of the input: sums of functions of single elements (`first`, up to the
/// value `sums`), functions of single sums (`tables`, up to `values`), affine functions of those (`last`, up to `end`), and
/// what the buyer can run on the last (`rest`). Lists hold step numbers.
struct Stages {
  std::vector<std::size_t> first, tables, last, rest;
  std::size_t sums = 0, values = 0, end = 0;  ///< value numbers
  bool thermometer = false;                   ///< the first functions are not all affine
};

/// Errors: unsupported, naming the step that cannot be done and what would help.
base::Result<Stages> find_stages(const engine::program::Program& program);

/// Type and shape of a value.
const engine::program::TensorInfo& info_of(const engine::program::Program& program, std::size_t value);

}  // namespace koinon::trust::fhe
