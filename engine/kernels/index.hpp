#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// Rows of a tensor [batch, outer, length, inner] that `indices` [batch, count] names, each in [0, length): the rows are
/// [batch, outer, count, inner]. Elements have `size` bytes.
struct Rows {
  std::int64_t batch = 1, outer = 1, length = 1, inner = 1, count = 1;
  std::size_t size = 1;
  ConstArray indices;
};

/// rows[b, o, i] = x[b, o, indices[b, i]].
void gather(const Context& context, const Rows& job, const std::uint8_t* x, std::uint8_t* rows);
void gather_ref(const Rows& job, const std::uint8_t* x, std::uint8_t* rows);

/// y = x, except that y[b, o, indices[b, i]] = rows[b, o, i]. Indices of one batch are distinct.
void scatter(const Context& context, const Rows& job, const std::uint8_t* x, const std::uint8_t* rows, std::uint8_t* y);
void scatter_ref(const Rows& job, const std::uint8_t* x, const std::uint8_t* rows, std::uint8_t* y);

/// The first index, in the order of batches, that occurs twice in its batch; -1 when none does. O(batch * count log count).
std::int64_t repeated_index(const Rows& job);

}  // namespace koinon::engine::kernels
