#pragma once
#include <filesystem>

#include "base/bytes.hpp"

namespace koinon::base {

/// Reads a whole file of at most `limit` bytes. Errors: not_found, io, out_of_range (larger than the limit).
Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t limit = std::uint64_t{4} << 30);

/// Replaces a file in one step: temporary file in the same folder, fsync, rename, fsync of the folder. After a crash the old or
/// the new content stands there, whole. `mode` is the permission (0600 for secrets). Errors: io.
Status write_file(const std::filesystem::path& path, ByteView bytes, unsigned mode = 0644);

/// Creates a folder and its parents. Errors: io.
Status make_folder(const std::filesystem::path& path);

/// A folder of its own under the system's temporary folder, removed with everything in it at the end of the scope.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace koinon::base
