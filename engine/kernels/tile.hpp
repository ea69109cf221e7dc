#pragma once
#include <cstdint>

#include "engine/kernels/filters.hpp"

namespace koinon::engine::kernels {

/// Some rows of a product against one panel of columns.
struct TileJob {
  const std::uint8_t* const* rows;  ///< as many as the tile is high; those beyond `count` repeat one
  std::uint8_t* const* out;         ///< where the first column of each goes
  std::uint8_t* const* sums;        ///< where the first sum of each goes as well; null for nowhere
  std::int64_t count;               ///< rows to be stored
  std::int64_t columns;             ///< columns to be stored
  const std::int64_t* segments;
  std::int64_t segment_count, words;
  const std::int32_t* panel;
  const void* starts;        ///< i32, or i64 for wide filters
  const Epilogue* epilogue;  ///< null for sums
  const WideEpilogue* wide_epilogue;
  std::int64_t column;  ///< of the first, among the epilogue's
  DType type;
};

using Tile = void (*)(const TileJob&);

/// The tile for panels of `width` columns that is high enough for `rows` rows, or the highest, and its height.
struct TileChoice {
  Tile run;
  std::int64_t height;
};

TileChoice tile_avx512(bool quads, std::int64_t width, std::int64_t rows);
/// For wide filters, with panels of at most 32 columns.
TileChoice tile_wide(std::int64_t width, std::int64_t rows);
TileChoice tile_avx2(std::int64_t width, std::int64_t rows);

}  // namespace koinon::engine::kernels
