#pragma once
#include <span>

#include "engine/tensor/tensor.hpp"

namespace koinon::cli {

/// A tensor as a NumPy .npy file, format 1.0: little-endian, C order; the header is padded so that data begins at a multiple of
/// 64 (numpy.lib.format).
base::Bytes npy(const engine::tensor::IntTensor& tensor);
/// Real values as float64. Precondition: as many values as the shape has elements.
base::Bytes npy(const engine::tensor::Shape& shape, std::span<const double> values);

}  // namespace koinon::cli
