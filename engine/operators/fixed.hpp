#pragma once
#include <functional>

#include "engine/operators/lowering.hpp"

// Fixed-point arithmetic that several lowerings share. Every function adds steps whose ranges the builder proves; once the
// builder has an error they return an empty Ref.
namespace koinon::engine::operators {

/// Integers that stand for real = ref * unit. Inner to one lowering, so the unit is any positive double.
struct Fixed {
  Ref ref;
  double unit = 1;
};

/// Proved range of a ref; [0, 0] once the builder has an error.
program::Range reach(Lowering& to, Ref ref);
/// A weight of one element, which broadcasts with anything.
Ref scalar(Lowering& to, std::int64_t value, std::optional<DType> dtype = {});
/// clamp(x, low, high), exactly. Precondition: |x| < 2^60.
Ref clamp(Lowering& to, Ref x, std::int64_t low, std::int64_t high);
/// |x|.
Ref absolute(Lowering& to, Ref x);
/// The same with a coarser unit where that is needed for the proved range to lie within +-2^bits.
Fixed fit(Lowering& to, Fixed x, int bits);

/// x + y or x - y, in a unit that is 2^-8 of the finer one or leaves 38 bits for the larger operand.
Fixed sum(Lowering& to, Fixed x, Fixed y, bool minus = false);
/// x in a unit in which the constant c stays below 2^44, so that the two can be added: x is below 2^46.
Fixed coarsened(Lowering& to, Fixed x, const Value& c);
/// x + y in x's unit, for an accumulator x below 2^46.
Fixed add_to(Lowering& to, Fixed x, Fixed y, bool minus = false);
/// x * y of at most 46 bits together.
Fixed product(Lowering& to, Fixed x, Fixed y);
/// a / b, for either sign of b; a b of 0 counts as one unit. a is brought to at most `bits`, and gets as many binary digits as
/// make 60; the result is proved to lie within +-2^60 only: clamp it.
Fixed ratio(Lowering& to, Fixed a, Fixed b, int bits);
/// sqrt(x), of 30 bits where x is as large as its proved range; what is below 0 counts as 0.
Fixed root(Lowering& to, Fixed x);
/// f(x) through one table. x is first brought to at most 2^16 integers; results are in `unit`, clamped to +-limit.
Fixed tabulate(Lowering& to, Fixed x, const std::function<double(double)>& f, double unit, std::int64_t limit);
/// log(x) in units of 2^-24, within two of them and 2^-29 of x; less than one unit of x counts as one.
Fixed logarithm(Lowering& to, Fixed x);
/// exp(x - max) in units of 1 / (2^bits - 1) along the axes of a tensor of `shape`; `top` is the maximum, with those axes of
/// size 1.
struct Exponentials {
  Fixed terms;
  Fixed top;
  Ref below;  ///< x - max, in x's unit
};
Exponentials exponentials(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, int bits);
/// Bits of such terms that serve an output: 15 for one of 8 bits; 24 for one of 16, where the roundings of many terms add up.
int exponential_bits(const Target& target);
/// (x - mean) / sqrt(variance + epsilon) over the given axes of a tensor of `shape`; or, not `centred`, x / sqrt(mean square +
/// epsilon). Relative error of the divisor 2^-17, however small a part of the proved range a group takes; 0 where all are
/// equal.
Fixed normalised(Lowering& to, Fixed x, const Shape& shape, const std::vector<std::size_t>& axes, double epsilon, bool centred);

}  // namespace koinon::engine::operators
