#pragma once
#include <span>

#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// Functions of one, two or three elements a, b, c. Divisors are positive, roots of what is not negative, 0 <= bits <= 62.
enum class Function {
  add,         ///< a + b
  sub,         ///< a - b
  mul,         ///< a * b
  quotient,    ///< floor(a / b)
  remainder,   ///< a - b * floor(a / b)
  equal,       ///< a == b
  less,        ///< a < b
  less_equal,  ///< a <= b
  select,      ///< a != 0 ? b : c
  isqrt,       ///< floor(sqrt(a))
  shift_left,  ///< a * 2^b
  shift_right  ///< floor(a / 2^b)
};

/// floor(sqrt(x)) for 0 <= x < 2^62.
std::int64_t integer_sqrt(std::int64_t x);

/// One operand of an elementwise kernel: its elements, and its strides over the result's shape.
struct Stretched {
  ConstArray array;
  std::vector<std::int64_t> strides;
};

/// out = function(operands...) for every element of a result of `shape`. Values and results are below 2^62 in magnitude, and
/// fit the result's type.
void elementwise(const Context& context, Function function, const Shape& shape, std::span<const Stretched> operands, Array out);
void elementwise_ref(Function function, const Shape& shape, std::span<const Stretched> operands, Array out);

}  // namespace koinon::engine::kernels
