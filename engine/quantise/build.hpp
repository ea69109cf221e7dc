#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engine/program/program.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::quantise {

/// How a value's range is cut before it is divided into steps. Inputs and outputs of the model are never cut.
enum class Clip : std::uint8_t {
  error,       ///< the cut with the least squared error over calibration (the default for 8 bits)
  extremes,    ///< none: the largest magnitude seen (for 16 bits always, and twice as far)
  percentile,  ///< BuildOptions::percentile of the magnitudes
};

/// What the integers of a program must keep to.
enum class Profile : std::uint8_t {
  standard,  ///< the types of the steps
  /// Every value of the program, sums of products included, within 16 bits, as encrypted evaluation needs it: rows of weights
  /// get coarser units until their sums fit, values have 2 to 7 bits as calibration finds best. What that costs is in the
  /// report.
  small_sums,
};

struct BuildOptions {
  int activations = 8;  ///< bits of activations: 2 to 8 or 16
  int weights = 0;      ///< bits of weights: 2 to 8 or 16; 0: as activations
  Profile profile = Profile::standard;
  /// Largest error of any output, as a share of its range: values and weights get 16 bits one after another, those that lose
  /// most first, until the error keeps to it.
  std::optional<double> max_error;
  bool equalise = false;  ///< balance the channels between layers first (equalise.hpp)
  Clip clip = Clip::error;
  double percentile = 99.99;                 ///< for Clip::percentile, in (50, 100]
  std::map<std::string, std::int64_t> dims;  ///< sizes of dynamic dimensions (`--dim name=value`)
  /// Inputs that become part of the program (`--fix name=value`): one number for all elements, or one for each. Samples then
  /// have no tensor for them.
  std::map<std::string, std::vector<double>> fixed;
  std::filesystem::path folder;  ///< of the model, where its external data lies; empty: none is read
  std::uint64_t seed = 1;        ///< of the synthetic calibration
  program::Metadata metadata;    ///< an empty name becomes the graph's
  /// Told after each sample of calibration and of each comparison; `total` grows while plans are searched for.
  std::function<void(std::size_t done, std::size_t total)> progress;
  std::stop_token stop;
};

/// One value of the graph.
struct TensorReport {
  std::string name;
  std::string op;                        ///< that made it; "input" for inputs
  double low = 0, high = 0;              ///< range in calibration
  int bits = 0;                          ///< that its integers can take, by their proved range
  double scale = 0;                      ///< real value of one unit
  double max_error = 0, mean_error = 0;  ///< absolute, against float, over the samples that errors are taken from
};

struct OutputReport {
  std::string name;
  double low = 0, high = 0;  ///< float range
  double max_error = 0, mean_error = 0;
  /// max_error as a share of high - low; of the magnitude when all float values are one.
  double relative = 0;
  /// Share of the compared samples whose largest element is the same one as in float.
  double same_top = 0;
};

struct Report {
  bool synthetic = false;    ///< calibrated with made-up inputs: give real ones for a program to use
  std::size_t samples = 0;   ///< in calibration
  std::size_t compared = 0;  ///< of them run as a program and compared
  std::vector<TensorReport> tensors;
  std::vector<OutputReport> outputs;
  std::size_t widened = 0;    ///< values given 16 bits to keep to max_error
  std::size_t equalised = 0;  ///< pairs of layers
  /// With Profile::small_sums: bits of the values, and what the standard profile's 8 bits give, for comparison.
  int value_bits = 0;
  std::vector<OutputReport> standard;
};

struct Built {
  program::Program program;
  Report report;
};

inline constexpr std::size_t kSyntheticSamples = 32;
inline constexpr std::size_t kComparedSamples = 32;

/// Compiles a model: import, calibration in float, quantisation, lowering, comparison. `calibration`: samples, each with one
/// tensor for each input; empty means kSyntheticSamples made-up ones, uniform in [0, 1] and [-1, 1] by turns, from `seed`. The
/// same bytes, samples and options give the same program bytes on every machine.
/// Errors: those of operators::import_model; invalid_argument (options, samples); unsupported naming the node; cancelled.
base::Result<Built> build(base::ByteView onnx, const std::vector<std::vector<tensor::FloatTensor>>& calibration,
                          const BuildOptions& options = {});

}  // namespace koinon::engine::quantise
