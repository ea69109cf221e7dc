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
/// array [samples, ...], or one whose first axis is several times as long as the input's, is cut along it. Errors: those of the
/// readers, naming the file; invalid_argument when an array does not fit its input. `folder`: of the model, for data beside it.
/// `fixed`: inputs that samples have nothing for.
base::Result<std::vector<Sample>> load_calibration(base::ByteView onnx, const std::map<std::string, std::int64_t>& dims,
                                                   const std::vector<std::string>& files,
                                                   const std::filesystem::path& folder = {},
                                                   const std::map<std::string, std::vector<double>>& fixed = {});

/// Inputs that `--fix NAME=VALUE` makes part of a program: a number, which all elements are, or a file (.json, .npy, .npz) with
/// one for each. Errors: invalid_argument naming the text; those of the readers.
base::Result<std::map<std::string, std::vector<double>>> read_fixed(const std::vector<std::string>& texts);

}  // namespace koinon::cli
