#pragma once
#include <span>
#include <vector>

#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/program/bounds.hpp"
#include "engine/program/params.hpp"
#include "engine/program/program.hpp"

namespace koinon::engine::program::steps {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
__extension__ typedef __int128 Wide;  ///< bounds are computed without overflow, then compared with 2^62

/// What type a step's outputs have.
enum class Typing {
  any,          ///< any that holds the range; the narrowest unless told
  accumulator,  ///< i32 or i64
  first,        ///< that of operand 0
  second,       ///< that of operand 1
  i8,
  i32,
  first_then_i32,  ///< output 0 as operand 0, output 1 i32
};

/// A proved range, and the output channel that reaches furthest, -1 where channels play no part.
struct Reach {
  Range range;
  std::int64_t channel = -1;
};

/// What the bounds of a step follow from: each operand's range, and its constant data (null for a value).
struct Known {
  std::span<const Range> ranges;
  std::span<const Constant* const> constants;
};

/// One run of a step. operands[i] has the type and shape of step.operand_infos[i], outputs[i] of step.outputs[i].
struct Execution {
  const Step& step;
  std::span<const std::uint8_t* const> operands;
  std::span<std::uint8_t* const> outputs;
  kernels::Context context;

  [[nodiscard]] kernels::ConstArray operand(std::size_t i) const { return {step.operand_infos[i].dtype, operands[i]}; }
  [[nodiscard]] kernels::Array output(std::size_t i = 0) const { return {step.outputs[i].dtype, outputs[i]}; }
};

/// All that the engine knows about one kind of step. A new kind is one file with one or more rules and a line in rules.cpp.
struct StepRule {
  StepKind kind;
  std::size_t min_operands, max_operands;
  std::size_t min_outputs, max_outputs;
  Typing typing;
  /// Shapes of all outputs the kind can have, from operand_infos and params, which are checked whole. Errors without context:
  /// the caller names the step.
  Result<std::vector<Shape>> (*infer)(const Step& step);
  /// Ranges of as many outputs as infer gave.
  Result<std::vector<Reach>> (*bounds)(const Step& step, const Known& known);
  void (*execute)(const Execution& run);
  /// Multiplications, or elements touched, of one run.
  std::uint64_t (*cost)(const Step& step);
  /// What the operands of one run must satisfy beyond their ranges, asked before execute; null when nothing. Errors as infer.
  Status (*admit)(const Execution& run) = nullptr;
};

/// The rule of a kind; null for a kind that this version does not run.
const StepRule* find_rule(StepKind kind);

/// Type of an output: what the rule fixes, or else the narrowest that holds the range.
DType natural_type(const StepRule& rule, const Step& step, std::size_t output, const Range& range);
/// Checks operand and output counts, shapes and types of a whole step. Errors name the kind.
Status check_step(const Step& step);
/// Proves the ranges of a checked step's outputs and that their types hold them. Errors name kind, channel and bound.
Result<std::vector<Range>> prove_step(const Step& step, const Known& known);

/// The range [low, high]. Errors: out_of_range when a bound reaches 2^62.
Result<Range> range_of(Wide low, Wide high);
/// Range of the products of two ranges; the factors are below 2^62.
std::pair<Wide, Wide> product(const Range& a, const Range& b);
/// Result shape of NumPy broadcasting. Errors: invalid_argument naming both shapes.
Result<Shape> broadcast_shapes(const Shape& a, const Shape& b);
/// Smallest and largest element.
Range constant_range(const Constant& constant);
inline std::int64_t constant_at(const Constant& c, std::int64_t i) {
  return kernels::ConstArray{c.info.dtype, c.data.data()}.at(i);
}
inline const Shape& shape_of(const Step& step, std::size_t operand) { return step.operand_infos[operand].shape; }
std::uint64_t output_elements(const Step& step);
/// Operand i stretched over output 0.
kernels::Stretched stretched(const Execution& run, std::size_t i);
Status expect_params(const Step& step, std::size_t count);

// Bounds of a sum of products for one output channel (channels.cpp).

/// Range of the sum over `count` elements from `first` of weight * x, for the weights themselves or, when they are null (a
/// value), for any in the range w.
std::pair<Wide, Wide> row_reach(const Constant* weights, std::int64_t first, std::int64_t count, const Range& x,
                                const Range& w);
/// Range of operand 2, the bias, for a channel; [0, 0] when absent.
Range bias_range(const Step& step, const Known& known, std::int64_t channel);
/// Extends a reach by one channel's range. An empty reach has low > high.
void widen(Reach& reach, const Range& range, std::int64_t channel);

}  // namespace koinon::engine::program::steps
