#pragma once
#include <string>
#include <string_view>

#include "base/hash.hpp"

namespace koinon::base {

/// Name of immutable bytes: CIDv1, codec raw (0x55), multihash sha2-256 (0x12), written in base32 with the prefix 'b'
/// (multiformats CID specification). 59 characters, always beginning "bafkrei".
struct Cid {
  Hash digest;  ///< sha2-256 of the bytes

  static Cid of(ByteView bytes) { return Cid{sha256(bytes)}; }
  /// Errors: malformed on another version, codec, hash, base, length or non-canonical padding bits.
  static Result<Cid> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const Cid&, const Cid&) = default;
};

/// An artifact: its name and its size in bytes, so that a receiver can refuse before it downloads.
struct ArtifactRef {
  Cid cid;
  std::uint64_t size = 0;
  friend auto operator<=>(const ArtifactRef&, const ArtifactRef&) = default;
};

/// Where artifacts are kept. Implementations verify what they return: the bytes always hash to the name.
class ArtifactStore {
 public:
  virtual ~ArtifactStore() = default;
  /// Errors: exhausted (quota), io.
  virtual Result<ArtifactRef> put(ByteView bytes) = 0;
  /// Errors: not_found; io when the stored bytes no longer match their name.
  virtual Result<Bytes> get(const Cid& cid) = 0;
  virtual bool has(const Cid& cid) = 0;
};

}  // namespace koinon::base
