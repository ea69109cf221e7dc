#pragma once
#include "engine/train/arith/product.hpp"

namespace koinon::engine::train {

/// A picture with its border of zeros already around it, and the window that slides over it.
struct Slide {
  std::int64_t channels = 0, height = 0, width = 0;  ///< with the border
  std::int64_t kernel_y = 1, kernel_x = 1, stride = 1;
  std::int64_t out_height = 0, out_width = 0;

  [[nodiscard]] std::int64_t plane() const { return height * width; }
  [[nodiscard]] std::int64_t positions() const { return out_height * out_width; }
  [[nodiscard]] std::int64_t depth() const { return channels * kernel_y * kernel_x; }
};

/// Lines are the positions of the window (row by row), depth the elements under it (channel, row, column).
class Patches final : public Lines {
 public:
  Patches(const float* picture, const Slide& slide) : Lines(slide.positions(), slide.depth()), picture_(picture), s_(slide) {}
  void pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
            std::int64_t width, float* to) const override;

 private:
  /// Where elements [first, first + count) under the window lie, from a position's first.
  void elements(std::int64_t first, std::int64_t count, std::int64_t* to) const;

  const float* picture_;
  Slide s_;
};

/// The same the other way round and over a batch: lines are the elements under the window, depth the positions of every
/// picture, picture by picture. `step` is how far pictures lie apart.
class PatchColumns final : public Lines {
 public:
  PatchColumns(const float* pictures, std::int64_t count, std::int64_t step, const Slide& slide)
      : Lines(slide.depth(), count * slide.positions()), pictures_(pictures), step_(step), s_(slide) {}
  void pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
            std::int64_t width, float* to) const override;

 private:
  const float* pictures_;
  std::int64_t step_;
  Slide s_;
};

/// Lines are channels, depth the positions of every picture: element k of line i stands in picture k / plane at i * plane + k %
/// plane.
class Planes final : public Lines {
 public:
  Planes(const float* data, std::int64_t channels, std::int64_t plane, std::int64_t count, std::int64_t step)
      : Lines(channels, count * plane), data_(data), plane_(plane), step_(step) {}
  void pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
            std::int64_t width, float* to) const override;

 private:
  const float* data_;
  std::int64_t plane_, step_;
};

}  // namespace koinon::engine::train
