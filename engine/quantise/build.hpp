#pragma once
#include <cstdint>
#include <functional>
#include <map>
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
  extremes,    ///< none: the largest magnitude seen (always so for 16 bits)
  percentile,  ///< BuildOptions::percentile of the magnitudes
};

struct BuildOptions {
  int activations = 8;  ///< bits of activations and weights: 8 or 16
  Clip clip = Clip::error;
  double percentile = 99.99;                 ///< for Clip::percentile, in (50, 100]
  std::map<std::string, std::int64_t> dims;  ///< sizes of dynamic dimensions (`--dim name=value`)
  std::uint64_t seed = 1;                    ///< of the synthetic calibration
  program::Metadata metadata;                ///< an empty name becomes the graph's
  std::function<void(std::size_t done, std::size_t total)> progress;
  std::stop_token stop;
};

/// One value of the graph.
struct TensorReport {
  std::string name;
  std::string op;            ///< that made it; "input" for inputs
  double low = 0, high = 0;  ///< range in calibration
  int bits = 0;
  double scale = 0;                      ///< real value of one unit
  double max_error = 0, mean_error = 0;  ///< absolute, against float, over the samples that errors are taken from
};

struct OutputReport {
  std::string name;
  double low = 0, high = 0;  ///< float range
  double max_error = 0, mean_error = 0;
  /// max_error as a share of high - low; 0 when the range is empty and the error 0.
  double relative = 0;
};

struct Report {
  bool synthetic = false;    ///< calibrated with made-up inputs: give real ones for a program to use
  std::size_t samples = 0;   ///< in calibration
  std::size_t compared = 0;  ///< of them run as a program and compared
  std::vector<TensorReport> tensors;
  std::vector<OutputReport> outputs;
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
