#include "engine/train/net/patches.hpp"

#include <algorithm>
#include <array>

#include "base/result.hpp"

namespace koinon::engine::train {

void Patches::pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                   std::int64_t width, float* to) const {
  KOINON_INVARIANT(count <= kTileColumns && depth <= kBlock && width == kTileColumns);
  std::array<std::int64_t, kTileColumns> offset{};  // of each position's first element
  std::array<std::int64_t, kTileColumns + 1> begin{}, shift{};
  std::int64_t runs = 0;  // of positions whose elements are neighbours
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = first_line + i, here = (at / s_.out_width * s_.width + at % s_.out_width) * s_.stride;
    offset[static_cast<std::size_t>(i)] = here;
    if (i > 0 && here == offset[static_cast<std::size_t>(i - 1)] + 1) continue;
    begin[static_cast<std::size_t>(runs)] = i;
    shift[static_cast<std::size_t>(runs++)] = here - i;
  }
  begin[static_cast<std::size_t>(runs)] = count;
  std::array<std::int64_t, kBlock> start{};  // of each element under the window
  elements(first_depth, depth, start.data());
  if (count == kTileColumns && runs <= 4) {
    l.runs(depth, start.data(), picture_, runs, begin.data(), shift.data(), to);
    return;
  }
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  for (std::int64_t k = 0; k < depth; ++k, to += width)
    for (std::int64_t i = 0; i < count; ++i)
      to[i] = picture_[start[static_cast<std::size_t>(k)] + offset[static_cast<std::size_t>(i)]];
}

void Patches::elements(std::int64_t first, std::int64_t count, std::int64_t* to) const {
  const auto area = s_.kernel_y * s_.kernel_x;
  auto channel = first / area, y = first % area / s_.kernel_x, x = first % s_.kernel_x;
  for (std::int64_t k = 0; k < count; ++k) {
    to[k] = channel * s_.plane() + y * s_.width + x;
    if (++x < s_.kernel_x) continue;
    x = 0;
    if (++y < s_.kernel_y) continue;
    y = 0;
    ++channel;
  }
}

void PatchColumns::pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth,
                        std::int64_t depth, std::int64_t width, float* to) const {
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  const auto area = s_.kernel_y * s_.kernel_x;
  const auto last = first_depth + depth;
  std::array<std::int64_t, kTileColumns> offset{};  // of each line's element in the window
  for (std::int64_t i = 0; i < count; ++i) {
    const auto line = first_line + i;
    const auto channel = line / area, y = line % area / s_.kernel_x, x = line % s_.kernel_x;
    offset[static_cast<std::size_t>(i)] = channel * s_.plane() + y * s_.width + x;
  }
  for (auto k = first_depth; k < last;) {
    const auto picture = k / s_.positions(), at = k % s_.positions();
    const auto row = at / s_.out_width, column = at % s_.out_width;
    const auto run = std::min(last - k, s_.out_width - column);
    const float* from = pictures_ + picture * step_ + (row * s_.width + column) * s_.stride;
    float* put = to + (k - first_depth) * width;
    std::array<const float*, kTileColumns> line{};
    for (std::int64_t i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] = from + offset[static_cast<std::size_t>(i)];
    if (s_.stride == 1)
      l.turn(run, count, line.data(), width, put);
    else
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t r = 0; r < run; ++r) put[r * width + i] = line[static_cast<std::size_t>(i)][r * s_.stride];
    k += run;
  }
}

void Planes::pack(const Lanes& l, std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                  std::int64_t width, float* to) const {
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  const auto last = first_depth + depth;
  for (auto k = first_depth; k < last;) {
    const auto at = k % plane_;
    const auto run = std::min(last - k, plane_ - at);
    const float* from = data_ + k / plane_ * step_ + first_line * plane_ + at;
    std::array<const float*, kTileColumns> line{};
    for (std::int64_t i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] = from + i * plane_;
    l.turn(run, count, line.data(), width, to + (k - first_depth) * width);
    k += run;
  }
}

}  // namespace koinon::engine::train
