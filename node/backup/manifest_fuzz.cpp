#include <cstdlib>

#include "node/backup/manifest.hpp"

/// What decodes, encodes and decodes again to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = koinon::node::BackupManifest::from_json({reinterpret_cast<const char*>(data), size});
  if (!manifest) return 0;
  const auto again = koinon::node::BackupManifest::from_json(manifest->to_json());
  if (!again || again->files != manifest->files || again->made_ms != manifest->made_ms) std::abort();
  for (const auto& file : manifest->files)
    if (file.path.starts_with('/') || file.path.find("..") == 0 || file.path.find("/../") != std::string::npos) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  koinon::node::BackupManifest manifest;
  manifest.made_ms = 1'800'000'000'000;
  manifest.files = {{"keystore/operator.json", 500, 0600, {}}, {"koinon.sqlite", 40'960, 0600, {}}};
  const auto text = manifest.to_json();
  return {{text.begin(), text.end()}};
}
