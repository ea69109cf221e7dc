#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::cli {

/// One sample: a tensor for each input of a model.
using Sample = std::vector<engine::tensor::FloatTensor>;

/// Samples to calibrate a model with, from files in the formats that `koinon run` takes. A file is one sample, or many: an
/// array that holds several times as many elements as the input is cut along its first axis. Errors: those of the readers,
/// naming the file; invalid_argument when an array does not fit its input. `folder`: of the model, for data beside it.
base::Result<std::vector<Sample>> load_calibration(base::ByteView onnx, const std::map<std::string, std::int64_t>& dims,
                                                   const std::vector<std::string>& files,
                                                   const std::filesystem::path& folder = {});

}  // namespace koinon::cli
