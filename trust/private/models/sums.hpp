#pragma once
#include "trust/private/models/cuts.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {

/// A program of one layer over functions of single elements of its input, such as a tree whose leaves are picked by comparing
/// counts, or an additive model: the provider computes all sums from bits of the input, the buyer the rest. No evaluation keys.
/// The buyer sees the sums (of a tree: how many comparisons agree with each leaf), and is given the rest with its constants.
struct SumsProgram {
  LinearLayer layer;  ///< over bits; its rows are the inputs of `rest`, one after another
  Cuts cuts;          ///< as NetworkProgram::cuts
  engine::program::Program rest;
};

/// Cuts a program so. Errors: unsupported, naming the step that cannot be done; those of find_cuts.
base::Result<SumsProgram> compile_sums(const engine::program::Program& program);

}  // namespace koinon::trust::fhe
