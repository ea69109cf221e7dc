#pragma once
#include "engine/language/build.hpp"
#include "engine/program/builder.hpp"

// How one part of a transformer becomes steps. Shared by build.cpp and attention.cpp.
namespace koinon::engine::language {

using program::Builder;
using program::DType;
using program::IntTensor;
using program::Ref;
using program::Shape;

/// Rows of weights as integers: y[r] = (sum of weights[r] * x + bias[r]) * unit[r] * (unit of x).
struct Rows {
  IntTensor weights;         ///< [out, in] i8
  std::vector<double> bias;  ///< real
  std::vector<double> unit;
  std::int64_t input_limit = 0;  ///< largest magnitude of x for which every sum keeps inside i32
};

/// A value that is about to be multiplied by weights: integers in [-limit, limit] of `unit`.
struct Operand {
  Ref ref;
  double unit = 0;
};

/// Steps of one program. Everything that is added sees `rows` tokens at once; nothing in a token's integers depends on how many
/// there are.
class Lower {
 public:
  Lower(const Transformer& model, const Ranges& ranges, const BuildOptions& options, std::int64_t rows);

  /// Adds everything. Errors: those of the builder, naming the layer.
  base::Result<program::Program> program(std::int64_t candidates);

 private:
  // lower.cpp
  void inputs(std::int64_t candidates);
  Ref embed();
  /// Normalised values of the residual [rows, width] as integers up to `limit` for magnitudes up to `seen`.
  Operand normalise(Ref residual, double seen, std::int64_t limit);
  Ref mlp(const Layer& layer, const LayerRanges& seen, Ref residual);
  /// Adds a product to the residual.
  Ref add_to(Ref residual, Ref product, const std::vector<double>& units);
  Ref head(Ref residual);

  // attention.cpp
  Ref attention(std::size_t number, const Layer& layer, const LayerRanges& seen, Ref residual);
  Ref rotate(Ref heads, std::int64_t count);
  Ref weigh(Ref scores, const std::vector<double>& units, double seen);
  Ref keep_values(Ref state, Ref v);
  Ref places_of_values();
  Operand mix(Ref weights, Ref values, std::int64_t most, std::int64_t limit);

  // steps.cpp
  /// Rows of a matrix, with the gain and the offset of the norm before it folded in.
  [[nodiscard]] Rows rows_of(const Linear& linear, const Norm* norm) const;
  /// Magnitude of operands that several matrices share.
  [[nodiscard]] std::int64_t operand_limit(std::initializer_list<const Rows*> users) const;
  /// x W' + bias in accumulator units; sets `units` to what one unit of each column is worth.
  Ref product(const Operand& x, const Rows& rows, std::vector<double>& units);
  /// clamp(round(x * ratio), -limit, limit); one ratio, or one an element of the last axis, or of `shape`.
  Ref rescale(Ref x, const std::vector<double>& ratios, std::int64_t limit, DType type, Shape shape = {});
  /// round(x / 2) clamped: the last step of a rounding division of doubled values.
  Ref halve(Ref x, std::int64_t low, std::int64_t high, DType type);
  Ref clamp(Ref x, std::int64_t low, std::int64_t high, DType type);
  Ref scalar(DType type, std::int64_t value);
  /// 0, 1, ..., n - 1 as i32.
  Ref counting(std::int64_t n, Shape shape);
  Ref table(std::int64_t low, std::int64_t high, DType type, const std::function<double(std::int64_t)>& f);
  void refuse(std::string_view what, double value);

  const Transformer& model_;
  const Config& config_;
  const Ranges& ranges_;
  const BuildOptions& options_;
  std::int64_t rows_, context_, state_limit_, value_limit_;
  double residual_unit_;
  Builder b_;
  std::optional<base::Error> error_;
  Ref tokens_, position_, positions_, mask_, value_places_;
  Ref coldness_, top_k_, top_p_, draw_;
  std::vector<Ref> states_, new_states_;
};

/// Values are kept in blocks of so many places, so that a token changes few leaves of the state's tree.
inline constexpr std::int64_t kBlock = 32;
constexpr std::int64_t block_count(std::int64_t places) { return (places + kBlock - 1) / kBlock; }

/// Largest magnitude of the residual in its units: calibration's largest is half of it.
inline constexpr std::int64_t kResidualLimit = 1 << 21;

}  // namespace koinon::engine::language
