#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::trust::fhe {

/// One layer of tables of a program: affine steps up to the value `sums`, then functions of single sums up to `values`.
struct TableStage {
  std::vector<std::size_t> affine, tables;  ///< step numbers
  std::size_t sums = 0, values = 0;         ///< value numbers
};

/// A program cut at its layers, by what its values are of the input: sums of functions of single elements of it, tables of
/// those, affine functions of the tables and so on (`layers`), affine functions of the last tables (`last`, up to the value
/// `end`), and what the buyer can run on those (`rest`).
struct Stages {
  std::vector<TableStage> layers;
  std::vector<std::size_t> last, rest;
  std::size_t end = 0;
  bool thermometer = false;  ///< the first functions are not all affine
};

/// Errors: unsupported, naming the step that cannot be done and what would help.
base::Result<Stages> find_stages(const engine::program::Program& program);

/// One element of the output from the same element of every value that is read; constants spread.
bool is_by_element(const engine::program::Step& step);
/// Elements of values in other places.
bool is_move(const engine::program::Step& step);
/// Affine in `values`, those that the step reads.
bool is_affine(const engine::program::Step& step, const std::vector<std::size_t>& values);

/// Type and shape of a value.
const engine::program::TensorInfo& info_of(const engine::program::Program& program, std::size_t value);

}  // namespace koinon::trust::fhe
