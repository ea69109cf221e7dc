#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "node/artifacts/blob_folder.hpp"
#include "node/artifacts/manifest.hpp"

namespace koinon::node {

/// Artifacts on the disk, under a quota.
///
/// 1. What get() returns hashes to its name: directly, or through the manifest when it is larger than 1 MiB.
/// 2. What put() has returned survives kill -9, until it is evicted.
/// 3. Only unpinned blobs are evicted, least recently used first; when they do not suffice, put() fails (exhausted).
/// 4. No plain artifact reads as a manifest: put() refuses it, so that a CID alone has one meaning here.
///
/// Thread-safe. One process a folder.
class Artifacts final : public base::ArtifactStore {
 public:
  /// Errors: io, malformed (file of pins).
  static base::Result<std::unique_ptr<Artifacts>> open(const std::filesystem::path& root, std::uint64_t quota_bytes,
                                                       const base::Clock& clock);

  base::Result<base::ArtifactRef> put(base::ByteView bytes) override;
  /// Of a manifest's CID: the whole artifact.
  base::Result<base::Bytes> get(const base::Cid& cid) override;
  /// All of it, chunks included.
  bool has(const base::Cid& cid) override;
  bool has(const base::ArtifactRef& ref);

  /// Gives the bytes in order, at most 1 MiB a call, each verified before it is given. Errors: not_found, io, malformed (the
  /// reference's size does not match), the receiver's own.
  base::Status read(const base::ArtifactRef& ref, const std::function<base::Status(base::ByteView)>& receive);

  class Incoming;
  /// Begins an artifact that arrives in pieces. With `expected`, too many bytes are refused as they come, and another name or
  /// size at the end (rejected). `limit`: most bytes.
  Incoming begin(std::optional<base::ArtifactRef> expected = {}, std::uint64_t limit = kMaxArtifact);

  /// Keeps an artifact from eviction until `expires_ms` (Unix milliseconds) for a reason of one line, such as "order 12".
  /// A further pin of the same reason replaces it. Errors: not_found, invalid_argument, io.
  base::Status pin(const base::Cid& cid, const std::string& reason, std::int64_t expires_ms);
  base::Status unpin(const base::Cid& cid, const std::string& reason);
  /// Lets those of the artifacts that are pinned for `reason` go at `expires_ms` if they would be held longer; others are
  /// passed by. Errors: io.
  base::Status shorten(const std::vector<base::Cid>& cids, std::string_view reason, std::int64_t expires_ms);

  /// One blob as it is stored (a small artifact, a manifest or a chunk): what peers ask for. Errors: not_found, io.
  base::Result<base::Bytes> blob(const base::Cid& cid);
  bool has_blob(const base::Cid& cid);

  struct Usage {
    std::uint64_t bytes = 0;
    std::uint64_t pinned_bytes = 0;
    std::uint64_t quota = 0;
    std::size_t blobs = 0;
  };
  Usage usage();

 private:
  struct Entry {
    std::uint64_t size = 0;
    std::uint64_t used = 0;  ///< position in the order of use
  };
  struct Pin {
    base::Cid cid;
    std::string reason;
    std::int64_t expires_ms = 0;
    std::vector<base::Cid> blobs;  ///< what it holds
  };

  Artifacts(BlobFolder folder, std::filesystem::path pins, std::uint64_t quota, const base::Clock& clock)
      : folder_(std::move(folder)), pins_path_(std::move(pins)), quota_(quota), clock_(clock) {}

  base::Status load();
  base::Status store_blob(const base::Cid& cid, base::ByteView bytes);
  void release(const std::vector<base::Cid>& blobs);
  base::Result<std::optional<Manifest>> manifest_of(const base::Cid& cid);

  base::Status reserve(std::uint64_t size);          // with lock_ held
  void hold(const std::vector<base::Cid>& blobs);    // with lock_ held
  void let_go(const std::vector<base::Cid>& blobs);  // with lock_ held
  void drop_expired();                               // with lock_ held
  base::Status save_pins();                          // with lock_ held

  const BlobFolder folder_;
  const std::filesystem::path pins_path_;
  const std::uint64_t quota_;
  const base::Clock& clock_;

  std::mutex lock_;
  std::unordered_map<base::Hash, Entry> entries_;       ///< guarded by lock_
  std::unordered_map<base::Hash, std::uint32_t> held_;  ///< guarded by lock_: pins and writes under way that need a blob
  std::vector<Pin> pins_;                               ///< guarded by lock_
  std::uint64_t bytes_ = 0;                             ///< guarded by lock_: stored and being stored
  std::uint64_t serial_ = 0;                            ///< guarded by lock_
};

/// An artifact that is arriving. Its chunks are safe from eviction while it lives. Dropping it gives up. Not thread-safe.
class Artifacts::Incoming {
 public:
  Incoming(Artifacts& store, std::optional<base::ArtifactRef> expected, std::uint64_t limit);
  ~Incoming();
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  /// Errors: out_of_range (limit or expected size), exhausted, io.
  base::Status write(base::ByteView bytes);
  /// Errors: rejected (another name or size than expected), invalid_argument (reads as a manifest), exhausted, io.
  base::Result<base::ArtifactRef> finish();

 private:
  base::Status flush();
  base::Status keep(const base::Cid& cid, base::ByteView bytes);

  Artifacts& store_;
  const std::optional<base::ArtifactRef> expected_;
  const std::uint64_t limit_;
  base::Bytes buffer_;
  Manifest manifest_;
  std::vector<base::Cid> held_;
};

}  // namespace koinon::node
