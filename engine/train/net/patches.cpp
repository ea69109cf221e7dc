#include "engine/train/net/patches.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/result.hpp"

namespace koinon::engine::train {

void Patches::pack(std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                   std::int64_t width, float* to) const {
  KOINON_INVARIANT(count <= kTileColumns);
  std::array<std::int64_t, kTileColumns> offset{};  // of each position's first element
  bool straight = s_.stride == 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = first_line + i;
    offset[static_cast<std::size_t>(i)] = (at / s_.out_width * s_.width + at % s_.out_width) * s_.stride;
    straight = straight && offset[static_cast<std::size_t>(i)] == offset[0] + i;
  }
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  const auto area = s_.kernel_y * s_.kernel_x;
  auto channel = first_depth / area, y = first_depth % area / s_.kernel_x, x = first_depth % s_.kernel_x;
  for (std::int64_t k = 0; k < depth; ++k, to += width) {
    const float* from = picture_ + channel * s_.plane() + y * s_.width + x;
    if (straight && count == kTileColumns)
      std::memcpy(to, from + offset[0], kTileColumns * sizeof(float));
    else
      for (std::int64_t i = 0; i < count; ++i) to[i] = from[offset[static_cast<std::size_t>(i)]];
    if (++x < s_.kernel_x) continue;
    x = 0;
    if (++y < s_.kernel_y) continue;
    y = 0;
    ++channel;
  }
}

void PatchColumns::pack(std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth,
                        std::int64_t width, float* to) const {
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
    for (std::int64_t i = 0; i < count; ++i) {
      const float* line = from + offset[static_cast<std::size_t>(i)];
      float* put = to + (k - first_depth) * width + i;
      for (std::int64_t r = 0; r < run; ++r) put[r * width] = line[r * s_.stride];
    }
    k += run;
  }
}

void Planes::pack(std::int64_t first_line, std::int64_t count, std::int64_t first_depth, std::int64_t depth, std::int64_t width,
                  float* to) const {
  if (count < width) std::fill(to, to + depth * width, 0.0F);
  const auto last = first_depth + depth;
  for (auto k = first_depth; k < last;) {
    const auto at = k % plane_;
    const auto run = std::min(last - k, plane_ - at);
    const float* from = data_ + k / plane_ * step_ + first_line * plane_ + at;
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t r = 0; r < run; ++r) to[(k - first_depth + r) * width + i] = from[i * plane_ + r];
    k += run;
  }
}

}  // namespace koinon::engine::train
