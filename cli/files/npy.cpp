#include "cli/files/npy.hpp"

#include <fmt/format.h>

#include "base/codec.hpp"

namespace koinon::cli {
namespace {

constexpr std::size_t kAlignment = 64;

base::Bytes with_header(std::string_view type, const engine::tensor::Shape& shape, base::ByteView data) {
  std::string sizes;
  for (const auto size : shape) sizes += fmt::format("{}, ", size);
  if (shape.size() > 1) sizes.resize(sizes.size() - 2);
  if (shape.size() == 1) sizes.pop_back();
  auto header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  while ((10 + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  base::Writer out;
  out.raw(base::as_bytes("\x93NUMPY"));
  out.number(std::uint8_t{1});
  out.number(std::uint8_t{0});
  out.number(static_cast<std::uint16_t>(header.size()));
  out.raw(base::as_bytes(header));
  out.raw(data);
  return std::move(out).take();
}

}  // namespace

base::Bytes npy(const engine::tensor::IntTensor& tensor) {
  return with_header(fmt::format("{}i{}", tensor.dtype == engine::tensor::DType::i8 ? '|' : '<', dtype_size(tensor.dtype)),
                     tensor.shape, tensor.bytes);
}

base::Bytes npy(const engine::tensor::Shape& shape, std::span<const double> values) {
  KOINON_INVARIANT(static_cast<std::int64_t>(values.size()) == engine::tensor::element_count(shape));
  return with_header("<f8", shape, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

}  // namespace koinon::cli
