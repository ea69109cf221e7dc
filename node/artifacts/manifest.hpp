#pragma once
#include <vector>

#include "base/cid.hpp"

namespace koinon::node {

inline constexpr std::uint64_t kChunkSize = 1u << 20;  ///< bytes; larger artifacts are cut
inline constexpr std::uint64_t kMaxArtifact =
    (std::uint64_t{32} << 30) - kChunkSize;  ///< bytes; so that a manifest is one blob

/// The list of chunks of an artifact of more than 1 MiB. A reference with size > kChunkSize names the manifest's bytes and
/// gives the size of the whole; a smaller one names the bytes themselves. So the reference alone says which it is.
///
///   0   8   "KOINCHK1"
///   8   8   u64 size of the whole, little-endian, > kChunkSize
///   16  32  sha2-256 of each kChunkSize bytes, the last chunk shorter; ceil(size / kChunkSize) of them
struct Manifest {
  std::uint64_t size = 0;
  std::vector<base::Cid> chunks;

  [[nodiscard]] base::Bytes encode() const;
  /// Bytes of chunk `index`. Precondition: index < chunks.size().
  [[nodiscard]] std::uint64_t chunk_size(std::size_t index) const;
  /// Errors: malformed (magic, size, number of chunks, trailing bytes).
  static base::Result<Manifest> decode(base::ByteView bytes);
  /// Bytes of the manifest of an artifact of `size` bytes.
  static std::uint64_t encoded_size(std::uint64_t size);
};

}  // namespace koinon::node
