#pragma once
#include "engine/operators/import.hpp"
#include "engine/operators/lowering.hpp"
#include "engine/quantise/build.hpp"

namespace koinon::engine::quantise {

/// What calibration saw of one value.
struct Seen {
  bool any = false;
  double low = 0, high = 0;
  double magnitude = 0;               ///< largest |x|
  std::uint64_t strange = 0;          ///< elements that were not finite
  std::vector<std::uint64_t> counts;  ///< of |x| in kBins equal bins up to magnitude
};

inline constexpr std::size_t kBins = 2048;

/// Runs every sample through the reference twice, for ranges and then for counts (not when no value has 8 bits or fewer).
/// Elements that are not finite are skipped. Errors: those of run_reference, cancelled; out_of_range when no element of a value
/// is finite.
base::Result<std::vector<Seen>> calibrate(const onnx::Graph& graph, const std::vector<std::vector<onnx::Value>>& samples,
                                          const BuildOptions& options);

/// Where to cut a value's magnitude.
double cut(const Seen& seen, Clip clip, double percentile, std::int64_t limit);

/// Chooses the integers of every value: `bits` of each, 16 reaching twice as far as calibration saw; with `natural`, [0, 2^bits
/// - 1] where calibration saw no negative. A value that meets a function with jumps (Round, Floor, a comparison) gets a unit
/// that is a power of two, so that what is exact in binary, such as 0.5, stays exact and falls on the right side. A float input
/// of which nothing is done but comparing it with constants (the features of trees) has 31 bits whatever `bits` says, reaching
/// twice as far as calibration and the constants: its comparisons are those of float, but for what a 2^-30 part of that is.
/// With `natural` it has not, since sums are small there.
base::Result<std::vector<operators::Target>> choose_targets(const onnx::Graph& graph, const std::vector<Seen>& seen,
                                                            const std::vector<int>& bits, bool natural,
                                                            const BuildOptions& options);

/// Made-up inputs (build.hpp). Errors: unsupported naming an input that is not a float.
base::Result<std::vector<std::vector<onnx::Value>>> synthetic_samples(const onnx::Graph& graph, std::uint64_t seed);

}  // namespace koinon::engine::quantise
