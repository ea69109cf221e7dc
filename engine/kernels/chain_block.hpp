#pragma once
#include <algorithm>
#include <cmath>

#include "engine/kernels/chain.hpp"

namespace koinon::engine::kernels::chain_block {

#define KOINON_INLINE inline __attribute__((always_inline))

inline constexpr std::int64_t kBlock = 512;

/// Elements [first, first + count) of a chain; count is at most kBlock.
struct Block {
  const Chain& chain;
  std::span<const ConstArray> sources;
  std::span<const Array> results;
  std::int64_t first, count;
};

/// Runs one block with the instruction set of its translation unit's function.
using Runner = void (*)(const Block& block, Isa isa);

template <class T, class From>
KOINON_INLINE void load(const From* from, const ChainStep& step, const Block& at, T* to) {
  const std::int64_t columns = at.chain.columns;
  switch (step.spread) {
    case Spread::full:
      for (std::int64_t i = 0; i < at.count; ++i) to[i] = static_cast<T>(from[at.first + i]);
      return;
    case Spread::single: std::fill(to, to + at.count, static_cast<T>(from[0])); return;
    case Spread::row:
    case Spread::column: break;
  }
  for (std::int64_t i = 0; i < at.count;) {
    const std::int64_t row = (at.first + i) / columns, column = (at.first + i) % columns;
    const std::int64_t n = std::min(at.count - i, columns - column);
    if (step.spread == Spread::row) {
      std::fill(to + i, to + i + n, static_cast<T>(from[row]));
    } else {
      for (std::int64_t j = 0; j < n; ++j) to[i + j] = static_cast<T>(from[column + j]);
    }
    i += n;
  }
}

template <class T>
KOINON_INLINE void load_any(const ConstArray& from, const ChainStep& step, const Block& at, T* to) {
  switch (from.dtype) {
    case DType::i8: return load(reinterpret_cast<const std::int8_t*>(from.data), step, at, to);
    case DType::i16: return load(reinterpret_cast<const std::int16_t*>(from.data), step, at, to);
    case DType::i32: return load(reinterpret_cast<const std::int32_t*>(from.data), step, at, to);
    case DType::i64: return load(reinterpret_cast<const std::int64_t*>(from.data), step, at, to);
  }
}

template <class T, class To>
KOINON_INLINE void store(const T* from, std::int64_t n, To* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
}

template <class T>
KOINON_INLINE void store_any(const T* from, const Block& at, const Array& to) {
  switch (to.dtype) {
    case DType::i8: return store(from, at.count, reinterpret_cast<std::int8_t*>(to.data) + at.first);
    case DType::i16: return store(from, at.count, reinterpret_cast<std::int16_t*>(to.data) + at.first);
    case DType::i32: return store(from, at.count, reinterpret_cast<std::int32_t*>(to.data) + at.first);
    case DType::i64: return store(from, at.count, reinterpret_cast<std::int64_t*>(to.data) + at.first);
  }
}

template <class T, class Entry>
KOINON_INLINE void look_up(const T* a, std::int64_t low, const Entry* table, std::int64_t n, T* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(table[a[i] - low]);
}

template <class T>
KOINON_INLINE void look_up_any(const T* a, std::int64_t low, const ConstArray& table, std::int64_t n, T* to) {
  switch (table.dtype) {
    case DType::i8: return look_up(a, low, reinterpret_cast<const std::int8_t*>(table.data), n, to);
    case DType::i16: return look_up(a, low, reinterpret_cast<const std::int16_t*>(table.data), n, to);
    case DType::i32: return look_up(a, low, reinterpret_cast<const std::int32_t*>(table.data), n, to);
    case DType::i64: return look_up(a, low, reinterpret_cast<const std::int64_t*>(table.data), n, to);
  }
}

/// floor(a / b). The quotient of doubles is the nearest one to the true quotient, and with |a| < 2^52 no quotient below an
/// integer is rounded up to it: it lies at least 1 / b under it, more than half a unit in the last place.
template <class T>
KOINON_INLINE T floor_of(T a, T b) {
  return static_cast<T>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
}

/// The same for larger a. It is rounded to a double, and so is the quotient, each by 2^-53 of it: with |a / b| < 2^50 what
/// comes out lies within a quarter of a / b, and its floor is off by one at most, which the remainder shows.
template <class T>
KOINON_INLINE T far_floor_of(T a, T b) {
  const T near = floor_of(a, b), rest = a - near * b;
  return near + (rest >= b ? 1 : 0) - (rest < 0 ? 1 : 0);
}

template <class T>
KOINON_INLINE void arithmetic(const ChainStep& s, const T* a, const T* b, const T* c, std::int64_t n, T* to) {
  switch (s.op) {
    case ChainOp::requantise: {
      const std::int64_t m = s.x, half = std::int64_t{1} << (s.y - 1), shift = s.y, low = s.low, high = s.high;
      for (std::int64_t i = 0; i < n; ++i)
        to[i] = static_cast<T>(std::min(high, std::max(low, (static_cast<std::int64_t>(a[i]) * m + half) >> shift)));
      return;
    }
    case ChainOp::narrow_requantise: {
      const auto m = static_cast<T>(s.x), half = static_cast<T>(std::int64_t{1} << (s.y - 1));
      const auto low = static_cast<T>(s.low), high = static_cast<T>(s.high);
      const int shift = static_cast<int>(s.y);
      for (std::int64_t i = 0; i < n; ++i)
        to[i] = std::min(high, std::max(low, static_cast<T>(static_cast<T>(a[i] * m + half) >> shift)));
      return;
    }
    case ChainOp::upper_requantise: {
      const auto m = static_cast<std::int32_t>(s.x), half = std::int32_t{1} << (s.y - 1);
      const auto low = static_cast<std::int32_t>(s.low), high = static_cast<std::int32_t>(s.high);
      const int shift = static_cast<int>(s.y);
      for (std::int64_t i = 0; i < n; ++i) {
        const auto upper = static_cast<std::int32_t>((static_cast<std::int64_t>(static_cast<std::int32_t>(a[i])) * m) >> 32);
        to[i] = static_cast<T>(std::min(high, std::max(low, (upper + half) >> shift)));
      }
      return;
    }
    case ChainOp::requantise_by: {
      const std::int64_t low = s.low, high = s.high;
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t m = b[i], shift = c[i];
        const std::int64_t y = (static_cast<std::int64_t>(a[i]) * m + (std::int64_t{1} << (shift - 1))) >> shift;
        to[i] = static_cast<T>(std::min(high, std::max(low, y)));
      }
      return;
    }
    case ChainOp::add:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] + b[i];
      return;
    case ChainOp::sub:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] - b[i];
      return;
    case ChainOp::mul:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] * b[i];
      return;
    case ChainOp::quotient:
      for (std::int64_t i = 0; i < n; ++i) to[i] = floor_of(a[i], b[i]);
      return;
    case ChainOp::remainder:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] - b[i] * floor_of(a[i], b[i]);
      return;
    case ChainOp::far_quotient:
      for (std::int64_t i = 0; i < n; ++i) to[i] = far_floor_of(a[i], b[i]);
      return;
    case ChainOp::far_remainder:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] - b[i] * far_floor_of(a[i], b[i]);
      return;
    case ChainOp::equal:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] == b[i];
      return;
    case ChainOp::less:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] < b[i];
      return;
    case ChainOp::less_equal:
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] <= b[i];
      return;
    case ChainOp::select:
      for (std::int64_t i = 0; i < n; ++i) {
        const T x = b[i], y = c[i];  // both are read: choosing a place to read from is not done in registers
        to[i] = a[i] != 0 ? x : y;
      }
      return;
    case ChainOp::shift_left:
      for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(a[i] * (std::int64_t{1} << s.x));
      return;
    case ChainOp::shift_right: {
      const int shift = static_cast<int>(std::min<std::int64_t>(s.x, 8 * sizeof(T) - 1));
      for (std::int64_t i = 0; i < n; ++i) to[i] = a[i] >> shift;
      return;
    }
    default: return;
  }
}

