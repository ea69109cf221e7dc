#pragma once
#include <functional>
#include <limits>
#include <map>
#include <span>

#include "engine/operators/operator.hpp"
#include "engine/program/builder.hpp"

namespace koinon::engine::operators {

using program::Ref;
using program::Scale;
using tensor::DType;
using tensor::IntTensor;

/// A value of the graph as integers: real = integer * scale.
struct Quantised {
  Ref ref;
  Scale scale;
  Shape shape;                 ///< as ONNX says it
  bool channels_last = false;  ///< ref holds [n, spatial..., c] where shape is [n, c, spatial...]
};

/// What calibration chose for a value: integers in [low, high] of scale.
struct Target {
  Scale scale;
  std::int64_t low = 0;
  std::int64_t high = 0;
  double real_low = 0;  ///< range that calibration saw
  double real_high = 0;
  [[nodiscard]] DType dtype() const {
    if (low >= -128 && high <= 127) return DType::i8;
    return low >= -32768 && high <= 32767 ? DType::i16 : DType::i32;
  }
};

/// How finely a graph is lowered. Values have the bits that their targets give them.
struct Precision {
  int bits = 8;                   ///< of the widest value, 2 to 8 or 16
  int weights = 8;                ///< of weights, 2 to 8 or 16
  std::map<int, int> weights_of;  ///< of the weights of the node that makes a value, where they differ
  /// Largest magnitude of a sum of products: rows of weights get coarser units until they keep to it. 0: what its type holds.
  std::int64_t accumulator = 0;
};

/// Weights as integers, one scale an output row.
struct Rows {
  IntTensor weights;              ///< [rows, ...]
  std::optional<IntTensor> bias;  ///< [rows] i32, in units of scale[r] = input scale * weight scale of row r
  std::vector<double> scale;
};

/// Turns a graph into a program, one node at a time. Operators read their inputs with `in`, add steps through `builder`, and
/// end with `emit` (an accumulator that is rescaled to what calibration chose) or `set` (a result that keeps its input's
/// scale).
class Lowering {
 public:
  /// `targets`: one for each value of the graph that is not constant.
  Lowering(const onnx::Graph& graph, std::vector<Target> targets, Precision precision);

  /// Lowers the whole graph. Errors: unsupported or out_of_range, naming the node.
  Status run();
  base::Result<program::Program> finish(program::Metadata metadata) { return builder_.finish(std::move(metadata)); }

  program::Builder& builder() { return builder_; }
  [[nodiscard]] const Target& target(int value) const { return targets_[static_cast<std::size_t>(value)]; }
  /// Of the widest value. An operator that rescales to a target by hand takes the target's own.
  [[nodiscard]] DType dtype() const { return precision_.bits <= 8 ? DType::i8 : DType::i16; }
  [[nodiscard]] std::int64_t limit() const { return limit_of(precision_.bits); }
  /// How many bits finer than its operands a sum of two values is taken: 8, or what the accumulator leaves.
  [[nodiscard]] int finer() const;
  /// Bits of a constant that values are multiplied by one by one: 16, or those of weights when the accumulator is limited.
  [[nodiscard]] int factor_bits() const { return precision_.accumulator > 0 ? weight_bits() : 16; }

  /// Input i as integers. A float constant is quantised with one scale; values of integer or boolean type are exact, of scale 1
  /// and the narrowest type that holds their range.
  Result<Quantised> in(const Call& call, std::size_t i);
  /// The same with the layout that ONNX has, or with channels last.
  Ref plain(const Quantised& x);
  Ref channels_last(const Quantised& x);

  /// clamp(round(x * ratio), low, high): one ratio, or one for each element of the last axis.
  Ref rescale(Ref x, const std::vector<double>& ratios, std::int64_t low, std::int64_t high, std::optional<DType> dtype = {});
  /// Rescales accumulators of units `scales` (one, or one for each element of the last axis) to the value's target and sets it.
  /// `low` and `high`: real bounds that the result is clamped to besides.
  Status emit(const Call& call, Ref acc, const std::vector<double>& scales, bool channels_last = false,
              double low = -std::numeric_limits<double>::infinity(), double high = std::numeric_limits<double>::infinity());
  /// Sets an output to a tensor of a scale; one that is absent is nothing to do.
  Status set(const Call& call, Ref ref, Scale scale, bool channels_last = false, std::size_t output = 0);
  /// Sets an output of an integer or boolean type to exact integers. A result that can leave the element type wraps round in
  /// it, as the standard says, up to 32 bits; a wider one is what the builder's bounds allow.
  Status set_whole(const Call& call, Ref ref, bool channels_last = false, std::size_t output = 0);
  /// Output 0 = f(input 0), through a table over every integer that the input can be.
  Status table(const Call& call, const std::function<double(double)>& f);

  /// Quantises weights [rows, ...] row by row, and the bias (empty: none) to the accumulator's scale.
  [[nodiscard]] Rows rows(const std::vector<float>& weights, const Shape& shape, const std::vector<double>& bias,
                          double input_scale) const;
  /// A constant with one scale; `bits` 2 to 24.
  static std::pair<IntTensor, double> whole(const Value& value, int bits);
  /// Integers round(value / unit) in the narrowest type that holds them. Errors: out_of_range beyond 2^46.
  Result<Ref> units(const Call& call, const Value& value, double unit);

  /// Lowered values by number, for reports.
  [[nodiscard]] const std::map<int, Quantised>& lowered() const { return lowered_; }

 private:
  static std::int64_t limit_of(int bits) { return (std::int64_t{1} << (bits - 1)) - 1; }
  [[nodiscard]] int weight_bits() const;
  [[nodiscard]] double row_scale(std::span<const float> row, double bias, double input_scale) const;
  void find_fused();
  Status set_value(int value, Quantised q);

  const onnx::Graph& graph_;
  std::vector<Target> targets_;
  Precision precision_;
  const onnx::Node* node_ = nullptr;  ///< being lowered
  program::Builder builder_;
  std::map<int, Quantised> lowered_;
  /// Output of a linear node to the clamp that follows it and is its only user.
  struct Fused {
    int output;
    double low, high;
  };
  std::map<int, Fused> fused_;
};

/// Bounds of a node that only clamps (Relu, Clip with constant bounds), if it is one.
std::optional<std::pair<double, double>> clamp_of(const Call& call);
/// True for operators whose lowering ends in `emit`, so that a clamp behind them costs nothing.
bool ends_in_emit(std::string_view op);

}  // namespace koinon::engine::operators
