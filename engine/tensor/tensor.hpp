#pragma once
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::engine::tensor {

static_assert(std::endian::native == std::endian::little, "tensors are read in place, and their bytes are little-endian");

/// Sizes of a tensor's axes, outermost first; empty for a scalar. At most kMaxRank axes, each at least 1, and at most
/// kMaxElements elements (tensor/check_shape).
using Shape = std::vector<std::int64_t>;

inline constexpr std::size_t kMaxRank = 8;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;

/// Type of an element. Numbers are in files and hashes: never renumber.
enum class DType : std::uint8_t { i8 = 1, i16 = 2, i32 = 3, i64 = 4 };

/// Bytes in an element.
constexpr std::size_t dtype_size(DType dtype) { return std::size_t{1} << (static_cast<unsigned>(dtype) - 1); }
/// Smallest and largest value of a type.
constexpr std::int64_t dtype_low(DType dtype) { return INT64_MIN >> (64 - 8 * dtype_size(dtype)); }
constexpr std::int64_t dtype_high(DType dtype) { return INT64_MAX >> (64 - 8 * dtype_size(dtype)); }
/// "i8" to "i64".
std::string_view dtype_name(DType dtype);
/// Errors: malformed on a number outside 1 to 4.
base::Result<DType> dtype_from(std::uint8_t number);

template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::int16_t> || std::is_same_v<T, std::int32_t> ||
                std::is_same_v<T, std::int64_t>);
  return sizeof(T) == 1 ? DType::i8 : sizeof(T) == 2 ? DType::i16 : sizeof(T) == 4 ? DType::i32 : DType::i64;
}

/// Errors: out_of_range when the rank, an axis or the number of elements is outside its bound.
base::Status check_shape(const Shape& shape);
/// Number of elements; 1 for a scalar. Precondition: check_shape succeeds.
std::int64_t element_count(const Shape& shape);
/// "[2, 3]".
std::string shape_text(const Shape& shape);

/// Real numbers in row-major order. Invariant: data.size() == element_count(shape).
struct FloatTensor {
  Shape shape;
  std::vector<float> data;
};

/// Integers in row-major order, stored as the little-endian bytes that are hashed. Invariant: bytes.size() ==
/// element_count(shape) * dtype_size(dtype).
struct IntTensor {
  DType dtype = DType::i8;
  Shape shape;
  base::Bytes bytes;

  /// A tensor of zeros. Precondition: check_shape succeeds.
  static IntTensor zeros(DType dtype, Shape shape);
  /// Precondition: values.size() == element_count(shape).
  template <class T>
  static IntTensor of(Shape shape, const std::vector<T>& values) {
    IntTensor out = zeros(dtype_of<T>(), std::move(shape));
    KOINON_INVARIANT(out.bytes.size() == values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(out.bytes.data(), values.data(), out.bytes.size());
    return out;
  }

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(bytes.size() / dtype_size(dtype)); }
  /// Elements in place. Precondition: T is the type that dtype names.
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    KOINON_INVARIANT(dtype_of<T>() == dtype);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  [[nodiscard]] std::span<T> values() {
    KOINON_INVARIANT(dtype_of<T>() == dtype);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  /// One element, whatever the type. Precondition: 0 <= index < size().
  [[nodiscard]] std::int64_t at(std::int64_t index) const;
  /// Writes one element. Precondition: the value fits the type.
  void set(std::int64_t index, std::int64_t value);
  friend bool operator==(const IntTensor&, const IntTensor&) = default;
};

/// Root of a tensor's bytes: base::byte_tree_root(Domain::tensor, bytes). Type and shape are bound by the program.
base::Hash tensor_root(const IntTensor& tensor);

/// Calls f with a value-initialised element of the type that dtype names, and returns what it returns.
template <class F>
decltype(auto) with_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::i8: return f(std::int8_t{});
    case DType::i16: return f(std::int16_t{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: break;
  }
  return f(std::int64_t{});
}

}  // namespace koinon::engine::tensor
