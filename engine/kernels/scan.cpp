#include "engine/kernels/scan.hpp"

#include <algorithm>
#include <vector>

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kTask = 1 << 12;  // elements in a parallel piece, at least

// Calls body(first element of the line) for every line, several lines a task.
template <class F>
void each_line(const Context& context, const Lines& lines, F&& body) {
  const std::int64_t count = lines.outer * lines.inner;
  const std::int64_t group = std::max<std::int64_t>(1, kTask / lines.length);
  context.parallel_for((count + group - 1) / group, [&](std::int64_t task) {
    for (std::int64_t line = task * group; line < std::min(count, (task + 1) * group); ++line) body(line);
  });
}

std::int64_t start_of(const Lines& lines, std::int64_t line, std::int64_t length) {
  return line / lines.inner * length * lines.inner + line % lines.inner;
}

template <class X>
std::int64_t index_of_largest(const X* x, std::int64_t length, std::int64_t stride) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < length; ++i)
    if (x[i * stride] > x[best * stride]) best = i;
  return best;
}

// Row by row, so that neighbouring lines are read together.
template <class X>
void argmax_rows(const X* x, std::int64_t length, std::int64_t inner, std::int64_t first, std::int64_t last, std::int32_t* y) {
  std::vector<X> best(x + first, x + last);
  std::fill(y + first, y + last, 0);
  for (std::int64_t l = 1; l < length; ++l)
    for (std::int64_t i = first; i < last; ++i) {
      const X v = x[l * inner + i];
      const bool more = v > best[static_cast<std::size_t>(i - first)];
      best[static_cast<std::size_t>(i - first)] = more ? v : best[static_cast<std::size_t>(i - first)];
      y[i] = more ? static_cast<std::int32_t>(l) : y[i];
    }
}

template <class X>
void topk_line(const TopK& job, std::int64_t line) {
  struct Item {
    X value;
    std::int32_t index;
  };
  const std::int64_t inner = job.lines.inner;
  const X* x = reinterpret_cast<const X*>(job.x.data) + start_of(job.lines, line, job.lines.length);
  std::vector<Item> items(static_cast<std::size_t>(job.lines.length));
  for (std::int64_t i = 0; i < job.lines.length; ++i)
    items[static_cast<std::size_t>(i)] = {x[i * inner], static_cast<std::int32_t>(i)};
  std::partial_sort(items.begin(), items.begin() + job.k, items.end(),
                    [](const Item& a, const Item& b) { return a.value != b.value ? a.value > b.value : a.index < b.index; });
  const std::int64_t to = start_of(job.lines, line, job.k);
  for (std::int64_t i = 0; i < job.k; ++i) {
    reinterpret_cast<X*>(job.values.data)[to + i * inner] = items[static_cast<std::size_t>(i)].value;
    if (job.indices.data != nullptr)
      reinterpret_cast<std::int32_t*>(job.indices.data)[to + i * inner] = items[static_cast<std::size_t>(i)].index;
  }
}

}  // namespace

Lines Lines::along(const Shape& shape, std::size_t axis) {
  Lines out;
  out.length = shape[axis];
  for (std::size_t i = 0; i < axis; ++i) out.outer *= shape[i];
  for (std::size_t i = axis + 1; i < shape.size(); ++i) out.inner *= shape[i];
  return out;
}

void prefix_sum(const Context& context, const Lines& lines, ConstArray x, Array y) {
  if (context.isa == Isa::ref) return prefix_sum_ref(lines, x, y);
  tensor::with_dtype(x.dtype, [&](auto a) {
    tensor::with_dtype(y.dtype, [&](auto b) {
      const auto* from = reinterpret_cast<const decltype(a)*>(x.data);
      auto* to = reinterpret_cast<decltype(b)*>(y.data);
      each_line(context, lines, [&](std::int64_t line) {
        const std::int64_t at = start_of(lines, line, lines.length);
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < lines.length; ++i) {
          sum += from[at + i * lines.inner];
          to[at + i * lines.inner] = static_cast<decltype(b)>(sum);
        }
      });
    });
  });
}

void prefix_sum_ref(const Lines& lines, ConstArray x, Array y) {
  for (std::int64_t o = 0; o < lines.outer; ++o)
    for (std::int64_t l = 0; l < lines.length; ++l)
      for (std::int64_t i = 0; i < lines.inner; ++i) {
        std::int64_t sum = 0;
        for (std::int64_t j = 0; j <= l; ++j) sum += x.at((o * lines.length + j) * lines.inner + i);
        y.set((o * lines.length + l) * lines.inner + i, sum);
      }
}

void argmax(const Context& context, const Lines& lines, ConstArray x, Array y) {
  if (context.isa == Isa::ref) return argmax_ref(lines, x, y);
  tensor::with_dtype(x.dtype, [&](auto t) {
    const auto* from = reinterpret_cast<const decltype(t)*>(x.data);
    auto* to = reinterpret_cast<std::int32_t*>(y.data);
    if (lines.inner == 1)
      return each_line(context, lines, [&](std::int64_t o) {
        to[o] = static_cast<std::int32_t>(index_of_largest(from + o * lines.length, lines.length, 1));
      });
    const std::int64_t width = std::max<std::int64_t>(16, kTask / lines.length), pieces = (lines.inner + width - 1) / width;
    context.parallel_for(lines.outer * pieces, [&](std::int64_t task) {
      const std::int64_t o = task / pieces, first = task % pieces * width;
      argmax_rows(from + o * lines.length * lines.inner, lines.length, lines.inner, first, std::min(lines.inner, first + width),
                  to + o * lines.inner);
    });
  });
}

void argmax_ref(const Lines& lines, ConstArray x, Array y) {
  for (std::int64_t o = 0; o < lines.outer; ++o)
    for (std::int64_t i = 0; i < lines.inner; ++i) {
      std::int64_t best = 0, value = x.at(o * lines.length * lines.inner + i);
      for (std::int64_t l = 1; l < lines.length; ++l) {
        const std::int64_t v = x.at((o * lines.length + l) * lines.inner + i);
        if (v > value) {
          best = l;
          value = v;
        }
      }
      y.set(o * lines.inner + i, best);
    }
}

void topk(const Context& context, const TopK& job) {
  if (context.isa == Isa::ref) return topk_ref(job);
  tensor::with_dtype(job.x.dtype, [&](auto t) {
    each_line(context, job.lines, [&](std::int64_t line) { topk_line<decltype(t)>(job, line); });
  });
}

void topk_ref(const TopK& job) {
  const Lines& lines = job.lines;
  for (std::int64_t o = 0; o < lines.outer; ++o)
    for (std::int64_t i = 0; i < lines.inner; ++i) {
      std::vector<bool> taken(static_cast<std::size_t>(lines.length), false);
      for (std::int64_t place = 0; place < job.k; ++place) {
        std::int64_t best = -1, value = 0;
        for (std::int64_t l = 0; l < lines.length; ++l) {
          const std::int64_t v = job.x.at((o * lines.length + l) * lines.inner + i);
          if (taken[static_cast<std::size_t>(l)] || (best >= 0 && v <= value)) continue;
          best = l;
          value = v;
        }
        taken[static_cast<std::size_t>(best)] = true;
        const std::int64_t to = (o * job.k + place) * lines.inner + i;
        job.values.set(to, value);
        if (job.indices.data != nullptr) job.indices.set(to, best);
      }
    }
}

}  // namespace koinon::engine::kernels
