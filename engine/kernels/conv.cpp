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

// An output position, and the place in x that a tap of the kernel reads for it.
struct Position {
  std::int64_t picture, z, y, x;

  static Position of(const Conv& job, std::int64_t row) {
    const std::int64_t line = row / job.out_width, plane = line / job.out_height;
    return {plane / job.out_depth, plane % job.out_depth * job.stride_depth - job.pad_front,
            line % job.out_height * job.stride_height - job.pad_top, row % job.out_width * job.stride_width - job.pad_left};
  }
  // Pixel of x under a tap (kernel plane, row, column); -1 in the padding.
  [[nodiscard]] std::int64_t pixel(const Conv& job, std::int64_t tap) const {
    const std::int64_t line = tap / job.kernel_width;
    const std::int64_t pz = z + line / job.kernel_height * job.dilation_depth;
    const std::int64_t py = y + line % job.kernel_height * job.dilation_height;
    const std::int64_t px = x + tap % job.kernel_width * job.dilation_width;
    if (pz < 0 || pz >= job.depth || py < 0 || py >= job.height || px < 0 || px >= job.width) return -1;
    return ((picture * job.depth + pz) * job.height + py) * job.width + px;
  }
};

std::int64_t taps_of(const Conv& job) { return job.kernel_depth * job.kernel_height * job.kernel_width; }
std::int64_t positions_of(const Conv& job) { return job.batch * job.out_depth * job.out_height * job.out_width; }

// Column `kk` of the matrix that a convolution multiplies by is kernel plane, row, column, channel; row `row` is batch, z, y,
// x. It is made a few values at a time, never whole.
void copy_channels(ConstArray x, std::int64_t first, std::int64_t count, std::int16_t* to) { widen(x, first, count, to); }
void copy_channels(ConstArray x, std::int64_t first, std::int64_t count, std::int8_t* to) {
  std::memcpy(to, x.data + first, static_cast<std::size_t>(count));
}

template <class T>
void window_row(const Conv& job, std::int64_t group, std::int64_t row, std::int64_t first, std::int64_t count, T* to) {
  const std::int64_t deep = job.channels / job.groups;
  const Position position = Position::of(job, row);
  for (std::int64_t at = first; at < first + count;) {
    const std::int64_t channel = at % deep;
    const std::int64_t n = std::min(deep - channel, first + count - at);
    const std::int64_t pixel = position.pixel(job, at / deep);
    if (pixel < 0) {
      std::fill(to, to + n, T{0});
    } else {
      copy_channels(job.x, pixel * job.channels + group * deep + channel, n, to);
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
  const Position position = Position::of(job, row);
  const std::int64_t c = job.channels;
  for (std::int64_t i = 0; i < c; ++i) sums[i] = job.bias.data != nullptr ? static_cast<Sum>(job.bias.at(i)) : 0;
  for (std::int64_t tap = 0; tap < taps_of(job); ++tap) {
    const std::int64_t pixel = position.pixel(job, tap);
    if (pixel < 0) continue;
    const X* from = reinterpret_cast<const X*>(job.x.data) + pixel * c;
    const std::int16_t* w = taps + tap * c;
    for (std::int64_t i = 0; i < c; ++i)
      sums[i] = static_cast<Sum>(static_cast<U>(sums[i]) + static_cast<U>(static_cast<Sum>(from[i]) * w[i]));
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
  const std::int64_t count = taps_of(job);
  std::vector<std::int16_t> taps(static_cast<std::size_t>(count * job.channels));
  for (std::int64_t t = 0; t < count; ++t)
    for (std::int64_t c = 0; c < job.channels; ++c)
      taps[static_cast<std::size_t>(t * job.channels + c)] = static_cast<std::int16_t>(job.w.at(c * count + t));
  const std::int64_t lines = positions_of(job) / job.out_width;
  context.parallel_for(lines, [&](std::int64_t line) {
    for (std::int64_t row = line * job.out_width; row < (line + 1) * job.out_width; ++row) {
      if (has_avx2(context.isa)) {
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
    g.m = positions_of(job);
    g.n = filters;
    g.k = taps_of(job) * (job.channels / job.groups);
    g.a_dtype = job.x.dtype;
    g.a_row = [&job, group](std::int64_t row, std::int64_t first, std::int64_t count, std::int16_t* to) {
      window_row(job, group, row, first, count, to);
    };
    if (job.x.dtype == DType::i8)
      g.a_bytes = [&job, group](std::int64_t row, std::int64_t first, std::int64_t count, std::int8_t* to) {
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
  for (std::int64_t at = 0; at < positions_of(job) * job.filters; ++at) {
    const std::int64_t o = at % job.filters;
    const Position position = Position::of(job, at / job.filters);
    std::uint64_t sum = job.bias.data != nullptr ? static_cast<std::uint64_t>(job.bias.at(o)) : 0;
    for (std::int64_t t = 0; t < taps_of(job); ++t) {
      const std::int64_t pixel = position.pixel(job, t);
      if (pixel < 0) continue;
      for (std::int64_t c = 0; c < deep; ++c)
        sum += static_cast<std::uint64_t>(job.x.at(pixel * job.channels + o / filters * deep + c) *
                                          job.w.at((o * taps_of(job) + t) * deep + c));
    }
    job.out.set(at, static_cast<std::int64_t>(sum));
  }
}

}  // namespace koinon::engine::kernels
