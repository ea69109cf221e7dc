#pragma once
#include <span>
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::io {

/// The integer nearest to value / scale, ties up, computed exactly, then clamped to [low, high]. Infinities clamp too.
/// Errors: out_of_range on NaN.
base::Result<std::int64_t> quantise_one(double value, const program::Scale& scale, std::int64_t low, std::int64_t high);
/// A program's input from real values in row-major order. Errors: invalid_argument (wrong number of values), out_of_range
/// (NaN).
base::Result<tensor::IntTensor> quantise(const program::Input& input, std::span<const double> values);
/// Real values of a tensor: element * scale.
std::vector<double> dequantise(const tensor::IntTensor& values, const program::Scale& scale);

}  // namespace koinon::engine::io
