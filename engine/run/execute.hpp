#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/thread_pool.hpp"
#include "engine/program/program.hpp"
#include "engine/run/roots.hpp"

namespace koinon::engine::run {

/// How a program is run. No field changes a result.
struct RunOptions {
  base::ThreadPool* pool = nullptr;  ///< borrowed; null runs on the calling thread
  bool force_ref = false;            ///< scalar kernels only, step by step
  bool trace = true;  ///< hash what steps give, but for inner values; without it trace_root, witness and step_roots stay empty
  bool roots = true;  ///< hash inputs and outputs; without it every root stays empty, those of a trace too
  std::uint64_t memory_limit = std::uint64_t{4} << 30;  ///< bytes that live tensors may take at any moment
  std::stop_token stop;                                 ///< asked between steps
  /// Roots of the inputs when the caller has them already; empty to compute them.
  std::span<const base::Hash> input_roots;
  /// Called after each step with the step's number and outputs, which it may read during the call only.
  std::function<void(std::size_t step, std::span<const tensor::IntTensor* const> outputs)> sink;
  /// Called after each step with operations done and in all (program::operation_count).
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// What a run gives.
struct Run {
  std::vector<tensor::IntTensor> outputs;  ///< in the order of Program::outputs
  base::Hash input_root;                   ///< unsalted (roots.hpp)
  base::Hash output_root;
  base::Hash trace_root;                 ///< list_root(Domain::trace, step_roots)
  base::Hash witness;                    ///< keccak256("koinon.witness" | step_roots): shows that the provider has the trace
  std::vector<base::Hash> output_roots;  ///< of each output
  std::vector<base::Hash> step_roots;    ///< roots of the inputs, then of each step's outputs; kInnerRoot of inner ones
  double seconds = 0;                    ///< wall time, hashing included
  std::uint64_t peak_bytes = 0;          ///< most that live tensors took
};

/// Runs a program once (prepared.hpp: many times). Same outputs and roots for any pool, instruction set and option. Errors:
/// invalid_argument (number, type or shape of the inputs; hidden weights), out_of_range (an element outside an input's range),
/// exhausted (memory limit), cancelled.
base::Result<Run> execute(const program::Program& program, std::span<const tensor::IntTensor> inputs,
                          const RunOptions& options);

}  // namespace koinon::engine::run
