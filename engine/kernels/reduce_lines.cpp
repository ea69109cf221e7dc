// Reductions whose inner loop runs along lines of memory: windows of whole lines of channels, or single whole lines.
#include <algorithm>
#include <array>
#include <vector>

#include "engine/kernels/reduce.hpp"

#if defined(__x86_64__)
#define KOINON_AVX2 __attribute__((target("avx2")))
#else
#define KOINON_AVX2
#endif
#define KOINON_INLINE inline __attribute__((always_inline))

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kParallel = 1 << 17;  // elements below which threads do not pay

// The job without the axes that have one element and are not reduced.
struct Axes {
  std::array<std::int64_t, tensor::kMaxRank> in, out, window, stride, dilation, pad, step;
  std::size_t rank = 0;

  explicit Axes(const Reduce& job) {
    std::int64_t size = tensor::element_count(job.in);
    for (std::size_t i = 0; i < job.in.size(); ++i) {
      size /= job.in[i];
      if (job.in[i] == 1 && job.out[i] == 1 && job.window[i] == 1 && job.pads_begin[i] == 0) continue;
      in[rank] = job.in[i], out[rank] = job.out[i], window[rank] = job.window[i], stride[rank] = job.strides[i];
      dilation[rank] = job.dilations[i], pad[rank] = job.pads_begin[i], step[rank] = size;
      ++rank;
    }
  }
  [[nodiscard]] bool untouched(std::size_t i) const {
    return window[i] == 1 && stride[i] == 1 && pad[i] == 0 && in[i] == out[i];
  }
  [[nodiscard]] bool whole(std::size_t i) const { return window[i] == in[i] && out[i] == 1 && pad[i] == 0 && dilation[i] == 1; }
};

template <Reduction Op, class T>
KOINON_INLINE T combine(T a, T b) {
  if constexpr (Op == Reduction::max) return b > a ? b : a;
  if constexpr (Op == Reduction::min) return b < a ? b : a;
  // Modulo the type: the result is proved to fit.
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
}

// What sums are kept in: the result's type from 32 bits on; what is largest or smallest stays in the type of x.
template <Reduction Op, class X, class Y>
using Kept = std::conditional_t<Op != Reduction::sum, X, std::conditional_t<sizeof(Y) == 8, std::int64_t, std::int32_t>>;

constexpr std::int64_t kSide = 64;  // channels side by side

// y[i] = the taps' x[i] combined, for a line of channels.
template <Reduction Op, class X, class Y>
KOINON_INLINE void pool_line(const X* x, const std::vector<std::int64_t>& taps, std::int64_t count, Y* y) {
  using T = Kept<Op, X, Y>;
  for (std::int64_t at = 0; at < count; at += kSide) {
    const std::int64_t n = std::min(kSide, count - at);
    T kept[kSide];
    const X* first = x + taps[0] + at;
    for (std::int64_t i = 0; i < n; ++i) kept[i] = static_cast<T>(first[i]);
    for (std::size_t tap = 1; tap < taps.size(); ++tap) {
      const X* from = x + taps[tap] + at;
      for (std::int64_t i = 0; i < n; ++i) kept[i] = combine<Op, T>(kept[i], static_cast<T>(from[i]));
    }
    for (std::int64_t i = 0; i < n; ++i) y[at + i] = static_cast<Y>(kept[i]);
  }
}

template <Reduction Op, class X, class Y>
KOINON_INLINE void whole_lines(const X* x, std::int64_t length, std::int64_t lines, Y* y) {
  using T = Kept<Op, X, Y>;
  for (std::int64_t line = 0; line < lines; ++line, x += length) {
    T kept = static_cast<T>(x[0]);
    for (std::int64_t i = 1; i < length; ++i) kept = combine<Op, T>(kept, static_cast<T>(x[i]));
    y[line] = static_cast<Y>(kept);
  }
}

template <Reduction Op, class X, class Y>
KOINON_AVX2 void pool_line_avx2(const X* x, const std::vector<std::int64_t>& taps, std::int64_t count, Y* y) {
  pool_line<Op, X, Y>(x, taps, count, y);
}
template <Reduction Op, class X, class Y>
KOINON_AVX2 void whole_lines_avx2(const X* x, std::int64_t length, std::int64_t lines, Y* y) {
  whole_lines<Op, X, Y>(x, length, lines, y);
}

// Windows over all axes but the last, one line of the result after another.
class Pool {
 public:
  explicit Pool(const Axes& axes) : axes_(axes), outer_(axes.rank - 1) { list(axes, nullptr, 0, 0, taps_); }

