#include "node/artifacts/manifest.hpp"

#include "base/codec.hpp"

namespace koinon::node {
namespace {

using base::Code;

constexpr std::string_view kMagic = "KOINCHK1";
constexpr std::uint64_t kHead = 16;

std::uint64_t chunks_of(std::uint64_t size) { return (size + kChunkSize - 1) / kChunkSize; }

}  // namespace

base::Bytes Manifest::encode() const {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(size);
  for (const auto& chunk : chunks) out.raw(chunk.digest.view());
  return std::move(out).take();
}

std::uint64_t Manifest::chunk_size(std::size_t index) const {
  KOINON_INVARIANT(index < chunks.size());
  return index + 1 < chunks.size() ? kChunkSize : size - kChunkSize * (chunks.size() - 1);
}

base::Result<Manifest> Manifest::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return base::fail(Code::malformed, "[manifest] does not begin with {}", kMagic);
  Manifest out;
  KOINON_TRY(out.size, in.number<std::uint64_t>());
  if (out.size <= kChunkSize || out.size > kMaxArtifact)
    return base::fail(Code::malformed, "[manifest] size {}: {} to {} expected", out.size, kChunkSize + 1, kMaxArtifact);
  if (bytes.size() != encoded_size(out.size))
    return base::fail(Code::malformed, "[manifest] {} bytes for a size of {}: {} expected", bytes.size(), out.size,
                      encoded_size(out.size));
  for (std::uint64_t i = 0; i < chunks_of(out.size); ++i) {
    KOINON_TRY(auto digest, in.fixed_bytes<32>());
    out.chunks.push_back(base::Cid{digest});
  }
  KOINON_CHECK(in.finish());
  return out;
}

std::uint64_t Manifest::encoded_size(std::uint64_t size) { return kHead + 32 * chunks_of(size); }

}  // namespace koinon::node
