#include <png.h>

#include "engine/io/formats.hpp"
#include "engine/io/read.hpp"

namespace koinon::engine::io {

using base::Code;
using base::fail;

base::Result<Picture> decode_png(base::ByteView bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0)
    return fail(Code::malformed, "[png] {}", image.message);
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits that say nothing of their curve are as 8 bits, not linear
  if (image.width > kMaxSide || image.height > kMaxSide || std::uint64_t{image.width} * image.height > kMaxPixels) {
    const auto width = image.width, height = image.height;
    png_image_free(&image);
    return fail(Code::out_of_range, "[png] {} by {} pixels: at most {} a side and {} in all", width, height, kMaxSide,
                kMaxPixels);
  }
  image.format = PNG_FORMAT_RGB;
  Picture out{image.width, image.height, base::Bytes(PNG_IMAGE_SIZE(image))};
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&image, &black, out.rgb.data(), 0, nullptr) == 0) {
    png_image_free(&image);
    return fail(Code::malformed, "[png] {}", image.message);
  }
  return out;
}

namespace {

// Where channel, row and column of a picture lie in an input.
struct Layout {
  std::int64_t channels = 1, height = 1, width = 1;
  std::int64_t channel_step = 1, row_step = 1, column_step = 1;
};

constexpr std::int64_t kLeastSide = 8;  ///< of what names no channels: 4 numbers are hardly a picture of 2 by 2

base::Result<Layout> layout_of(const tensor::Shape& whole) {
  tensor::Shape s = whole;
  const auto coloured = [](std::int64_t c) { return c == 1 || c == 3; };
  if (s.size() == 4 && s[0] == 1) s.erase(s.begin());
  if (s.size() == 3 && coloured(s[0])) return Layout{s[0], s[1], s[2], s[1] * s[2], s[2], 1};
  if (s.size() == 3 && coloured(s[2])) return Layout{s[2], s[0], s[1], 1, s[1] * s[2], s[2]};
  if (s.size() == 2 && s[0] >= kLeastSide && s[1] >= kLeastSide) return Layout{1, s[0], s[1], 0, s[1], 1};
  if (s.size() == 1 || (s.size() == 2 && s[0] == 1)) {
    std::int64_t side = kLeastSide;
    while (side * side < s.back()) ++side;
    if (side * side == s.back()) return Layout{1, side, side, 0, side, 1};
  }
  return fail(Code::unsupported, "[picture] an input of shape {} takes {} numbers, not a picture of 1 or 3 channels",
              tensor::shape_text(whole), tensor::element_count(whole));
}

// Sum over [first * in, (first + 1) * in) / out of an axis, in units of 1 / out, of what `at` gives.
template <class F>
std::int64_t covered(std::int64_t place, std::int64_t in, std::int64_t out, F&& at) {
  std::int64_t sum = 0;
  const std::int64_t begin = place * in, end = begin + in;
  for (std::int64_t i = begin / out; i * out < end; ++i)
    sum += at(i) * (std::min(end, (i + 1) * out) - std::max(begin, i * out));
  return sum;
}

std::int64_t sample(const Picture& p, std::int64_t y, std::int64_t x, std::int64_t channel, bool grey) {
  const std::uint8_t* c = p.rgb.data() + (y * p.width + x) * 3;
  return grey ? (299 * c[0] + 587 * c[1] + 114 * c[2] + 500) / 1000 : c[channel];
}

}  // namespace

base::Result<RealTensor> read_picture(base::ByteView bytes, const tensor::Shape& shape) {
  KOINON_TRY(const auto layout, layout_of(shape));
  const bool png = !bytes.empty() && bytes[0] == 0x89;
  KOINON_TRY(const auto picture, png ? decode_png(bytes) : decode_jpeg(bytes));
  if (std::max(layout.height, layout.width) > kMaxSide)
    return fail(Code::unsupported, "[picture] input of shape {}: at most {} pixels a side", tensor::shape_text(shape),
                kMaxSide);
  RealTensor out{{}, shape, std::vector<double>(static_cast<std::size_t>(tensor::element_count(shape)))};
  // Areas are counted in units of 1 / (height * width) of a target pixel: every weight is an integer, every mean exact.
  const std::int64_t area = picture.height * picture.width;
  for (std::int64_t c = 0; c < layout.channels; ++c)
    for (std::int64_t y = 0; y < layout.height; ++y)
      for (std::int64_t x = 0; x < layout.width; ++x) {
        const std::int64_t sum = covered(y, picture.height, layout.height, [&](std::int64_t row) {
          return covered(x, picture.width, layout.width,
                         [&](std::int64_t column) { return sample(picture, row, column, c, layout.channels == 1); });
        });
        const std::int64_t mean = (2 * sum + area) / (2 * area);
        out.data[static_cast<std::size_t>(c * layout.channel_step + y * layout.row_step + x * layout.column_step)] =
            static_cast<double>(mean) / 255.0;
      }
  return out;
}

}  // namespace koinon::engine::io
