#pragma once
#include "engine/operators/call.hpp"

namespace koinon::engine::operators {

/// Where a window of a convolution or pooling slides, one entry for each spatial axis.
struct Window {
  std::vector<std::int64_t> kernel, strides, dilations, begin, end, in, out;
  /// Position on the input axis of tap `tap` of output `at`; outside [0, in) it is padding.
  [[nodiscard]] std::int64_t position(std::size_t axis, std::int64_t at, std::int64_t tap) const {
    return at * strides[axis] - begin[axis] + tap * dilations[axis];
  }
};

/// Reads strides, dilations, pads, auto_pad and ceil_mode for input x [n, c, spatial...]. Errors: malformed, out_of_range.
Result<Window> read_window(const Call& call, const Shape& x, std::vector<std::int64_t> kernel);

}  // namespace koinon::engine::operators
