#include "node/artifacts/blob_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "base/file.hpp"

namespace koinon::node {

namespace fs = std::filesystem;
using base::Code;

namespace {

base::Status sync_folder(const fs::path& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!synced) return base::fail(Code::io, "[artifacts] {} cannot be synced", path.string());
  return {};
}

}  // namespace

base::Result<BlobFolder> BlobFolder::open(const fs::path& root) {
  std::error_code error;
  fs::remove_all(root / "incoming", error);
  if (error) return base::fail(Code::io, "[artifacts] {}: {}", (root / "incoming").string(), error.message());
  KOINON_CHECK(base::make_folder(root / "incoming"));
  KOINON_CHECK(base::make_folder(root / "blobs"));
  return BlobFolder(root);
}

fs::path BlobFolder::path(const base::Cid& cid) const {
  return root_ / "blobs" / fmt::format("{:02x}", cid.digest.bytes.front()) / cid.text();
}

base::Status BlobFolder::write(const base::Cid& cid, base::ByteView bytes) const {
  static std::atomic<std::uint64_t> serial{0};
  const auto temporary = root_ / "incoming" / fmt::format("{}.{}.{}", cid.text(), ::getpid(), serial++);
  KOINON_CHECK(base::write_file(temporary, bytes));
  const auto target = path(cid);
  std::error_code error;
  const bool fresh = fs::create_directory(target.parent_path(), error);
  if (!error) fs::rename(temporary, target, error);
  if (error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    return base::fail(Code::io, "[artifacts] {}: {}", target.string(), error.message());
  }
  KOINON_CHECK(sync_folder(target.parent_path()));
  if (fresh) KOINON_CHECK(sync_folder(root_ / "blobs"));
  return {};
}

base::Result<base::Bytes> BlobFolder::read(const base::Cid& cid) const {
  KOINON_TRY(auto bytes, base::read_file(path(cid)));
  if (base::Cid::of(bytes) == cid) return bytes;
  KOINON_CHECK(remove(cid));
  return base::fail(Code::io, "[artifacts] {} was damaged on the disk and has been removed: fetch it again", cid.text());
}

base::Status BlobFolder::remove(const base::Cid& cid) const {
  std::error_code error;
  fs::remove(path(cid), error);
  if (error) return base::fail(Code::io, "[artifacts] {}: {}", path(cid).string(), error.message());
  return {};
}

void BlobFolder::touch(const base::Cid& cid) const {
  ::utimensat(AT_FDCWD, path(cid).c_str(), nullptr, 0);  // failing only blurs the order of eviction
}

base::Status BlobFolder::scan(const std::function<void(const Found&)>& visit) const {
  std::error_code error;
  for (fs::recursive_directory_iterator it(root_ / "blobs", error), end; !error && it != end; it.increment(error)) {
    if (it.depth() != 1) continue;
    const auto cid = base::Cid::parse(it->path().filename().string());
    struct stat info{};
    if (!cid || ::stat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    visit({*cid, static_cast<std::uint64_t>(info.st_size),
           static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec});
  }
  if (error) return base::fail(Code::io, "[artifacts] {}: {}", (root_ / "blobs").string(), error.message());
  return {};
}

}  // namespace koinon::node
