#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// A convolution of x [batch, depth, height, width, channels] by w [filters, kernel_depth, kernel_height, kernel_width,
/// channels / groups] (i8 or i16 each) with zeros around x: out [batch, out_depth, out_height, out_width, filters], i32 or i64,
/// which it fits.
struct Conv {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t filters = 1, kernel_height = 1, kernel_width = 1, groups = 1;
  std::int64_t stride_height = 1, stride_width = 1, dilation_height = 1, dilation_width = 1;
  std::int64_t pad_top = 0, pad_left = 0, out_height = 1, out_width = 1;
  std::int64_t depth = 1, kernel_depth = 1, stride_depth = 1, dilation_depth = 1, pad_front = 0, out_depth = 1;
  ConstArray x, w, bias;  ///< bias: `filters` elements, or data null
  Array out;
};

void conv(const Context& context, const Conv& job);
void conv_ref(const Conv& job);

}  // namespace koinon::engine::kernels
