#include "engine/tensor/tensor.hpp"

#include <fmt/ranges.h>

#include "base/merkle.hpp"

namespace koinon::engine::tensor {

using base::Code;
using base::fail;

std::string_view dtype_name(DType dtype) {
  switch (dtype) {
    case DType::i8: return "i8";
    case DType::i16: return "i16";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
  }
  return "unknown";
}

base::Result<DType> dtype_from(std::uint8_t number) {
  if (number < 1 || number > 4) return fail(Code::malformed, "[tensor] element type {}: 1 to 4 expected", number);
  return static_cast<DType>(number);
}

base::Status check_shape(const Shape& shape) {
  if (shape.size() > kMaxRank) return fail(Code::out_of_range, "[tensor] {} axes: at most {}", shape.size(), kMaxRank);
  std::int64_t count = 1;
  for (auto n : shape) {
    if (n < 1 || n > kMaxElements) return fail(Code::out_of_range, "[tensor] axis of size {}: 1 to 2^31 expected", n);
    count *= n;
    if (count > kMaxElements)
      return fail(Code::out_of_range, "[tensor] shape {} has more than 2^31 elements", shape_text(shape));
  }
  return {};
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (auto n : shape) count *= n;
  return count;
}

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

IntTensor IntTensor::zeros(DType dtype, Shape shape) {
  IntTensor out{dtype, std::move(shape), {}};
  out.bytes.resize(static_cast<std::size_t>(element_count(out.shape)) * dtype_size(dtype));
  return out;
}

std::int64_t IntTensor::at(std::int64_t index) const {
  return with_dtype(dtype, [&](auto t) -> std::int64_t { return values<decltype(t)>()[static_cast<std::size_t>(index)]; });
}

void IntTensor::set(std::int64_t index, std::int64_t value) {
  with_dtype(dtype, [&](auto t) { values<decltype(t)>()[static_cast<std::size_t>(index)] = static_cast<decltype(t)>(value); });
}

base::Hash tensor_root(const IntTensor& tensor) { return base::byte_tree_root(base::Domain::tensor, tensor.bytes); }

}  // namespace koinon::engine::tensor
