#pragma once
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/kernels/array.hpp"
#include "engine/kernels/context.hpp"

namespace koinon::engine::kernels {

/// How a source is read for the elements of a result [rows, columns].
enum class Spread : std::uint8_t {
  full,    ///< one element each
  row,     ///< one element a row
  column,  ///< one element a column
  single   ///< one element for all
};

enum class ChainOp : std::uint8_t {
  load,               ///< source `a`
  map,                ///< source `a`, i8 and full, through `table` of 256 i8 by bits
  store,              ///< register `a` into result `to`
  requantise,         ///< clamp((a*x + 2^(y-1)) >> y, low, high)
  narrow_requantise,  ///< the same where a*x + 2^(y-1) fits 32 bits
  upper_requantise,  ///< the same with x = M * 2^t, y = shift + t - 32 > 0: of the 64-bit product only the upper half h counts,
                     ///< and (h + 2^(y-1)) >> y is exact (filters.hpp). Not for wide chains
  requantise_by,     ///< clamp((a*b + 2^(c-1)) >> c, low, high)
  add,
  sub,
  mul,
  quotient,       ///< floor(a / b), 0 < b, |a| < 2^52
  remainder,      ///< a - b * floor(a / b)
  far_quotient,   ///< floor(a / b), 0 < b < 2^52, |a| < 2^62, |a / b| < 2^50
  far_remainder,  ///< a - b * floor(a / b), within the same
  equal,
  less,
  less_equal,
  select,       ///< a != 0 ? b : c
  shift_left,   ///< a * 2^x
  shift_right,  ///< floor(a / 2^x)
  lookup        ///< source `b` at a - x
};

/// One operation on registers, each a block of elements.
struct ChainStep {
  ChainOp op = ChainOp::load;
  std::uint8_t to = 0, a = 0, b = 0, c = 0;
  Spread spread = Spread::full;
  std::int64_t x = 0, y = 0, low = 0, high = 0;
  std::shared_ptr<const std::array<std::uint8_t, 256>> table;  ///< shared by the copies of a step; not changed after
};

/// Elementwise steps done together, a block of elements at a time, so that what lies between them stays near the processor.
struct Chain {
  std::int64_t rows = 1, columns = 1;
  std::uint8_t registers = 0;
  bool wide = false;  ///< registers of 64 bits; else every value fits 32
  std::vector<ChainStep> steps;
};

inline constexpr std::uint8_t kMostRegisters = 24;

/// Sources have the elements that their loads ask for; results have rows * columns.
void run_chain(const Context& context, const Chain& chain, std::span<const ConstArray> sources, std::span<const Array> results);

/// y[i] = table[x[i] as bits].
void map_bytes(Isa isa, const std::uint8_t* x, std::int64_t count, const std::uint8_t* table, std::uint8_t* y);

}  // namespace koinon::engine::kernels
