#include <cstdlib>

#include "node/artifacts/manifest.hpp"

/// What decodes encodes to the same bytes: one manifest has one name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const koinon::base::ByteView bytes(data, size);
  const auto manifest = koinon::node::Manifest::decode(bytes);
  if (!manifest) return 0;
  if (manifest->encode() != koinon::base::Bytes(bytes.begin(), bytes.end())) std::abort();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < manifest->chunks.size(); ++i) sum += manifest->chunk_size(i);
  if (sum != manifest->size) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  koinon::node::Manifest manifest;
  manifest.size = 3 * koinon::node::kChunkSize - 5;
  manifest.chunks.resize(3);
  return {manifest.encode()};
}
