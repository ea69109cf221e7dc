#include <algorithm>

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

namespace {

constexpr int kMostCodes = 256, kTableHead = 17;

// Codes of the largest Huffman table that anything in the file can be taken for. The decoder keeps room for 256 and does not
// count (ITU-T T.81, B.2.4.2: a segment DHT holds tables of 1 byte, 16 counts, and as many values).
int most_codes(base::ByteView bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? bytes[i] : 0; };
  int most = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] != 0xff || bytes[i + 1] != 0xc4) continue;
    int left = at(i + 2) * 256 + at(i + 3) - 2;
    for (std::size_t table = i + 4; left > 0 && table < bytes.size() && at(table) / 16 < 2 && at(table) % 16 < 4;) {
      int codes = 0;
      for (std::size_t length = 1; length <= 16; ++length) codes += at(table + length);
      most = std::max(most, codes);
      left -= kTableHead + codes;
      table += static_cast<std::size_t>(kTableHead + codes);
    }
  }
  return most;
}

// Why the decoder refused; for some files it says nothing.
const char* reason() {
  const char* text = stbi_failure_reason();
  return text == nullptr ? "broken data" : text;
}

}  // namespace

base::Result<Picture> decode_jpeg(base::ByteView bytes) {
  int width = 0, height = 0, channels = 0;
  if (bytes.size() > INT32_MAX) return fail(Code::out_of_range, "[jpeg] {} bytes", bytes.size());
  const int size = static_cast<int>(bytes.size());
  if (const int codes = most_codes(bytes); codes > kMostCodes)
    return fail(Code::malformed, "[jpeg] a Huffman table of {} codes: at most {}", codes, kMostCodes);
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0 || width < 1 || height < 1)
    return fail(Code::malformed, "[jpeg] {}", reason());
  if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > kMaxPixels)
    return fail(Code::out_of_range, "[jpeg] {} by {} pixels: at most {}", width, height, kMaxPixels);
  stbi_uc* pixels = stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3);
  if (pixels == nullptr) return fail(Code::malformed, "[jpeg] {}", reason());
  Picture out{width, height, {}};
  out.rgb.assign(pixels, pixels + static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  stbi_image_free(pixels);
  return out;
}

}  // namespace koinon::engine::io
