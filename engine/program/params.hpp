#pragma once
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::program {

using Params = std::vector<std::int64_t>;

/// Convolution over d spatial axes (1 to 3) of x [n, spatial..., c] with w [o, kernel..., c / groups].
/// Packed: groups, strides[d], dilations[d], pads_begin[d], pads_end[d].
struct ConvParams {
  std::int64_t groups = 1;
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  [[nodiscard]] Params pack() const;
  static base::Result<ConvParams> unpack(const Params& params, std::size_t spatial);
};

/// Numbers are in files and hashes: never renumber.
enum class ReduceOp : std::uint8_t { sum = 1, max = 2, min = 3 };

/// Reduction over a window that slides along every axis of x (rank r): pooling when it is smaller than the axis, a whole-axis
/// reduction (result size 1) when it is as large, nothing (window 1) elsewhere. Padding is skipped, never read; every window
/// holds at least one element. Packed: op, window[r], strides[r], dilations[r], pads_begin[r], pads_end[r].
struct ReduceParams {
  ReduceOp op = ReduceOp::sum;
  std::vector<std::int64_t> window, strides, dilations, pads_begin, pads_end;
  /// Reduces whole axes, keeping them with size 1.
  static ReduceParams axes(ReduceOp op, const tensor::Shape& shape, const std::vector<std::size_t>& reduced);
  [[nodiscard]] Params pack() const;
  static base::Result<ReduceParams> unpack(const Params& params, std::size_t rank);
};

/// Numbers are in files and hashes: never renumber.
enum class CompareOp : std::uint8_t { equal = 1, less = 2, less_equal = 3 };

}  // namespace koinon::engine::program
