#include "engine/onnx/decode_tensor.hpp"

#include <bit>
#include <cstring>

#include "engine/onnx/external_data.hpp"
#include "engine/onnx/read.hpp"
#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 31U;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t bits = sign | (exponent == 31 ? 0x7f800000U : (exponent + 112) << 23) | fraction << 13;
  return std::bit_cast<float>(bits);
}

float bfloat_to_float(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

/// Width of an element in raw_data, in bytes.
std::size_t raw_size(Element element) {
  switch (element) {
    case Element::u8:
    case Element::i8:
    case Element::boolean: return 1;
    case Element::u16:
    case Element::i16:
    case Element::f16:
    case Element::bf16: return 2;
    case Element::f32:
    case Element::i32:
    case Element::u32: return 4;
    case Element::i64:
    case Element::u64:
    case Element::f64: return 8;
  }
  return 8;
}

template <class T>
T load(const char* at) {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

void read_raw(const std::string& raw, Value& out) {
  const auto n = static_cast<std::size_t>(out.size());
  for (std::size_t i = 0; i < n; ++i) {
    const char* at = raw.data() + i * raw_size(out.element);
    switch (out.element) {
      case Element::f32: out.floats[i] = load<float>(at); break;
      case Element::f64: out.floats[i] = static_cast<float>(load<double>(at)); break;
      case Element::f16: out.floats[i] = half_to_float(load<std::uint16_t>(at)); break;
      case Element::bf16: out.floats[i] = bfloat_to_float(load<std::uint16_t>(at)); break;
      case Element::u8: out.ints[i] = load<std::uint8_t>(at); break;
      case Element::i8: out.ints[i] = load<std::int8_t>(at); break;
      case Element::boolean: out.ints[i] = load<std::uint8_t>(at) != 0; break;
      case Element::u16: out.ints[i] = load<std::uint16_t>(at); break;
      case Element::i16: out.ints[i] = load<std::int16_t>(at); break;
      case Element::i32: out.ints[i] = load<std::int32_t>(at); break;
      case Element::u32: out.ints[i] = load<std::uint32_t>(at); break;
      case Element::i64:
      case Element::u64: out.ints[i] = load<std::int64_t>(at); break;
    }
  }
}

/// Copies one of the typed fields, whose length must be the shape's.
template <class Field, class Out, class Convert>
Status copy_field(const Field& field, std::vector<Out>& out, Convert convert) {
  if (static_cast<std::size_t>(field.size()) != out.size())
    return fail(Code::malformed, "{} elements where its shape has {}", field.size(), out.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = convert(field.Get(static_cast<int>(i)));
  return {};
}

Status read_fields(const ::onnx::TensorProto& proto, Value& out) {
  const auto whole = [](auto v) { return static_cast<std::int64_t>(v); };
  switch (out.element) {
    case Element::f32: return copy_field(proto.float_data(), out.floats, [](float v) { return v; });
    case Element::f64: return copy_field(proto.double_data(), out.floats, [](double v) { return static_cast<float>(v); });
    case Element::f16:
      return copy_field(proto.int32_data(), out.floats, [](auto v) { return half_to_float(static_cast<std::uint16_t>(v)); });
    case Element::bf16:
      return copy_field(proto.int32_data(), out.floats, [](auto v) { return bfloat_to_float(static_cast<std::uint16_t>(v)); });
    case Element::i64: return copy_field(proto.int64_data(), out.ints, whole);
    case Element::u64:
    case Element::u32: return copy_field(proto.uint64_data(), out.ints, whole);
    case Element::boolean: return copy_field(proto.int32_data(), out.ints, [](auto v) { return std::int64_t{v != 0}; });
    default: return copy_field(proto.int32_data(), out.ints, whole);
  }
}

Result<Value> decode_named(const ::onnx::TensorProto& proto, const std::filesystem::path& folder) {
  const bool external = proto.data_location() == ::onnx::TensorProto::EXTERNAL || proto.external_data_size() > 0;
  if (external && folder.empty())
    return fail(Code::unsupported, "its data lies in another file, and the model's folder is not known");
  if (proto.has_segment()) return fail(Code::unsupported, "segmented tensors");
  KOINON_TRY(const auto element, decode_element(proto.data_type()));
  Shape shape(proto.dims().begin(), proto.dims().end());
  if (shape.size() > tensor::kMaxRank) return fail(Code::out_of_range, "rank {}: at most {}", shape.size(), tensor::kMaxRank);
  for (auto d : shape)
    if (d < 0) return fail(Code::malformed, "negative axis {}", d);
  const auto n = count(shape);
  if (n > kMaxElements) return fail(Code::out_of_range, "{} elements: at most {}", n, kMaxElements);
  if (external) {
    KOINON_TRY(const auto bytes, external_data(proto, folder, static_cast<std::uint64_t>(n) * raw_size(element)));
    Value out = Value::zeros({element, std::move(shape)});
    read_raw(bytes, out);
    return out;
  }
  if (proto.has_raw_data()) {
    if (proto.raw_data().size() != static_cast<std::size_t>(n) * raw_size(element))
      return fail(Code::malformed, "{} bytes of data where shape and type have {}", proto.raw_data().size(),
                  static_cast<std::size_t>(n) * raw_size(element));
  } else if (n > proto.float_data_size() + proto.double_data_size() + proto.int32_data_size() + proto.int64_data_size() +
                     proto.uint64_data_size()) {
    return fail(Code::malformed, "fewer elements than its shape has, {}", n);
  }
  Value out = Value::zeros({element, std::move(shape)});
  if (proto.has_raw_data())
    read_raw(proto.raw_data(), out);
  else
    KOINON_CHECK(read_fields(proto, out));
  return out;
}

}  // namespace

Result<Element> decode_element(std::int32_t number) {
  const bool known = (number >= 1 && number <= 7) || (number >= 9 && number <= 13) || number == 16;
  if (!known)
    return fail(Code::unsupported, "element type {} (strings, complex numbers and 8-bit floats are not tensors here)", number);
  return static_cast<Element>(number);
}

Result<Value> decode_tensor(const ::onnx::TensorProto& proto, const std::filesystem::path& folder) {
  auto out = decode_named(proto, folder);
  if (!out) return fail(std::move(out).error().within(fmt::format("[onnx] tensor '{}'", proto.name())));
  return out;
}

Result<Value> read_tensor(base::ByteView bytes) {
  ::onnx::TensorProto proto;
  if (bytes.size() > INT32_MAX || !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(Code::malformed, "[onnx] {} bytes do not decode as a TensorProto", bytes.size());
  return decode_tensor(proto);
}

}  // namespace koinon::engine::onnx
