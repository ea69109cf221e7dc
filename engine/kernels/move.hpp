#pragma once
#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// Copies a box of `shape` elements, each `size` bytes, between two strided layouts (strides in elements; 0 repeats, negative
/// reads backwards): transposing, slicing, concatenating, padding and broadcasting are all this.
void copy_box(const Context& context, std::size_t size, const Shape& shape, const std::uint8_t* from,
              const std::vector<std::int64_t>& from_strides, std::uint8_t* to, const std::vector<std::int64_t>& to_strides);

}  // namespace koinon::engine::kernels
