#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::node {

/// One file of a backup.
struct BackupFile {
  std::string path;  ///< below the folder, with '/', such as "keystore/operator.json"
  std::uint64_t size = 0;
  std::uint32_t mode = 0600;  ///< permissions
  base::Hash sha256;          ///< of its bytes (FIPS 180-4)
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

/// What a backup holds. Written last: a folder without it is a backup that was cut short.
struct BackupManifest {
  static constexpr int kFormat = 1;
  static constexpr auto kName = "backup.json";
  std::int64_t made_ms = 0;
  std::vector<BackupFile> files;  ///< by path

  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::string to_json() const;
  /// Errors: malformed (also a path that leads out of the folder, or stands twice), unsupported (newer format).
  static base::Result<BackupManifest> from_json(std::string_view text);
};

}  // namespace koinon::node
