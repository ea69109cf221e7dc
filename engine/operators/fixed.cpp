#include "engine/operators/fixed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/math/math.hpp"
#include "engine/operators/long_sums.hpp"

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
  const auto two = scalar(to, 2, DType::i16);
  const auto one = scalar(to, 1, DType::i8);
  return to.builder().requantise(x, two, one, low, high, holding(low, high));
}

Ref absolute(Lowering& to, Ref x) {
  auto& b = to.builder();
  if (b.error()) return {};
  const auto range = b.range(x);
  if (range.low >= 0) return x;
  const auto dtype = holding(std::min(range.low, -range.high), std::max(range.high, -range.low));
  const auto zero = scalar(to, 0);
  const auto wide = b.info(x).dtype == dtype ? x : b.shift(x, 0, dtype);
  const auto negative = b.compare(x, zero, CompareOp::less);
  const auto opposite = b.sub(zero, x, dtype);
  const auto either = b.select(negative, opposite, wide);
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
  // A power of two below the unit of the operand that reaches further, so that this one is brought without rounding.
  const int x_bits = bits_of(reach(to, x.ref)), y_bits = bits_of(reach(to, y.ref));
  const bool x_leads = std::ldexp(x.unit, x_bits) >= std::ldexp(y.unit, y_bits);
  const double lead = x_leads ? x.unit : y.unit, finest = std::min(x.unit, y.unit) / 256;
  int finer = 8;
  while (finer < 38 - (x_leads ? x_bits : y_bits) && std::ldexp(lead, -finer) > finest) ++finer;
  const double unit = std::ldexp(lead, -finer);
  const auto limit = std::int64_t{1} << 40;
  const auto bring = [&](Fixed v) { return to.rescale(v.ref, {v.unit / unit}, -limit, limit); };
  const auto a = bring(x), b = bring(y);
  return {minus ? to.builder().sub(a, b) : to.builder().add(a, b), unit};
}

Fixed coarsened(Lowering& to, Fixed x, const Value& c) {
  double top = 0;
  for (float v : c.floats) top = std::max(top, std::fabs(static_cast<double>(v)));
  int by = 0;
  std::frexp(top / x.unit, &by);
  by -= 44;
  if (!(top > 0) || by <= 0) return x;
  const auto limit = std::int64_t{1} << 44;
  return {to.rescale(x.ref, {std::ldexp(1.0, -by)}, -limit, limit), std::ldexp(x.unit, by)};
}

Fixed add_to(Lowering& to, Fixed x, Fixed y, bool minus) {
  auto& b = to.builder();
  const auto limit = std::int64_t{1} << 45;
  const auto brought = to.rescale(y.ref, {y.unit / x.unit}, -limit, limit);
  return {minus ? b.sub(x.ref, brought) : b.add(x.ref, brought), x.unit};
}

