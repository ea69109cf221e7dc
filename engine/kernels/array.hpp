#pragma once
#include <cstdint>
#include <cstring>

#include "engine/tensor/tensor.hpp"

namespace koinon::engine::kernels {

using tensor::DType;
using tensor::Shape;

/// Borrowed elements of one type.
struct ConstArray {
  DType dtype = DType::i8;
  const std::uint8_t* data = nullptr;

  [[nodiscard]] std::int64_t at(std::int64_t index) const {
    return tensor::with_dtype(dtype, [&](auto t) -> std::int64_t {
      std::memcpy(&t, data + static_cast<std::size_t>(index) * sizeof t, sizeof t);
      return t;
    });
  }
};

/// Borrowed elements of one type, to be written.
struct Array {
  DType dtype = DType::i8;
  std::uint8_t* data = nullptr;

  void set(std::int64_t index, std::int64_t value) const {
    tensor::with_dtype(dtype, [&](auto t) {
      t = static_cast<decltype(t)>(value);
      std::memcpy(data + static_cast<std::size_t>(index) * sizeof t, &t, sizeof t);
    });
  }
};

/// Elements between neighbours along each axis of a row-major tensor.
std::vector<std::int64_t> strides_of(const Shape& shape);
/// Strides that read a tensor of shape `from` as if it had shape `to` (NumPy broadcasting; 0 on a stretched axis).
/// Precondition: `from` broadcasts to `to`.
std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to);

}  // namespace koinon::engine::kernels