  [[nodiscard]] std::int64_t lines() const {
    std::int64_t out = 1;
    for (std::size_t i = 0; i < outer_; ++i) out *= axes_.out[i];
    return out;
  }

  template <class F>
  void each(std::int64_t first, std::int64_t last, F&& line) const {
    std::vector<std::int64_t> edge;
    std::array<std::int64_t, tensor::kMaxRank> start{};
    for (std::int64_t at = first; at < last; ++at) {
      std::int64_t rest = at, base = 0;
      bool inside = true;
      for (std::size_t i = outer_; i-- > 0;) {
        start[i] = rest % axes_.out[i] * axes_.stride[i] - axes_.pad[i];
        rest /= axes_.out[i];
        inside = inside && start[i] >= 0 && start[i] + (axes_.window[i] - 1) * axes_.dilation[i] < axes_.in[i];
        base += start[i] * axes_.step[i];
      }
      if (!inside) {
        edge.clear();
        list(axes_, start.data(), 0, 0, edge);
      }
      line(at, base, inside ? taps_ : edge);
    }
  }

 private:
  // Offsets of the taps from a window's start; with `start`, only of those that lie inside x.
  void list(const Axes& axes, const std::int64_t* start, std::size_t axis, std::int64_t offset,
            std::vector<std::int64_t>& out) const {
    if (axis == outer_) return out.push_back(offset);
    for (std::int64_t t = 0; t < axes.window[axis]; ++t) {
      const std::int64_t at = t * axes.dilation[axis];
      if (start != nullptr && (start[axis] + at < 0 || start[axis] + at >= axes.in[axis])) continue;
      list(axes, start, axis + 1, offset + at * axes.step[axis], out);
    }
  }

  const Axes& axes_;
  std::size_t outer_;
  std::vector<std::int64_t> taps_;
};

template <Reduction Op, class X, class Y>
void run_pool(const Context& context, const Axes& axes, const X* x, Y* y) {
  const Pool pool(axes);
  const std::int64_t lines = pool.lines(), count = axes.out[axes.rank - 1];
  const auto some = [&](std::int64_t first, std::int64_t last) {
    pool.each(first, last, [&](std::int64_t at, std::int64_t base, const std::vector<std::int64_t>& taps) {
      pool_line_avx2<Op, X, Y>(x + base, taps, count, y + at * count);
    });
  };
  if (lines * count < kParallel) return some(0, lines);
  const std::int64_t group = std::max<std::int64_t>(1, (1 << 14) / count);
  context.parallel_for((lines + group - 1) / group,
                       [&](std::int64_t task) { some(task * group, std::min(lines, (task + 1) * group)); });
}

template <Reduction Op>
bool run(const Context& context, const Reduce& job, const Axes& axes, std::size_t kept) {
  tensor::with_dtype(job.x.dtype, [&](auto a) {
    tensor::with_dtype(job.y.dtype, [&](auto b) {
      using X = decltype(a);
      using Y = decltype(b);
      const auto* x = reinterpret_cast<const X*>(job.x.data);
      auto* y = reinterpret_cast<Y*>(job.y.data);
      if (kept == axes.rank) return run_pool<Op, X, Y>(context, axes, x, y);
      std::int64_t lines = 1, length = 1;
      for (std::size_t i = 0; i < axes.rank; ++i) (i < kept ? lines : length) *= axes.in[i];
      whole_lines_avx2<Op, X, Y>(x, length, lines, y);
    });
  });
  return true;
}

}  // namespace

bool reduce_lines(const Context& context, const Reduce& job) {
  if (!has_avx2(context.isa)) return false;
  const Axes axes(job);
  if (axes.rank == 0) return false;
  // Whole lines: axes that stay, then axes that go.
  std::size_t kept = 0;
  while (kept < axes.rank && axes.untouched(kept)) ++kept;
  std::size_t gone = kept;
  while (gone < axes.rank && axes.whole(gone)) ++gone;
  const bool lines = kept < axes.rank && gone == axes.rank;
  if (!lines && (axes.rank < 2 || !axes.untouched(axes.rank - 1))) return false;
  if (!lines) kept = axes.rank;
  switch (job.op) {
    case Reduction::sum: return run<Reduction::sum>(context, job, axes, kept);
    case Reduction::max: return run<Reduction::max>(context, job, axes, kept);
    case Reduction::min: return run<Reduction::min>(context, job, axes, kept);
  }
  return false;
}

}  // namespace koinon::engine::kernels
