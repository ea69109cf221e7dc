#pragma once
#include "engine/program/program.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {

/// A program cut in two: a linear layer that the provider computes on ciphertexts, and the rest, a program of its own over the
/// layer's accumulators, which the buyer runs on what it decrypts. Together they give the program's outputs bit for bit.
struct LinearProgram {
  std::size_t step = 0;  ///< the matmul that is encrypted
  LinearLayer layer;
  engine::program::Program rest;  ///< one input, "accumulators"; outputs are the program's
};

/// Cuts linear and logistic models, support-vector machines and the like: one input, at most reshaped, one matmul of one row by
/// a constant matrix, then steps without weights of a further layer (requantise, lookup, argmax, ...). The buyer learns the
/// accumulators, which for such a model is its decision value in full precision. Errors: unsupported, naming the step that
/// cannot be done and what would help; invalid_argument when weights are hidden; those of engine/program analyse.
base::Result<LinearProgram> compile_linear(const engine::program::Program& program);

/// The buyer's end of any plan: runs a program over decrypted accumulators. Errors: those of execute, out_of_range on one that
/// no honest run gives.
base::Result<std::vector<engine::tensor::IntTensor>> finish(const engine::program::Program& rest,
                                                            std::span<const std::int64_t> accumulators);
/// The buyer's end: runs the rest on decrypted accumulators. Errors: those of execute.
base::Result<std::vector<engine::tensor::IntTensor>> finish(const LinearProgram& program,
                                                            std::span<const std::int64_t> accumulators);

}  // namespace koinon::trust::fhe