Fixed product(Lowering& to, Fixed x, Fixed y) {
  const int x_bits = bits_of(reach(to, x.ref)), y_bits = bits_of(reach(to, y.ref));
  const auto a = fit(to, x, std::max(23, 46 - y_bits)), b = fit(to, y, std::max(23, 46 - x_bits));
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
    const auto below = builder.compare(b.ref, zero, CompareOp::less);
    const auto opposite = builder.sub(zero, numerator, DType::i64);
    numerator = builder.select(below, opposite, numerator);
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

// x = m * 2^e with m in [2^30, 2^31): halved while it is larger, by 16, 8, 4, 2 and 1 places. Then log x = log m + e log 2, and
// log m, for m = 2^15 i + r, is log(2^15 i) from a table plus r / (2^15 i), which is right to 2^-31.
Fixed logarithm(Lowering& to, Fixed x) {
  auto& b = to.builder();
  x = fit(to, x, 29);
  auto range = reach(to, x.ref);
  auto m = b.shift(clamp(to, x.ref, 1, std::max<std::int64_t>(range.high, 1)), 30, DType::i64);
  std::optional<Ref> exponent;
  const auto within = [&](Ref v, std::int64_t low, std::int64_t high) {
    const auto two = scalar(to, 2, DType::i16);
    const auto one = scalar(to, 1, DType::i8);
    return b.requantise(v, two, one, low, high, DType::i64);
  };
  for (int places : {16, 8, 4, 2, 1}) {
    const auto edge = std::int64_t{1} << (30 + places);
    if (reach(to, m).high < edge) continue;
    const auto large = b.compare(scalar(to, edge, DType::i64), m, CompareOp::less_equal);
    const auto lower = b.shift(m, -places, DType::i64);
    m = b.select(large, lower, within(m, 0, edge - 1));
    const auto part = b.mul(large, scalar(to, places, DType::i8));
    exponent = exponent ? b.add(*exponent, part) : part;
  }
  constexpr double kUnit = 0x1p-24;
  const double base = math::log(x.unit) - 15 * math::log(2.0);
  m = within(m, std::int64_t{1} << 30, (std::int64_t{1} << 31) - 1);
  const auto index = b.shift(m, -15, DType::i32);
  auto out = tabulate(to, {index, 1}, [&](double v) { return math::log(v) + base; }, kUnit, std::int64_t{1} << 30);
  const auto rest = within(b.sub(m, b.shift(index, 15, DType::i64)), 0, (1 << 15) - 1);
  const auto slope = within(b.quotient(b.shift(rest, 9), index), 0, 1 << 9);
  out.ref = b.add(out.ref, slope, DType::i32);
  if (exponent) out.ref = b.add(out.ref, b.mul(*exponent, scalar(to, nearest(math::log(2.0) / kUnit), DType::i32)), DType::i32);
  return out;
}

int exponential_bits(const Target& target) { return target.dtype() == DType::i8 ? 15 : 24; }

Exponentials exponentials(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, int bits) {
  auto& b = to.builder();
  const auto one = (std::int64_t{1} << bits) - 1;
  const auto top = long_reduce(to, x.ref, ReduceOp::max, shape, axes);
  const auto below = b.sub(x.ref, top);
  // The exponential of what is less is below half a unit.
  const double last = -math::log(2.0 * static_cast<double>(one));
  const auto least = std::max<std::int64_t>(reach(to, below).low, nearest(last / x.unit) - 1);
  const auto floor = std::min<std::int64_t>(least, -1);
  const auto index = clamp(to, below, floor, 0);
  const auto terms = tabulate(to, {index, x.unit}, [](double v) { return math::exp(v); }, 1.0 / static_cast<double>(one), one);
  return {terms, {top, x.unit}, below};
}

namespace {

/// Squares of distances from the mean, summed over each group: (d / unit)^2 in all, where `d` is what is normalised.
struct Spread {
  Fixed d;       ///< distances from the mean
  Ref squares;   ///< not negative, below 2^60
  double count;  ///< sum of d^2 / unit^2 = squares * count
};

/// n sum x^2 - (sum x)^2 is the sum of (n x - sum x)^2 / n: nothing is rounded. Where that could reach 2^60 (groups of 2^15
/// elements of 16 bits), the distances are rounded to as many bits as leave their sum below 2^58, which is finer than x.
Spread spread_of(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, std::int64_t n,
                 bool centred) {
  auto& b = to.builder();
  const auto total = [&](Ref v) { return long_reduce(to, v, ReduceOp::sum, shape, axes); };
  const auto limit = std::int64_t{1} << 60;
  const auto range = reach(to, x.ref);
  const double most = static_cast<double>(std::max(range.high, -range.low)) * static_cast<double>(n);
  const auto count = scalar(to, n);
  Fixed d = x;
  const auto sum = centred ? total(x.ref) : Ref{};
  if (centred) d = {b.sub(b.mul(x.ref, count), sum), x.unit / static_cast<double>(n)};
  const bool exact = (centred ? most * most : most * most / static_cast<double>(n)) < 0x1p59;
  if (!exact) {
    int log_n = 0;
    while (std::int64_t{1} << log_n < n) ++log_n;
    d = fit(to, d, (58 - log_n) / 2);
    return {d, clamp(to, total(b.mul(d.ref, d.ref)), 0, limit - 1), 1};
  }
  auto squares = clamp(to, total(b.mul(x.ref, x.ref)), 0, static_cast<std::int64_t>(most * most / static_cast<double>(n)) + 1);
  if (!centred) return {d, squares, 1};
  const auto all = b.mul(squares, count);
  squares = b.sub(all, b.mul(sum, sum));
  return {d, clamp(to, squares, 0, static_cast<std::int64_t>(most * most) + 1), static_cast<double>(n)};
}

}  // namespace

// d / sqrt(mean of d^2 + epsilon) = d sqrt(n / count) / sqrt(squares + extra), where extra is epsilon in the unit of the
// squares. The root has 2^up units for one of d's, as many as leave its square below 2^60. Where that could leave it fewer than
// 17 bits, because the squares are far below their proved range, groups below an edge are raised by 4^more, and their root by
// 2^more.
Fixed normalised(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, double epsilon,
                 bool centred) {
  auto& b = to.builder();
  std::int64_t n = 1;
  for (auto a : axes) n *= shape[a];
  const auto spread = spread_of(to, x, shape, axes, n, centred);
  if (b.error()) return {};
  const auto& d = spread.d;
  const double extra = static_cast<double>(n) * epsilon / (d.unit * d.unit) / spread.count;
  // up: squares and extra, times 4^up, lie below 2^59 each.
  int up = (59 - bits_of(reach(to, spread.squares))) / 2;
  while (std::ldexp(extra, 2 * up) >= 0x1p58) --up;
  const auto raised = [&](Ref v, int by) {
    const auto whole = std::max<std::int64_t>(nearest(std::ldexp(extra, 2 * by)), 1);
    const auto moved = by == 0 ? v : b.shift(v, std::max(2 * by, -62), DType::i64);
    return b.add(moved, scalar(to, whole, DType::i64), DType::i64);
  };
  int more = 0;
  while (more < 12 && up + more < 29 && std::ldexp(extra, 2 * (up + more)) < 0x1p34) ++more;
  const int digits = 60 - bits_of(reach(to, d.ref));
  Ref square = raised(spread.squares, up);
  Ref numerator;
  if (more == 0) {
    numerator = b.shift(d.ref, digits, DType::i64);
  } else {
    const auto edge = std::int64_t{1} << std::max(0, 58 - 2 * (up + more));
    const auto small = b.compare(spread.squares, scalar(to, edge, DType::i64), CompareOp::less);
    square = b.select(small, raised(clamp(to, spread.squares, 0, edge), up + more), square);
    const auto factor = [&](int bits) { return scalar(to, std::int64_t{1} << bits, DType::i64); };
    const auto fine = factor(digits), coarse = factor(digits - more);
    numerator = b.mul(d.ref, b.select(small, fine, coarse), DType::i64);
  }
  const Fixed y{b.quotient(numerator, b.isqrt(square)), std::ldexp(1.0, up + more - digits)};
  // |d| / deviation is at most 1 where the squares are a sum over d, up to rounding.
  const double most = std::sqrt(spread.count), root_n = std::sqrt(static_cast<double>(n));
  const auto edge = nearest(1.01 * most / y.unit);
  const auto bounded = fit(to, {clamp(to, y.ref, -edge, edge), y.unit}, 27);
  return {bounded.ref, bounded.unit * root_n / most};
}

}  // namespace koinon::engine::operators
