#pragma once
#include <memory>

#include "engine/quantise/calibrate.hpp"
#include "engine/quantise/compare.hpp"

namespace koinon::engine::quantise {

/// Bits of everything in one program.
struct Plan {
  std::vector<int> bits;  ///< of each value of the graph
  operators::Precision precision;
  bool natural = false;  ///< values that calibration saw no negative of count from 0

  /// The same bits everywhere.
  static Plan even(const onnx::Graph& graph, int activations, int weights);
  /// Gives a value and the weights of the node that makes it `bits` bits.
  void set(int value, int bits);
};

/// A model, its calibration and its float answers: what every attempt at a program starts from.
struct Model {
  onnx::Graph graph;      ///< as it is lowered
  onnx::Graph reference;  ///< as it was given; outputs are compared with it
  std::vector<std::vector<onnx::Value>> samples;
  std::vector<Seen> seen;
  std::vector<operators::Values> answers;  ///< outputs of the reference for the first kComparedSamples samples
};

/// One program, and how it was lowered.
struct Attempt {
  program::Program program;
  std::map<int, operators::Quantised> lowered;
  std::vector<OutputReport> outputs;

  /// The largest relative error of any output, and the mean one.
  [[nodiscard]] double worst() const;
  [[nodiscard]] double mean() const;
};

/// Runs the reference for the samples that programs are compared with. Errors: those of run_reference; cancelled.
base::Result<std::vector<operators::Values>> answers_of(const Model& model, const BuildOptions& options);

/// Lowers by a plan and compares the outputs. Errors: those of Lowering; out_of_range naming the step when a plan that limits
/// accumulators is not kept to; cancelled.
base::Result<Attempt> attempt(const Model& model, const Plan& plan, const BuildOptions& options);

/// The plan that the options ask for, searched for where they ask for a search. Errors: those of attempt; out_of_range when
/// max_error cannot be kept to.
base::Result<Plan> choose_plan(const Model& model, const BuildOptions& options, Report& report);

}  // namespace koinon::engine::quantise
