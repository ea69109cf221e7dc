#include "engine/train/arith/product.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/result.hpp"

namespace koinon::engine::train {
namespace {

constexpr std::int64_t kRowPanels = 32;     // of A that a task reads for one panel of B: 192 KiB
constexpr std::int64_t kColumnChunk = 256;  // columns in one task: 256 KiB packed
constexpr std::int64_t kTasks = 8;          // wished for in one product

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// One task: rows of panels [row_first, row_last) by columns [first, first + count).
struct Part {
  std::int64_t row_first, row_last, first, count;
};

void edge_tile(const Lanes& l, std::int64_t depth, const float* a, const float* b, float* c, std::int64_t stride, bool add,
               std::int64_t rows, std::int64_t columns) {
  float whole[kTileRows * kTileColumns];
  l.tile(depth, a, b, whole, kTileColumns, false);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) {
      float& to = c[i * stride + j];
      const float t = whole[i * kTileColumns + j];
      to = add ? to + t : t;
    }
}

void block(const Lanes& l, const Packed& a, const float* packed, std::int64_t first_depth, std::int64_t depth, const Part& part,
           const Target& to) {
  const auto columns = ceil_div(part.count, kTileColumns);
  for (auto from = part.row_first; from < part.row_last; from += kRowPanels) {
    const auto end = std::min(part.row_last, from + kRowPanels);
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto width = std::min(kTileColumns, part.count - j * kTileColumns);
      const float* b = packed + j * kTileColumns * depth;
      for (auto i = from; i < end; ++i) {
        const auto rows = std::min(kTileRows, a.lines() - i * kTileRows);
        float* c = to.c + i * kTileRows * to.stride + part.first + j * kTileColumns;
        const float* panel = a.panel(first_depth, depth, i);
        if (rows == kTileRows && width == kTileColumns)
          l.tile(depth, panel, b, c, to.stride, first_depth != 0);
        else
          edge_tile(l, depth, panel, b, c, to.stride, first_depth != 0, rows, width);
      }
    }
  }
}

void add_bias(const Lanes& l, const Target& to, const Packed& a, const Part& part) {
  const auto last = std::min(a.lines(), part.row_last * kTileRows);
  for (auto i = part.row_first * kTileRows; i < last; ++i) {
    float* row = to.c + i * to.stride + part.first;
    if (to.column_bias != nullptr) l.add_to(part.count, to.column_bias + part.first, row);
    if (to.row_bias != nullptr) l.scale_add(part.count, row, 1.0F, to.row_bias[i], row);
  }
}

void run_part(const Lanes& l, const Packed& a, const Lines& b, const Part& part, const Target& to) {
  thread_local std::vector<float> packed;  // kept between tasks: its pages are touched once
  const auto columns = ceil_div(part.count, kTileColumns);
  packed.resize(static_cast<std::size_t>(
      std::max<std::int64_t>(static_cast<std::int64_t>(packed.size()), columns * kTileColumns * std::min(kBlock, b.depth()))));
  for (std::int64_t k = 0; k < b.depth(); k += kBlock) {
    const auto depth = std::min(kBlock, b.depth() - k);
    for (std::int64_t j = 0; j < columns; ++j)
      b.pack(l, part.first + j * kTileColumns, std::min(kTileColumns, part.count - j * kTileColumns), k, depth, kTileColumns,
             packed.data() + j * kTileColumns * depth);
    block(l, a, packed.data(), k, depth, part, to);
  }
  if (to.row_bias != nullptr || to.column_bias != nullptr) add_bias(l, to, a, part);
}

}  // namespace

void Matrix::pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                  std::int64_t width, float* to) const {
  const float* from = data_ + first_line * line_stride_ + first_depth * depth_stride_;
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  if (line_stride_ == 1) {
    if (count == kTileColumns)  // a size that is known becomes two moves
      for (std::int64_t k = 0; k < depth; ++k)
        std::memcpy(to + k * width, from + k * depth_stride_, kTileColumns * sizeof(float));
    else
      for (std::int64_t k = 0; k < depth; ++k)
        for (std::int64_t i = 0; i < count; ++i) to[k * width + i] = from[k * depth_stride_ + i];
    return;
  }
  if (depth_stride_ == 1) {
    std::array<const float*, kTileColumns> line{};
    for (std::int64_t i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] = from + i * line_stride_;
    l.turn(depth, count, line.data(), width, to);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t k = 0; k < depth; ++k) to[k * width + i] = from[i * line_stride_ + k * depth_stride_];
}

Packed::Packed(const Machine& machine, const Lines& lines)
    : lines_(lines.lines()),
      depth_(lines.depth()),
      panels_(ceil_div(lines.lines(), kTileRows)),
      data_(static_cast<std::size_t>(panels_ * kTileRows * lines.depth()) * sizeof(float)) {
  const auto& l = train::lanes(machine);
  const auto blocks = ceil_div(depth_, kBlock);
  parallel(machine, blocks, [&](std::int64_t at) {
    const auto first = at * kBlock;
    const auto length = std::min(kBlock, depth_ - first);
    for (std::int64_t p = 0; p < panels_; ++p)
      lines.pack(l, p * kTileRows, std::min(kTileRows, lines_ - p * kTileRows), first, length, kTileRows,
                 data_.as<float>() + first * panels_ * kTileRows + p * length * kTileRows);
  });
}

void product(const Machine& machine, const Packed& a, const Lines& b, const Target& to) {
  KOINON_INVARIANT(a.depth() == b.depth() && a.depth() > 0);
  const auto& l = lanes(machine);
  const auto row_panels = ceil_div(a.lines(), kTileRows);
  const auto wanted = machine.pool == nullptr ? 1 : kTasks;
  auto chunk = std::min(kColumnChunk, ceil_div(ceil_div(b.lines(), wanted), kTileColumns) * kTileColumns);
  chunk = std::max(chunk, std::min<std::int64_t>(64, ceil_div(b.lines(), kTileColumns) * kTileColumns));
  const auto columns = ceil_div(b.lines(), chunk);
  const auto rows = columns >= wanted / 2 ? 1 : std::min(row_panels, ceil_div(wanted, columns));
  const auto row_chunk = ceil_div(row_panels, rows);
  parallel(machine, columns * rows, [&](std::int64_t at) {
    const auto first = at % columns * chunk, row = at / columns * row_chunk;
    if (row >= row_panels) return;
    run_part(l, a, b, {row, std::min(row_panels, row + row_chunk), first, std::min(chunk, b.lines() - first)}, to);
  });
}

void product(const Machine& machine, const Lines& a, const Lines& b, const Target& to) {
  product(machine, Packed(machine, a), b, to);
}

}  // namespace koinon::engine::train
