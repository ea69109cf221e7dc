#include "engine/kernels/index.hpp"

#include <algorithm>
#include <vector>

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kTask = 1 << 14;  // bytes in a parallel piece, at least

// Calls body(row among the named ones, row of the tensor), both counted in rows of `inner` elements.
template <class F>
void each_row(const Context& context, const Rows& job, F&& body) {
  const std::int64_t total = job.batch * job.outer * job.count;
  const std::int64_t group = std::max<std::int64_t>(1, kTask / (job.inner * static_cast<std::int64_t>(job.size)));
  context.parallel_for((total + group - 1) / group, [&](std::int64_t task) {
    for (std::int64_t row = task * group; row < std::min(total, (task + 1) * group); ++row) {
      const std::int64_t i = row % job.count, line = row / job.count;
      body(row, line * job.length + job.indices.at(line / job.outer * job.count + i));
    }
  });
}

template <class T>
void gather_elements(const Context& context, const Rows& job, const std::uint8_t* x, std::uint8_t* rows) {
  each_row(context, job,
           [&](std::int64_t row, std::int64_t from) { reinterpret_cast<T*>(rows)[row] = reinterpret_cast<const T*>(x)[from]; });
}

std::size_t row_bytes(const Rows& job) { return static_cast<std::size_t>(job.inner) * job.size; }
std::size_t tensor_bytes(const Rows& job) {
  return static_cast<std::size_t>(job.batch * job.outer * job.length) * row_bytes(job);
}

}  // namespace

void gather(const Context& context, const Rows& job, const std::uint8_t* x, std::uint8_t* rows) {
  if (context.isa == Isa::ref) return gather_ref(job, x, rows);
  if (job.inner == 1 && job.size == 1) return gather_elements<std::uint8_t>(context, job, x, rows);
  if (job.inner == 1 && job.size == 2) return gather_elements<std::uint16_t>(context, job, x, rows);
  const std::size_t bytes = row_bytes(job);
  each_row(context, job, [&](std::int64_t row, std::int64_t from) {
    std::memcpy(rows + static_cast<std::size_t>(row) * bytes, x + static_cast<std::size_t>(from) * bytes, bytes);
  });
}

void gather_ref(const Rows& job, const std::uint8_t* x, std::uint8_t* rows) {
  std::size_t to = 0;
  for (std::int64_t b = 0; b < job.batch; ++b)
    for (std::int64_t o = 0; o < job.outer; ++o)
      for (std::int64_t i = 0; i < job.count; ++i)
        for (std::size_t at = 0; at < row_bytes(job); ++at) {
          const std::int64_t row = (b * job.outer + o) * job.length + job.indices.at(b * job.count + i);
          rows[to++] = x[static_cast<std::size_t>(row) * row_bytes(job) + at];
        }
}

void scatter(const Context& context, const Rows& job, const std::uint8_t* x, const std::uint8_t* rows, std::uint8_t* y) {
  if (context.isa == Isa::ref) return scatter_ref(job, x, rows, y);
  std::memcpy(y, x, tensor_bytes(job));
  const std::size_t bytes = row_bytes(job);
  each_row(context, job, [&](std::int64_t row, std::int64_t to) {
    std::memcpy(y + static_cast<std::size_t>(to) * bytes, rows + static_cast<std::size_t>(row) * bytes, bytes);
  });
}

void scatter_ref(const Rows& job, const std::uint8_t* x, const std::uint8_t* rows, std::uint8_t* y) {
  for (std::size_t i = 0; i < tensor_bytes(job); ++i) y[i] = x[i];
  std::size_t from = 0;
  for (std::int64_t b = 0; b < job.batch; ++b)
    for (std::int64_t o = 0; o < job.outer; ++o)
      for (std::int64_t i = 0; i < job.count; ++i)
        for (std::size_t at = 0; at < row_bytes(job); ++at) {
          const std::int64_t row = (b * job.outer + o) * job.length + job.indices.at(b * job.count + i);
          y[static_cast<std::size_t>(row) * row_bytes(job) + at] = rows[from++];
        }
}

std::int64_t repeated_index(const Rows& job) {
  if (job.count < 2) return -1;
  std::vector<std::int64_t> sorted(static_cast<std::size_t>(job.count));
  for (std::int64_t b = 0; b < job.batch; ++b) {
    bool ascends = true;
    for (std::int64_t i = 1; i < job.count && ascends; ++i)
      ascends = job.indices.at(b * job.count + i - 1) < job.indices.at(b * job.count + i);
    if (ascends) continue;
    for (std::int64_t i = 0; i < job.count; ++i) sorted[static_cast<std::size_t>(i)] = job.indices.at(b * job.count + i);
    std::sort(sorted.begin(), sorted.end());
    const auto found = std::adjacent_find(sorted.begin(), sorted.end());
    if (found != sorted.end()) return *found;
  }
  return -1;
}

}  // namespace koinon::engine::kernels
