#include "engine/io/formats.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#include <stb_image.h>

namespace koinon::engine::io {

using base::Code;
using base::fail;

base::Result<Picture> decode_jpeg(base::ByteView bytes) {
  int width = 0, height = 0, channels = 0;
  if (bytes.size() > INT32_MAX) return fail(Code::out_of_range, "[jpeg] {} bytes", bytes.size());
  const int size = static_cast<int>(bytes.size());
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0 || width < 1 || height < 1)
    return fail(Code::malformed, "[jpeg] {}", stbi_failure_reason());
  if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > kMaxPixels)
    return fail(Code::out_of_range, "[jpeg] {} by {} pixels: at most {}", width, height, kMaxPixels);
  stbi_uc* pixels = stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3);
  if (pixels == nullptr) return fail(Code::malformed, "[jpeg] {}", stbi_failure_reason());
  Picture out{width, height, {}};
  out.rgb.assign(pixels, pixels + static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  stbi_image_free(pixels);
  return out;
}

}  // namespace koinon::engine::io
