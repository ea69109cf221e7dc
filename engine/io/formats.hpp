#pragma once
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::engine::io {

inline constexpr std::uint64_t kMaxUnpacked = std::uint64_t{1} << 30;  ///< bytes of one archive's members together
inline constexpr std::uint32_t kMaxSide = 16384;                       ///< pixels of a picture's side
inline constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 26;

/// One file of an archive.
struct Member {
  std::string name;
  base::Bytes bytes;
};

/// Members of a zip archive (APPNOTE 6.3: no encryption, no zip64, stored or deflated), checked against their CRC-32.
base::Result<std::vector<Member>> read_zip(base::ByteView bytes, std::uint64_t most = kMaxUnpacked);

/// Pixels, 3 bytes each (red, green, blue).
struct Picture {
  std::int64_t width = 0, height = 0;
  base::Bytes rgb;
};

base::Result<Picture> decode_png(base::ByteView bytes);
base::Result<Picture> decode_jpeg(base::ByteView bytes);

}  // namespace koinon::engine::io
