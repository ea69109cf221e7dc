#pragma once
#include <cstdint>
#include <vector>

#include "engine/kernels/buffer.hpp"
#include "engine/train/arith/parallel.hpp"

namespace koinon::engine::train {

/// One operand of a product: `lines` lines (rows of A or columns of B), each `depth` long. Packing brings it into the order in
/// which a tile reads it.
class Lines {
 public:
  Lines(std::int64_t lines, std::int64_t depth) : lines_(lines), depth_(depth) {}
  virtual ~Lines() = default;
  [[nodiscard]] std::int64_t lines() const { return lines_; }
  [[nodiscard]] std::int64_t depth() const { return depth_; }
  /// to[k * width + i] = element first_depth + k of line first_line + i, for k < depth <= kBlock, i < count; 0 for count <= i <
  /// width. `width` is kTileRows or kTileColumns.
  virtual void pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                    std::int64_t width, float* to) const = 0;

 protected:
  Lines(const Lines&) = default;
  Lines& operator=(const Lines&) = default;

 private:
  std::int64_t lines_, depth_;
};

/// A matrix in memory: element k of line i is data[i * line_stride + k * depth_stride].
class Matrix final : public Lines {
 public:
  Matrix(const float* data, std::int64_t lines, std::int64_t depth, std::int64_t line_stride, std::int64_t depth_stride)
      : Lines(lines, depth), data_(data), line_stride_(line_stride), depth_stride_(depth_stride) {}
  void pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
            std::int64_t width, float* to) const override;

 private:
  const float* data_;
  std::int64_t line_stride_, depth_stride_;
};

/// A operand packed once for many products.
class Packed {
 public:
  Packed() = default;
  Packed(const Machine& machine, const Lines& lines);
  [[nodiscard]] std::int64_t lines() const { return lines_; }
  [[nodiscard]] std::int64_t depth() const { return depth_; }
  /// Panel `index` (kTileRows lines) of the block of depth that begins at `first`, `length` long.
  [[nodiscard]] const float* panel(std::int64_t first, std::int64_t length, std::int64_t index) const {
    return data_.as<float>() + first * panels_ * kTileRows + index * length * kTileRows;
  }

 private:
  std::int64_t lines_ = 0, depth_ = 0, panels_ = 0;
  kernels::Buffer data_;  ///< every byte is written by packing
};

/// Where a product goes: c[i * stride + j], plus row_bias[i] or column_bias[j] (borrowed; null: none), added last.
struct Target {
  float* c = nullptr;
  std::int64_t stride = 0;
  const float* row_bias = nullptr;
  const float* column_bias = nullptr;
};

/// c[i][j] = the dot product of line i of a and line j of b. A dot product is cut into blocks of kBlock along the depth: a
/// block is one chain of fused multiply-adds from +0, and the blocks' sums are added one after another. So every element has
/// one value, however the work is split. Precondition: equal depths, at least 1.
void product(const Machine& machine, const Packed& a, const Lines& b, const Target& to);
void product(const Machine& machine, const Lines& a, const Lines& b, const Target& to);

}  // namespace koinon::engine::train
