#include "engine/kernels/conv.hpp"

#include <algorithm>
#include <vector>

#include "engine/kernels/gemm.hpp"

#if defined(__x86_64__)
#define KOINON_AVX2 __attribute__((target("avx2")))
#else
#define KOINON_AVX2
#endif

namespace koinon::engine::kernels {
namespace {

// Column `kk` of the matrix that a convolution multiplies by is kernel row, kernel column, channel; row `row` is batch, y, x.
// It is made a few values at a time, never whole.
void window_row(const Conv& job, std::int64_t group, std::int64_t row, std::int64_t first, std::int64_t count,
                std::int16_t* to) {
  const std::int64_t deep = job.channels / job.groups;
  const std::int64_t ox = row % job.out_width, oy = row / job.out_width % job.out_height;
  const std::int64_t picture = row / job.out_width / job.out_height;
  for (std::int64_t at = first; at < first + count;) {
    const std::int64_t channel = at % deep, tap = at / deep;
    const std::int64_t n = std::min(deep - channel, first + count - at);
    const std::int64_t y = oy * job.stride_height - job.pad_top + tap / job.kernel_width * job.dilation_height;
    const std::int64_t x = ox * job.stride_width - job.pad_left + tap % job.kernel_width * job.dilation_width;
    if (y < 0 || y >= job.height || x < 0 || x >= job.width) {
      std::fill(to, to + n, std::int16_t{0});
    } else {
      const std::int64_t pixel = (picture * job.height + y) * job.width + x;
      widen(job.x, pixel * job.channels + group * deep + channel, n, to);
    }
    to += n;
    at += n;
  }
}

// One filter a channel: the sum runs over kernel positions alone, side by side for all channels of a pixel.
template <class X, class Sum>
inline __attribute__((always_inline)) void depthwise_pixel(const Conv& job, const std::int16_t* taps, std::int64_t row,
                                                           Sum* sums) {
  using U = std::make_unsigned_t<Sum>;
  const std::int64_t ox = row % job.out_width, oy = row / job.out_width % job.out_height;
  const std::int64_t picture = row / job.out_width / job.out_height, c = job.channels;
  for (std::int64_t i = 0; i < c; ++i) sums[i] = job.bias.data != nullptr ? static_cast<Sum>(job.bias.at(i)) : 0;
  for (std::int64_t ky = 0; ky < job.kernel_height; ++ky) {
    const std::int64_t y = oy * job.stride_height - job.pad_top + ky * job.dilation_height;
    if (y < 0 || y >= job.height) continue;
    for (std::int64_t kx = 0; kx < job.kernel_width; ++kx) {
      const std::int64_t x = ox * job.stride_width - job.pad_left + kx * job.dilation_width;
      if (x < 0 || x >= job.width) continue;
      const X* from = reinterpret_cast<const X*>(job.x.data) + ((picture * job.height + y) * job.width + x) * c;
      const std::int16_t* w = taps + (ky * job.kernel_width + kx) * c;
      for (std::int64_t i = 0; i < c; ++i)
        sums[i] = static_cast<Sum>(static_cast<U>(sums[i]) + static_cast<U>(static_cast<Sum>(from[i]) * w[i]));
    }
  }
}

template <class X, class Sum>
void depthwise_plain(const Conv& job, const std::int16_t* taps, std::int64_t row) {
  depthwise_pixel<X, Sum>(job, taps, row, reinterpret_cast<Sum*>(job.out.data) + row * job.channels);
}
template <class X, class Sum>
KOINON_AVX2 void depthwise_avx2(const Conv& job, const std::int16_t* taps, std::int64_t row) {
  depthwise_pixel<X, Sum>(job, taps, row, reinterpret_cast<Sum*>(job.out.data) + row * job.channels);
}

template <class X, class Sum>
void depthwise(const Context& context, const Conv& job) {
  const std::int64_t count = job.kernel_height * job.kernel_width;
  std::vector<std::int16_t> taps(static_cast<std::size_t>(count * job.channels));
  for (std::int64_t t = 0; t < count; ++t)
    for (std::int64_t c = 0; c < job.channels; ++c)
      taps[static_cast<std::size_t>(t * job.channels + c)] = static_cast<std::int16_t>(job.w.at(c * count + t));
  const std::int64_t lines = job.batch * job.out_height;
  context.parallel_for(lines, [&](std::int64_t line) {
    for (std::int64_t row = line * job.out_width; row < (line + 1) * job.out_width; ++row) {
      if (context.isa == Isa::avx2) {
        depthwise_avx2<X, Sum>(job, taps.data(), row);
      } else {
        depthwise_plain<X, Sum>(job, taps.data(), row);
      }
    }
  });
}

template <class X>
void depthwise_of(const Context& context, const Conv& job) {
  if (job.out.dtype == DType::i32) return depthwise<X, std::int32_t>(context, job);
  depthwise<X, std::int64_t>(context, job);
}

}  // namespace

void conv(const Context& context, const Conv& job) {
  if (context.isa == Isa::ref) return conv_ref(job);
  if (job.groups == job.channels && job.filters == job.channels && job.groups > 1)
    return job.x.dtype == DType::i8 ? depthwise_of<std::int8_t>(context, job) : depthwise_of<std::int16_t>(context, job);
  const std::int64_t filters = job.filters / job.groups;
  const auto offset = [](std::int64_t elements, DType type) {
    return elements * static_cast<std::int64_t>(tensor::dtype_size(type));
  };
  for (std::int64_t group = 0; group < job.groups; ++group) {
    Gemm g;
    g.m = job.batch * job.out_height * job.out_width;
    g.n = filters;
    g.k = job.kernel_height * job.kernel_width * (job.channels / job.groups);
    g.a_dtype = job.x.dtype;
    g.a_row = [&job, group](std::int64_t row, std::int64_t first, std::int64_t count, std::int16_t* to) {
      window_row(job, group, row, first, count, to);
    };
    g.b = {job.w.dtype, job.w.data + offset(group * filters * g.k, job.w.dtype)};
    if (job.bias.data != nullptr) g.bias = {job.bias.dtype, job.bias.data + offset(group * filters, job.bias.dtype)};
    g.out = {job.out.dtype, job.out.data + offset(group * filters, job.out.dtype)};
    g.out_stride = job.filters;
    gemm(context, g);
  }
}

void conv_ref(const Conv& job) {
  const std::int64_t deep = job.channels / job.groups, filters = job.filters / job.groups;
  for (std::int64_t at = 0; at < job.batch * job.out_height * job.out_width * job.filters; ++at) {
    const std::int64_t o = at % job.filters, ox = at / job.filters % job.out_width;
    const std::int64_t oy = at / job.filters / job.out_width % job.out_height;
    const std::int64_t picture = at / job.filters / job.out_width / job.out_height;
    std::uint64_t sum = job.bias.data != nullptr ? static_cast<std::uint64_t>(job.bias.at(o)) : 0;
    for (std::int64_t t = 0; t < job.kernel_height * job.kernel_width; ++t) {
      const std::int64_t y = oy * job.stride_height - job.pad_top + t / job.kernel_width * job.dilation_height;
      const std::int64_t x = ox * job.stride_width - job.pad_left + t % job.kernel_width * job.dilation_width;
      if (y < 0 || y >= job.height || x < 0 || x >= job.width) continue;
      const std::int64_t pixel = ((picture * job.height + y) * job.width + x) * job.channels + o / filters * deep;
      for (std::int64_t c = 0; c < deep; ++c)
        sum += static_cast<std::uint64_t>(job.x.at(pixel + c) *
                                          job.w.at((o * job.kernel_height * job.kernel_width + t) * deep + c));
    }
    job.out.set(at, static_cast<std::int64_t>(sum));
  }
}

}  // namespace koinon::engine::kernels
