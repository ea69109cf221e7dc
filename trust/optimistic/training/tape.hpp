#pragma once
#include <vector>

#include "base/hash.hpp"
#include "engine/train/net/layers.hpp"
#include "engine/train/net/optimiser.hpp"

namespace koinon::trust::optimistic::training {

/// What a formula makes of its operands; element.cpp draws each. Numbers are in tapes: never renumber. A twin of Tape.sol.
enum class FormulaKind : std::uint8_t {
  product = 1,
  copy = 2,
  map = 3,
  slope = 4,
  add = 5,
  subtract = 6,
  multiply = 7,
  scale = 8,
  sums = 16,
  mean = 17,
  mean_square = 18,
  shares = 24,
  row_loss = 25,
  entropy_slope = 26,
  square_slope = 27,
  velocity = 32,
  sgd = 33,
  adam_mean = 34,
  adam_square = 35,
  adam = 36,
};

/// Functions of one element that `map` and `slope` name.
enum class Function : std::uint8_t { relu = 1, gelu = 2, silu = 3, tanh = 4, sigmoid = 5 };

/// A tensor of float32 in the trace of a step.
struct ValueRef {
  std::uint32_t id = 0, elements = 0;
};

/// One tensor of a step made from others.
///
///   kind (1) | operands n (1) | n times: value (4), elements (4) | output value (4), elements (4) | sizes m (1) | m sizes (4
///   each)
///
/// whole numbers with the lowest byte first.
struct Formula {
  FormulaKind kind = FormulaKind::copy;
  std::vector<ValueRef> operands;
  ValueRef output;
  std::vector<std::uint32_t> sizes;

  [[nodiscard]] base::Bytes encode() const;
};

/// What the root of a tape hashes (TrainCheck.TapeRoots).
struct TapeRoots {
  base::Hash formulas;  ///< list_root(Domain::steps, keccak256 of each)
  std::uint64_t count = 0, values = 0, arrays = 0;

  /// keccak256("koinon.training.tape" | formulas | be64(count) | be64(values) | be64(arrays)).
  [[nodiscard]] base::Hash root() const;
};

/// One step of training as formulas over values: [0, arrays) what the state was before (engine/train/net/state.hpp), [arrays,
/// 2 arrays) what it is after, then the numbers of the step, the batch, and what lies between, each made by one formula.
struct Tape {
  std::vector<Formula> formulas;
  std::vector<std::uint32_t> elements;  ///< of each value
  std::uint32_t arrays = 0;
  std::uint32_t constants = 0;  ///< value: the numbers of the step
  std::uint32_t input = 0, target = 0, loss = 0;

  [[nodiscard]] TapeRoots roots() const;
};

/// The tape of every step of a run. Errors: unsupported naming the operator that has no formulas (only linear, add, multiply,
/// reshape, relu, gelu, silu, tanh, sigmoid and both losses have).
base::Result<Tape> compile_tape(const engine::train::Net& net, const engine::train::OptimiserOptions& options);

/// The numbers of a step, value `constants`: rate, momentum, decay; or rate, beta1, beta2, epsilon, decay, correct1, correct2;
/// then what clips the gradients, where the options clip. `norm`: of all gradients (Optimiser::take).
std::vector<float> step_numbers(const engine::train::OptimiserOptions& options, std::uint64_t step, double norm);

}  // namespace koinon::trust::optimistic::training
