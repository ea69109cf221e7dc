#include "engine/operators/fixed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/math/math.hpp"

namespace koinon::engine::operators {

namespace {

using program::CompareOp;
using program::Range;
using program::ReduceOp;
using program::ReduceParams;

std::int64_t nearest(double v) { return onnx::saturate(std::floor(v + 0.5)); }

/// Least b with every value of the range within +-2^b.
int bits_of(const Range& range) {
  const auto top = std::max(range.high, -range.low);
  return top <= 0 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(top)));
}

DType holding(std::int64_t low, std::int64_t high) {
  for (auto dtype : {DType::i8, DType::i16, DType::i32})
    if (low >= tensor::dtype_low(dtype) && high <= tensor::dtype_high(dtype)) return dtype;
  return DType::i64;
}

}  // namespace

Range reach(Lowering& to, Ref ref) { return to.builder().error() ? Range{} : to.builder().range(ref); }

Ref scalar(Lowering& to, std::int64_t value, std::optional<DType> dtype) {
  IntTensor data = IntTensor::zeros(dtype.value_or(holding(value, value)), {});
  data.set(0, value);
  return to.builder().weight(std::move(data));
}

Ref clamp(Lowering& to, Ref x, std::int64_t low, std::int64_t high) {
  // (2 x + 1) >> 1 is x.
  return to.builder().requantise(x, scalar(to, 2, DType::i16), scalar(to, 1, DType::i8), low, high, holding(low, high));
}

Ref absolute(Lowering& to, Ref x) {
  auto& b = to.builder();
  if (b.error()) return {};
  const auto range = b.range(x);
  if (range.low >= 0) return x;
  const auto dtype = holding(std::min(range.low, -range.high), std::max(range.high, -range.low));
  const auto zero = scalar(to, 0);
  const auto wide = b.info(x).dtype == dtype ? x : b.shift(x, 0, dtype);
  const auto either = b.select(b.compare(x, zero, CompareOp::less), b.sub(zero, x, dtype), wide);
  const auto top = std::max(range.high, -range.low);
  return clamp(to, either, 0, top);
}

Fixed fit(Lowering& to, Fixed x, int bits) {
  const int excess = bits_of(reach(to, x.ref)) - bits;
  if (excess <= 0) return x;
  const auto limit = std::int64_t{1} << bits;
  // (2 x + 2^excess) >> (excess + 1) is x / 2^excess to the nearest. Its product must stay below 2^62.
  const int cut = std::max(0, excess + bits - 60);
  if (cut > 0) x = {to.builder().shift(x.ref, -cut), std::ldexp(x.unit, cut)};
  if (excess == cut) return x;
  const auto by = scalar(to, excess - cut + 1, DType::i8);
  const auto dtype = holding(-limit, limit);
  return {to.builder().requantise(x.ref, scalar(to, 2, DType::i16), by, -limit, limit, dtype),
          std::ldexp(x.unit, excess - cut)};
}

Fixed sum(Lowering& to, Fixed x, Fixed y, bool minus) {
  x = fit(to, x, 30);
  y = fit(to, y, 30);
  const double unit = std::max(x.unit, y.unit) / 256;
  const auto limit = std::int64_t{1} << 40;
  const auto bring = [&](Fixed v) { return to.rescale(v.ref, {v.unit / unit}, -limit, limit); };
  const auto a = bring(x), b = bring(y);
  return {minus ? to.builder().sub(a, b) : to.builder().add(a, b), unit};
}

Fixed add_to(Lowering& to, Fixed x, Fixed y, bool minus) {
  auto& b = to.builder();
  const auto limit = std::int64_t{1} << 45;
  const auto brought = to.rescale(y.ref, {y.unit / x.unit}, -limit, limit);
  return {minus ? b.sub(x.ref, brought) : b.add(x.ref, brought), x.unit};
}

Fixed product(Lowering& to, Fixed x, Fixed y) {
  const auto a = fit(to, x, 23), b = fit(to, y, 23);
  return {to.builder().mul(a.ref, b.ref), a.unit * b.unit};
}

Fixed ratio(Lowering& to, Fixed a, Fixed b, int bits) {
  auto& builder = to.builder();
  a = fit(to, a, bits);
  b = fit(to, b, 60);
  const int digits = 60 - bits;
  auto numerator = builder.shift(a.ref, digits, DType::i64);
  const auto range = reach(to, b.ref);
  const auto size = absolute(to, b.ref);
  if (range.low < 0) {
    const auto zero = scalar(to, 0);
    numerator =
        builder.select(builder.compare(b.ref, zero, CompareOp::less), builder.sub(zero, numerator, DType::i64), numerator);
  }
  const auto divisor = range.low > 0 ? size : clamp(to, size, 1, std::max<std::int64_t>(1, std::max(range.high, -range.low)));
  return {builder.quotient(numerator, divisor), std::ldexp(a.unit / b.unit, -digits)};
}