template <class T>
KOINON_INLINE void run(const Block& block, Isa isa) {
  alignas(64) T registers[kMostRegisters][kBlock];
  alignas(64) std::int8_t bytes[kBlock];
  for (const ChainStep& s : block.chain.steps) {
    switch (s.op) {
      case ChainOp::load: load_any(block.sources[s.a], s, block, registers[s.to]); break;
      case ChainOp::map:
        map_bytes(isa, block.sources[s.a].data + block.first, block.count, s.table->data(),
                  reinterpret_cast<std::uint8_t*>(bytes));
        for (std::int64_t i = 0; i < block.count; ++i) registers[s.to][i] = bytes[i];
        break;
      case ChainOp::store: store_any(registers[s.a], block, block.results[s.to]); break;
      case ChainOp::lookup: look_up_any(registers[s.a], s.x, block.sources[s.b], block.count, registers[s.to]); break;
      default: arithmetic(s, registers[s.a], registers[s.b], registers[s.c], block.count, registers[s.to]);
    }
  }
}

void avx2_narrow(const Block& block, Isa isa);
void avx2_wide(const Block& block, Isa isa);
void avx512_narrow(const Block& block, Isa isa);
void avx512_wide(const Block& block, Isa isa);

}  // namespace koinon::engine::kernels::chain_block
