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
  std::vector<std::uint64_t> counts;  ///< of |x| in kBins equal bins up to magnitude
};

inline constexpr std::size_t kBins = 2048;

/// Runs every sample through the reference twice, for ranges and then for counts. Errors: those of run_reference, cancelled;
/// out_of_range when a value is not finite.
base::Result<std::vector<Seen>> calibrate(const onnx::Graph& graph, const std::vector<std::vector<onnx::Value>>& samples,
                                          const BuildOptions& options);

/// Where to cut a value's magnitude.
double cut(const Seen& seen, Clip clip, double percentile, std::int64_t limit);

/// Chooses the integers of every value.
base::Result<std::vector<operators::Target>> choose_targets(const onnx::Graph& graph, const std::vector<Seen>& seen,
                                                            const BuildOptions& options);

/// Made-up inputs (build.hpp). Errors: unsupported naming an input that is not a float.
base::Result<std::vector<std::vector<onnx::Value>>> synthetic_samples(const onnx::Graph& graph, std::uint64_t seed);

}  // namespace koinon::engine::quantise
