#include "node/api/picture.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;

constexpr std::int64_t kLeastSide = 8;
constexpr std::int64_t kMostSide = 4096;
constexpr std::int64_t kShownSide = 280;

bool coloured(std::int64_t channels) { return channels == 1 || channels == 3; }

std::optional<PictureLayout> any_layout(engine::tensor::Shape s) {
  if (s.size() == 4 && s[0] == 1) s.erase(s.begin());
  if (s.size() == 3 && coloured(s[0])) return PictureLayout{s[0], s[1], s[2], s[1] * s[2], s[2], 1};
  if (s.size() == 3 && coloured(s[2])) return PictureLayout{s[2], s[0], s[1], 1, s[1] * s[2], s[2]};
  if (s.size() == 2 && s[0] == s[1]) return PictureLayout{1, s[0], s[1], 0, s[1], 1};
  if (s.size() == 1 || (s.size() == 2 && s[0] == 1)) {
    const auto side = std::llround(std::sqrt(static_cast<double>(s.back())));
    if (side * side == s.back()) return PictureLayout{1, side, side, 0, side, 1};
  }
  return {};
}

/// Maps values to 0..255.
struct Tone {
  double low = 0, high = 1;
  explicit Tone(const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    if (*least >= 0 && *most <= 1.001) return;
    if (*least >= 0 && *most <= 255) {
      high = 255;
    } else {
      low = *least;
      high = *most > *least ? *most : *least + 1;
    }
  }
  [[nodiscard]] std::uint8_t of(double value) const {
    return static_cast<std::uint8_t>(std::clamp(255 * (value - low) / (high - low) + 0.5, 0.0, 255.0));
  }
};

base::Result<std::string> encode(const base::Bytes& pixels, std::int64_t width, std::int64_t height, bool colour) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr) == 0)
    return fail(Code::internal, "[picture] {}", image.message);
  std::string out(size, '\0');
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0)
    return fail(Code::internal, "[picture] {}", image.message);
  out.resize(size);
  return out;
}

}  // namespace

std::optional<PictureLayout> picture_layout(const engine::tensor::Shape& shape) {
  const auto out = any_layout(shape);
  if (!out || std::min(out->height, out->width) < kLeastSide || std::max(out->height, out->width) > kMostSide) return {};
  return out;
}

base::Result<std::string> picture_png(const engine::tensor::Shape& shape, const std::vector<double>& values) {
  const auto layout = picture_layout(shape);
  if (!layout) return fail(Code::not_found, "[picture] an input of shape {} is no picture", engine::tensor::shape_text(shape));
  if (static_cast<std::int64_t>(values.size()) != engine::tensor::element_count(shape))
    return fail(Code::invalid_argument, "[picture] {} values for shape {}", values.size(), engine::tensor::shape_text(shape));
  const auto& l = *layout;
  const auto zoom = std::max<std::int64_t>(1, kShownSide / std::max(l.height, l.width));
  const Tone tone(values);
  base::Bytes pixels;
  pixels.reserve(static_cast<std::size_t>(l.height * l.width * l.channels * zoom * zoom));
  for (std::int64_t y = 0; y < l.height * zoom; ++y)
    for (std::int64_t x = 0; x < l.width * zoom; ++x)
      for (std::int64_t c = 0; c < l.channels; ++c)
        pixels.push_back(
            tone.of(values[static_cast<std::size_t>(c * l.channel_step + y / zoom * l.row_step + x / zoom * l.column_step)]));
  return encode(pixels, l.width * zoom, l.height * zoom, l.channels == 3);
}

}  // namespace koinon::node::api
