#pragma once
#include <filesystem>
#include <functional>

#include "base/cid.hpp"

namespace koinon::node {

/// Blobs as files named by their CID in 256 sub-folders. A blob appears whole and synced, or not at all:
///
///   ROOT/incoming/...            being written; removed at start
///   ROOT/blobs/3f/bafkrei...     two hex digits of the digest, then the CID
///
/// Thread-safe: two writers of one blob write the same bytes.
class BlobFolder {
 public:
  /// Makes the folders and removes what an interrupted write has left. Errors: io.
  static base::Result<BlobFolder> open(const std::filesystem::path& root);

  /// Durable when it returns. Precondition: cid is the name of bytes. Errors: io.
  base::Status write(const base::Cid& cid, base::ByteView bytes) const;
  /// Verified bytes. Errors: not_found; io when they no longer match (the damaged file is then removed, so that the blob can be
  /// fetched again).
  base::Result<base::Bytes> read(const base::Cid& cid) const;
  base::Status remove(const base::Cid& cid) const;
  [[nodiscard]] std::filesystem::path path(const base::Cid& cid) const;
  /// Marks as used now, for the order of eviction after a restart.
  void touch(const base::Cid& cid) const;

  struct Found {
    base::Cid cid;
    std::uint64_t size = 0;
    std::int64_t used_ns = 0;  ///< on the file system's clock
  };
  /// Every blob. Files with other names are left alone. Errors: io.
  base::Status scan(const std::function<void(const Found&)>& visit) const;

 private:
  explicit BlobFolder(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

}  // namespace koinon::node
