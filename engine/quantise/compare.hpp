#pragma once
#include "engine/operators/import.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/quantise/build.hpp"

namespace koinon::engine::quantise {

/// Differences between a program and float, over the elements of the samples given so far.
struct Difference {
  double max = 0, sum = 0, count = 0;  ///< of |difference|
  double same_top = 0, samples = 0;    ///< samples whose largest element is the same one, of so many
  void add(double difference);
  [[nodiscard]] double mean() const { return count > 0 ? sum / count : 0; }
};

/// Runs samples as a program and measures values against float.
class Comparison {
 public:
  /// What is measured: `values` of the graph, which `lowered` has. The references must outlive the comparison.
  Comparison(const program::Program& program, const std::map<int, operators::Quantised>& lowered,
             const std::vector<int>& values);

  /// Adds one sample: inputs of the graph, and the float values to compare with, by number (absent ones are skipped).
  base::Status sample(const std::vector<onnx::Value>& inputs, const operators::Values& wanted);
  [[nodiscard]] const Difference& of(int value) { return differences_[value]; }

 private:
  void measure(std::size_t number, const tensor::IntTensor& data, const operators::Values& wanted);

  const program::Program& program_;
  const std::map<int, operators::Quantised>& lowered_;
  std::map<std::size_t, std::vector<int>> by_number_;  ///< values of the graph by their number in the trace
  std::map<int, Difference> differences_;
};

}  // namespace koinon::engine::quantise
