#include "engine/kernels/reduce.hpp"

#include <algorithm>
#include <vector>

namespace koinon::engine::kernels {
namespace {

// An axis of one output position: taps [first, last] of the window lie inside x.
struct Span {
  std::int64_t start, first, last;
};

Span span_of(const Reduce& job, std::size_t axis, std::int64_t position) {
  const std::int64_t start = position * job.strides[axis] - job.pads_begin[axis], d = job.dilations[axis];
  const std::int64_t first = start >= 0 ? 0 : (-start + d - 1) / d;
  const std::int64_t last = std::min(job.window[axis] - 1, (job.in[axis] - 1 - start) / d);
  return {start, first, last};
}

std::int64_t combine(Reduction op, std::int64_t a, std::int64_t b) {
  if (op == Reduction::sum) return a + b;
  return op == Reduction::max ? std::max(a, b) : std::min(a, b);
}

std::int64_t identity(Reduction op) { return op == Reduction::sum ? 0 : op == Reduction::max ? INT64_MIN : INT64_MAX; }

// Offsets of all elements under a window, over every axis but the last.
void list_offsets(const Reduce& job, const std::vector<std::int64_t>& strides, const std::vector<Span>& spans, std::size_t axis,
                  std::int64_t offset, std::vector<std::int64_t>& out) {
  if (axis == spans.size()) {
    out.push_back(offset);
    return;
  }
  for (std::int64_t t = spans[axis].first; t <= spans[axis].last; ++t)
    list_offsets(job, strides, spans, axis + 1, offset + (spans[axis].start + t * job.dilations[axis]) * strides[axis], out);
}

template <class X>
void one_line(const Reduce& job, const std::vector<std::int64_t>& offsets, std::int64_t out_first,
              std::vector<std::int64_t>& sums) {
  const std::size_t last = job.in.size() - 1;
  const std::int64_t n = job.out[last];
  const X* x = reinterpret_cast<const X*>(job.x.data);
  std::fill(sums.begin(), sums.end(), identity(job.op));
  const bool whole = job.window[last] == 1 && job.strides[last] == 1 && job.pads_begin[last] == 0;
  for (auto offset : offsets) {
    if (whole) {
      const X* from = x + offset;
      switch (job.op) {
        case Reduction::sum:
          for (std::int64_t i = 0; i < n; ++i) sums[static_cast<std::size_t>(i)] += from[i];
          break;
        case Reduction::max:
          for (std::int64_t i = 0; i < n; ++i)
            sums[static_cast<std::size_t>(i)] = std::max<std::int64_t>(sums[static_cast<std::size_t>(i)], from[i]);
          break;
        case Reduction::min:
          for (std::int64_t i = 0; i < n; ++i)
            sums[static_cast<std::size_t>(i)] = std::min<std::int64_t>(sums[static_cast<std::size_t>(i)], from[i]);
          break;
      }
      continue;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const Span s = span_of(job, last, i);
      auto& sum = sums[static_cast<std::size_t>(i)];
      for (std::int64_t t = s.first; t <= s.last; ++t)
        sum = combine(job.op, sum, x[offset + s.start + t * job.dilations[last]]);
    }
  }
  for (std::int64_t i = 0; i < n; ++i) job.y.set(out_first + i, sums[static_cast<std::size_t>(i)]);
}

}  // namespace

void reduce(const Context& context, const Reduce& job) {
  if (context.isa == Isa::ref || job.in.empty()) return reduce_ref(job);
  if (reduce_lines(context, job)) return;
  const std::size_t last = job.in.size() - 1;
  const auto strides = strides_of(job.in);
  const std::int64_t lines = tensor::element_count(job.out) / job.out[last];
  context.parallel_for(lines, [&](std::int64_t line) {
    std::vector<Span> spans(last);
    std::int64_t rest = line;
    for (std::size_t axis = last; axis-- > 0;) {
      spans[axis] = span_of(job, axis, rest % job.out[axis]);
      rest /= job.out[axis];
    }
    std::vector<std::int64_t> offsets, sums(static_cast<std::size_t>(job.out[last]));
    list_offsets(job, strides, spans, 0, 0, offsets);
    tensor::with_dtype(job.x.dtype, [&](auto t) { one_line<decltype(t)>(job, offsets, line * job.out[last], sums); });
  });
}

void reduce_ref(const Reduce& job) {
  const auto strides = strides_of(job.in);
  std::int64_t taps = 1;
  for (auto w : job.window) taps *= w;
  for (std::int64_t at = 0; at < tensor::element_count(job.out); ++at) {
    std::int64_t value = identity(job.op);
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      std::int64_t offset = 0, rest = at, tap_rest = tap;
      bool inside = true;
      for (std::size_t axis = job.in.size(); axis-- > 0;) {
        const std::int64_t i =
            rest % job.out[axis] * job.strides[axis] - job.pads_begin[axis] + tap_rest % job.window[axis] * job.dilations[axis];
        inside = inside && i >= 0 && i < job.in[axis];
        offset += i * strides[axis];
        rest /= job.out[axis];
        tap_rest /= job.window[axis];
      }
      if (inside) value = combine(job.op, value, job.x.at(offset));
    }
    job.y.set(at, value);
  }
}

void lookup(const Context& context, ConstArray x, std::int64_t count, std::int64_t low, ConstArray table, Array y) {
  constexpr std::int64_t kTask = 1 << 15;
  context.parallel_for((count + kTask - 1) / kTask, [&](std::int64_t task) {
    const std::int64_t first = task * kTask, last = std::min(count, first + kTask);
    tensor::with_dtype(x.dtype, [&](auto i) {
      tensor::with_dtype(table.dtype, [&](auto t) {
        const auto* from = reinterpret_cast<const decltype(i)*>(x.data);
        const auto* entries = reinterpret_cast<const decltype(t)*>(table.data);
        auto* to = reinterpret_cast<decltype(t)*>(y.data);
        for (std::int64_t at = first; at < last; ++at) to[at] = entries[from[at] - low];
      });
    });
  });
}

}  // namespace koinon::engine::kernels
