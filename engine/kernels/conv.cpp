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

// One window's row, written a run at a time: as many elements as lie together in x (a row of the kernel, or one tap's
// channels).
template <class T>
class WindowRow {
 public:
  WindowRow(const Conv& job, std::int64_t group, std::int64_t row)
      : job_(job), position_(Position::of(job, row)), deep_(job.channels / job.groups), group_(group) {
    whole_rows_ = job.groups == 1 && job.dilation_width == 1;
    run_ = whole_rows_ ? job.kernel_width * deep_ : deep_;
  }

  void write(std::int64_t first, std::int64_t count, T* to) const {
    std::int64_t run = first / run_, within = first % run_;
    for (std::int64_t left = count; left > 0; ++run, within = 0) {
      const std::int64_t n = std::min(run_ - within, left);
      part(run, within, n, to);
      to += n;
      left -= n;
    }
  }

 private:
  void part(std::int64_t run, std::int64_t within, std::int64_t n, T* to) const {
    const std::int64_t line = whole_rows_ ? run : run / job_.kernel_width;
    const std::int64_t z = position_.z + line / job_.kernel_height * job_.dilation_depth;
    const std::int64_t y = position_.y + line % job_.kernel_height * job_.dilation_height;
    const std::int64_t x = position_.x + (whole_rows_ ? 0 : run % job_.kernel_width * job_.dilation_width);
    if (z < 0 || z >= job_.depth || y < 0 || y >= job_.height) return static_cast<void>(std::fill(to, to + n, T{0}));
    const std::int64_t start = ((position_.picture * job_.depth + z) * job_.height + y) * job_.width * job_.channels;
    // Elements of the run, counted along the row of x; those outside it are padding.
    const std::int64_t first = x * job_.channels + group_ * deep_ + within, size = job_.width * job_.channels;
    const bool outside = !whole_rows_ && (x < 0 || x >= job_.width);
    const std::int64_t before = outside ? n : std::clamp<std::int64_t>(-first, 0, n);
    const std::int64_t after = std::clamp<std::int64_t>(first + n - size, 0, n - before);
    std::fill(to, to + before, T{0});
    if (n > before + after) copy_channels(job_.x, start + first + before, n - before - after, to + before);
    std::fill(to + n - after, to + n, T{0});
  }

  const Conv& job_;
  Position position_;
  std::int64_t deep_, group_, run_ = 1;
  bool whole_rows_ = false;
};

template <class T>
void window_row(const Conv& job, std::int64_t group, std::int64_t row, std::int64_t first, std::int64_t count, T* to) {
  WindowRow<T>(job, group, row).write(first, count, to);
}

// One filter a channel: the sum runs over kernel positions alone, side by side for the channels of a pixel.
template <class X, class Sum>
struct Depthwise {
  struct Tap {
    const X* x;
    const std::int16_t* w;
  };
  const Conv& job;
  std::vector<std::int16_t> taps;  // [tap, channel]
  std::vector<Sum> bias;

  explicit Depthwise(const Conv& j) : job(j) {
    const std::int64_t count = taps_of(job), c = job.channels;
    taps.resize(static_cast<std::size_t>(count * c));
    for (std::int64_t t = 0; t < count; ++t)
      for (std::int64_t i = 0; i < c; ++i)
        taps[static_cast<std::size_t>(t * c + i)] = static_cast<std::int16_t>(job.w.at(i * count + t));
    for (std::int64_t i = 0; i < c; ++i) bias.push_back(job.bias.data != nullptr ? static_cast<Sum>(job.bias.at(i)) : 0);
  }

  // Taps that lie inside x for an output position.
  void find(std::int64_t row, std::vector<Tap>& inside) const {
    inside.clear();
    const Position position = Position::of(job, row);
    for (std::int64_t tap = 0; tap < taps_of(job); ++tap)
      if (const std::int64_t pixel = position.pixel(job, tap); pixel >= 0)
        inside.push_back({reinterpret_cast<const X*>(job.x.data) + pixel * job.channels, taps.data() + tap * job.channels});
  }
};

// Channels [first, first + N) of one position; N is known, so that the sums stay in registers.
template <int N, class X, class Sum, class Tap>
inline __attribute__((always_inline)) void some_channels(const std::vector<Tap>& inside, const Sum* bias, std::int64_t first,
                                                         Sum* out) {
  using U = std::make_unsigned_t<Sum>;
  U sums[N];
  for (int i = 0; i < N; ++i) sums[i] = static_cast<U>(bias[first + i]);
  for (const Tap& tap : inside) {
    const X* x = tap.x + first;
    const std::int16_t* w = tap.w + first;
    for (int i = 0; i < N; ++i) sums[i] += static_cast<U>(static_cast<Sum>(x[i]) * w[i]);
  }
  for (int i = 0; i < N; ++i) out[first + i] = static_cast<Sum>(sums[i]);
}

template <class X, class Sum>
inline __attribute__((always_inline)) void depthwise_line(const Depthwise<X, Sum>& work, std::int64_t line) {
  std::vector<typename Depthwise<X, Sum>::Tap> inside;
  const std::int64_t c = work.job.channels, width = work.job.out_width;
  for (std::int64_t row = line * width; row < (line + 1) * width; ++row) {
    work.find(row, inside);
    Sum* out = reinterpret_cast<Sum*>(work.job.out.data) + row * c;
    std::int64_t first = 0;
    for (; first + 32 <= c; first += 32) some_channels<32, X, Sum>(inside, work.bias.data(), first, out);
    for (; first + 8 <= c; first += 8) some_channels<8, X, Sum>(inside, work.bias.data(), first, out);
    for (; first < c; ++first) some_channels<1, X, Sum>(inside, work.bias.data(), first, out);
  }
}

template <class X, class Sum>
void depthwise_plain(const Depthwise<X, Sum>& work, std::int64_t line) {
  depthwise_line(work, line);
}
template <class X, class Sum>
KOINON_AVX2 void depthwise_avx2(const Depthwise<X, Sum>& work, std::int64_t line) {
  depthwise_line(work, line);
}

template <class X, class Sum>
void depthwise(const Context& context, const Conv& job) {
  const Depthwise<X, Sum> work(job);
  context.parallel_for(positions_of(job) / job.out_width, [&](std::int64_t line) {
    if (has_avx2(context.isa)) {
      depthwise_avx2(work, line);
    } else {
      depthwise_plain(work, line);
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
