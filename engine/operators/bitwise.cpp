#include <bit>

#include "engine/operators/fixed.hpp"
#include "engine/operators/integer_range.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

Result<std::vector<Type>> infer(const Call& call) {
  if (!is_whole(call, 0) || call.type(0).element == Element::boolean)
    return call.fail(Code::malformed, "a tensor of {}", onnx::element_name(call.type(0).element));
  if (call.node().op == "BitShift" && call.text("direction", "") != "LEFT" && call.text("direction", "") != "RIGHT")
    return call.fail(Code::malformed, "direction '{}': LEFT or RIGHT expected", call.text("direction", ""));
  if (call.inputs() == 1) return std::vector<Type>{call.type(0)};
  KOINON_CHECK(same_elements(call, 0, 1));
  KOINON_TRY(auto shape, broadcast(call, call.shape(0), call.shape(1)));
  return std::vector<Type>{{call.type(0).element, std::move(shape)}};
}

/// Bits of an element type.
int width(Element element) {
  switch (element) {
    case Element::u8:
    case Element::i8: return 8;
    case Element::u16:
    case Element::i16: return 16;
    case Element::u32:
    case Element::i32: return 32;
    default: return 64;
  }
}

/// The low bits of v as a value of the type.
std::int64_t as_element(Element element, std::uint64_t v) {
  const int bits = width(element);
  if (bits == 64) return static_cast<std::int64_t>(v);
  v &= (std::uint64_t{1} << bits) - 1;
  const auto limits = element_range(element);
  const auto out = static_cast<std::int64_t>(v);
  return out > limits.high ? out - (std::int64_t{1} << bits) : out;
}

std::uint64_t apply(const Call& call, std::uint64_t a, std::uint64_t b) {
  const auto& op = call.node().op;
  if (op == "BitwiseAnd") return a & b;
  if (op == "BitwiseOr") return a | b;
  if (op == "BitwiseXor") return a ^ b;
  if (op == "BitwiseNot") return ~a;
  if (b >= 64) return 0;
  return call.text("direction", "") == "LEFT" ? a << b : a >> b;
}

Result<std::vector<Value>> compute(const Call& call) {
  Value y = Value::zeros(call.output_type(0));
  const auto a = broadcast_to(call.value(0), y.shape);
  const auto b = call.inputs() > 1 ? broadcast_to(call.value(1), y.shape) : a;
  for (std::size_t i = 0; i < y.ints.size(); ++i)
    y.ints[i] =
        as_element(y.element, apply(call, static_cast<std::uint64_t>(a.ints[i]), static_cast<std::uint64_t>(b.ints[i])));
  return std::vector<Value>{std::move(y)};
}

// ~x is -1 - x of a signed type and the highest - x of an unsigned one.
Status lower_not(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  const auto limits = element_range(call.type(0).element);
  if (limits.low == 0 && width(call.type(0).element) == 64) return call.fail(Code::unsupported, "uint64 at run time");
  const auto top = scalar(to, limits.low == 0 ? limits.high : -1);
  return to.set_whole(call, to.builder().sub(top, x.ref), x.channels_last);
}

// A shift is a product with, or a quotient by, a power of two from a table.
Status lower_shift(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  auto& b = to.builder();
  std::vector<std::int64_t> powers;
  for (int i = 0; i < 32; ++i) powers.push_back(std::int64_t{1} << i);
  IntTensor table = IntTensor::zeros(DType::i64, {32});
  for (std::int64_t i = 0; i < 32; ++i) table.set(i, powers[static_cast<std::size_t>(i)]);
  const auto left = to.plain(x);
  const auto by = clamp(to, to.plain(y), 0, 31);
  const auto entries = b.table(std::move(table));
  const auto power = b.lookup(by, entries, 0);
  if (call.text("direction", "") == "LEFT") return to.set_whole(call, b.mul(left, power));
  return to.set_whole(call, b.quotient(left, power));
}

/// Byte k of the last 32 bits of x, 0 to 255.
Ref byte_of(Lowering& to, Ref x, int k) {
  auto& b = to.builder();
  const auto size = scalar(to, 256);
  return b.divide(k == 0 ? x : b.shift(x, -8 * k), size).second;
}

// Byte by byte, through one table of both operands.
Status lower_pair(const Call& call, Lowering& to) {
  KOINON_TRY(const auto x, to.in(call, 0));
  KOINON_TRY(const auto y, to.in(call, 1));
  auto& b = to.builder();
  const auto p = to.plain(x), q = to.plain(y);
  const auto wide = element_range(Element::i32);
  for (auto ref : {p, q})
    if (const auto range = reach(to, ref);
        width(call.type(0).element) == 64 && (range.low < wide.low || range.high > wide.high))
      return call.fail(Code::unsupported, "64-bit operands of more than 32 bits at run time");
  IntTensor table = IntTensor::zeros(DType::i16, {65536});
  for (std::uint64_t i = 0; i < 65536; ++i)
    table.set(static_cast<std::int64_t>(i), static_cast<std::int64_t>(apply(call, i >> 8, i & 255)));
  const auto entries = b.table(std::move(table));
  const int bytes = std::min(width(call.type(0).element), 32) / 8;
  std::optional<Ref> total;
  for (int k = 0; k < bytes; ++k) {
    const auto left = b.shift(byte_of(to, p, k), 8);
    const auto right = byte_of(to, q, k);
    const auto both = b.add(left, right);
    const auto found = b.lookup(both, entries, 0);
    const auto part = k == 0 ? found : b.shift(found, 8 * k, DType::i64);
    total = total ? b.add(*total, part) : part;
  }
  // Unsigned bits: a signed type wraps them round.
  if (width(call.type(0).element) < 64) return to.set_whole(call, *total);
  const auto half = scalar(to, std::int64_t{1} << 31), size = scalar(to, std::int64_t{1} << 32);
  const auto moved = b.add(*total, half);
  const auto rest = b.divide(moved, size).second;
  return to.set_whole(call, b.sub(rest, half));
}

constexpr Operator kOperators[] = {{"BitShift", 11, kNewest, 2, 2, infer, compute, lower_shift},
                                   {"BitwiseAnd", 18, kNewest, 2, 2, infer, compute, lower_pair},
                                   {"BitwiseOr", 18, kNewest, 2, 2, infer, compute, lower_pair},
                                   {"BitwiseXor", 18, kNewest, 2, 2, infer, compute, lower_pair},
                                   {"BitwiseNot", 18, kNewest, 1, 1, infer, compute, lower_not}};

}  // namespace

std::span<const Operator> bitwise_operators() { return kOperators; }

}  // namespace koinon::engine::operators