Fixed root(Lowering& to, Fixed x) {
  auto& b = to.builder();
  x = fit(to, x, 60);
  auto range = reach(to, x.ref);
  if (range.low < 0) {
    x.ref = clamp(to, x.ref, 0, std::max<std::int64_t>(range.high, 0));
    range = reach(to, x.ref);
  }
  const int up = std::max(0, (60 - bits_of(range)) / 2);
  return {b.isqrt(b.shift(x.ref, 2 * up, DType::i64)), std::sqrt(x.unit) * std::ldexp(1.0, -up)};
}

Fixed tabulate(Lowering& to, Fixed x, const std::function<double(double)>& f, double unit, std::int64_t limit) {
  auto& b = to.builder();
  // One bit less than a table has entries: the range has two signs.
  auto range = reach(to, x.ref);
  if (range.high - range.low >= 65536) x = fit(to, x, range.low >= 0 ? 16 : 15);
  range = reach(to, x.ref);
  const auto high = std::min(range.high, range.low + 65535);
  if (high < range.high) x.ref = clamp(to, x.ref, range.low, high);
  if (b.error()) return {};
  IntTensor data = IntTensor::zeros(holding(-limit, limit), {high - range.low + 1});
  for (auto v = range.low; v <= high; ++v)
    data.set(v - range.low, std::clamp(nearest(f(static_cast<double>(v) * x.unit) / unit), -limit, limit));
  return {b.lookup(x.ref, b.table(std::move(data)), range.low), unit};
}

// x = m * 2^e with m in [2^15, 2^16): halved while it is larger, by 16, 8, 4, 2 and 1 places. Then log x = log m + e log 2.
Fixed logarithm(Lowering& to, Fixed x) {
  auto& b = to.builder();
  x = fit(to, x, 30);
  auto range = reach(to, x.ref);
  auto m = b.shift(clamp(to, x.ref, 1, std::max<std::int64_t>(range.high, 1)), 15, DType::i64);
  std::optional<Ref> exponent;
  for (int places : {16, 8, 4, 2, 1}) {
    const auto edge = std::int64_t{1} << (15 + places);
    if (reach(to, m).high < edge) continue;
    const auto large = b.compare(scalar(to, edge, DType::i64), m, CompareOp::less_equal);
    const auto low = to.rescale(m, {1.0}, 0, edge - 1, DType::i64);
    m = b.select(large, b.shift(m, -places, DType::i64), low);
    const auto part = b.mul(large, scalar(to, places, DType::i8));
    exponent = exponent ? b.add(*exponent, part) : part;
  }
  const double unit = 0x1p-20;
  const double base = x.unit * 0x1p-15;
  const auto mantissa = clamp(to, m, 1 << 15, (1 << 16) - 1);
  auto out = tabulate(to, {mantissa, 1}, [&](double v) { return math::log(v + 0.5) + math::log(base); }, unit, 1 << 30);
  if (exponent) out.ref = b.add(out.ref, b.mul(*exponent, scalar(to, nearest(math::log(2.0) / unit), DType::i32)), DType::i32);
  return out;
}

Exponentials exponentials(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes) {
  auto& b = to.builder();
  const auto top = b.reduce(x.ref, ReduceParams::axes(ReduceOp::max, shape, axes));
  const auto below = b.sub(x.ref, top);
  // Below -11 the exponential is less than half of 2^-15.
  const auto least = std::max<std::int64_t>(reach(to, below).low, nearest(-11.0 / x.unit) - 1);
  const auto floor = std::min<std::int64_t>(least, -1);
  const auto index = clamp(to, below, floor, 0);
  const auto terms = tabulate(to, {index, x.unit}, [](double v) { return math::exp(v); }, 1.0 / 32767, 32767);
  return {terms, {top, x.unit}, below};
}

Fixed normalised(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, double epsilon,
                 bool centred) {
  auto& b = to.builder();
  double n = 1;
  for (auto a : axes) n *= static_cast<double>(shape[a]);
  const auto total = [&](Ref v) { return b.reduce(v, ReduceParams::axes(ReduceOp::sum, shape, axes)); };
  Fixed d = x;
  if (centred) {
    // n x - sum x is n times the distance from the mean, without rounding.
    const auto count = scalar(to, static_cast<std::int64_t>(n));
    d = {b.sub(b.mul(x.ref, count), total(x.ref)), x.unit / n};
  }
  // Squares: as many bits as leave their sum below 2^58.
  int log_n = 0;
  while (std::ldexp(1.0, log_n) < n) ++log_n;
  const auto coarse = fit(to, d, (58 - log_n) / 2);
  const auto limit = std::int64_t{1} << 58;
  const auto squares = clamp(to, total(b.mul(coarse.ref, coarse.ref)), 0, limit);
  const double square_unit = coarse.unit * coarse.unit;
  const auto extra = std::clamp<std::int64_t>(nearest(n * epsilon / square_unit), 1, limit - 1);
  const auto deviation = root(to, {b.add(squares, scalar(to, extra, DType::i64), DType::i64), square_unit});
  // |d| / deviation is at most 1, up to rounding, since no square is negative.
  const auto y = ratio(to, d, deviation, 26);
  const auto edge = nearest(1.01 / y.unit);
  const auto bounded = fit(to, {clamp(to, y.ref, -edge, edge), y.unit}, 27);
  return {bounded.ref, bounded.unit * std::sqrt(n)};
}

}  // namespace koinon::engine::operators
