#include "engine/onnx/graph.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace koinon::engine::onnx {

bool is_float(Element element) {
  return element == Element::f32 || element == Element::f16 || element == Element::f64 || element == Element::bf16;
}

std::string_view element_name(Element element) {
  switch (element) {
    case Element::f32: return "float32";
    case Element::u8: return "uint8";
    case Element::i8: return "int8";
    case Element::u16: return "uint16";
    case Element::i16: return "int16";
    case Element::i32: return "int32";
    case Element::i64: return "int64";
    case Element::boolean: return "bool";
    case Element::f16: return "float16";
    case Element::f64: return "float64";
    case Element::u32: return "uint32";
    case Element::u64: return "uint64";
    case Element::bf16: return "bfloat16";
  }
  return "unknown";
}

float rounded(Element element, float value) {
  if (std::isnan(value) || std::isinf(value)) return value;
  if (element == Element::bf16) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7fffU + ((bits >> 16) & 1U)) & 0xffff0000U);
  }
  if (element != Element::f16) return value;
  if (std::fabs(value) >= 65520.0F) return std::copysign(std::numeric_limits<float>::infinity(), value);
  int exponent = 0;
  static_cast<void>(std::frexp(value, &exponent));
  const int unit = std::max(exponent - 1, -14) - 10;  // of the last of ten fraction bits
  const float scaled = std::ldexp(value, -unit);
  const float down = std::floor(scaled);
  const bool up = scaled - down > 0.5F || (scaled - down == 0.5F && std::fmod(down, 2.0F) != 0);
  return std::ldexp(up ? down + 1.0F : down, unit);
}

std::int64_t count(const Shape& shape) {
  std::int64_t out = 1;
  for (auto d : shape)
    if (__builtin_mul_overflow(out, d, &out)) return std::numeric_limits<std::int64_t>::max();
  return out;
}

std::int64_t saturate(double value) {
  if (!(value == value)) return 0;
  if (value >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
  if (value <= -0x1p63) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

Value Value::zeros(const Type& type) {
  Value out{type.element, type.shape, {}, {}};
  const auto n = static_cast<std::size_t>(count(type.shape));
  if (is_float(type.element))
    out.floats.resize(n);
  else
    out.ints.resize(n);
  return out;
}

std::vector<int> operands(const Node& node) {
  std::vector<int> out;
  for (int v : node.inputs)
    if (v != kAbsent) out.push_back(v);
  for (const auto& [name, attribute] : node.attributes)
    if (const auto* body = std::get_if<Body>(&attribute)) out.insert(out.end(), body->outer.begin(), body->outer.end());
  return out;
}

std::string node_text(const Node& node) { return fmt::format("node '{}' ({})", node.name, node.op); }

}  // namespace koinon::engine::onnx
