#include "node/backup/backup.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/file.hpp"
#include "node/store/examine.hpp"

namespace koinon::node {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr auto kState = "koinon.sqlite";
constexpr std::size_t kPiece = std::size_t{1} << 20;

/// Bytes of a file through a hash, and into another file when one is named.
Result<BackupFile> read_through(const fs::path& from, const fs::path& to) {
  std::ifstream in(from, std::ios::binary);
  if (!in) return fail(Code::io, "[backup] {} cannot be read", from.string());
  std::ofstream out;
  if (!to.empty()) {
    KOINON_CHECK(base::make_folder(to.parent_path()));
    out.open(to, std::ios::binary | std::ios::trunc);
    if (!out) return fail(Code::io, "[backup] {} cannot be written", to.string());
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1) return fail(Code::internal, "[backup] no sha2-256");
  BackupFile made;
  std::vector<char> piece(kPiece);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    const auto n = static_cast<std::size_t>(in.gcount());
    if (EVP_DigestUpdate(hash.get(), piece.data(), n) != 1) return fail(Code::internal, "[backup] sha2-256");
    if (out.is_open() && !out.write(piece.data(), static_cast<std::streamsize>(n)))
      return fail(Code::exhausted, "[backup] {} cannot be written: is the disk full?", to.string());
    made.size += n;
  }
  if (in.bad()) return fail(Code::io, "[backup] {} cannot be read to its end", from.string());
  if (EVP_DigestFinal_ex(hash.get(), made.sha256.bytes.data(), nullptr) != 1) return fail(Code::internal, "[backup] sha2-256");
  struct stat info{};
  if (::stat(from.c_str(), &info) == 0) made.mode = info.st_mode & 0777;
  if (out.is_open()) {
    out.close();
    if (!out || ::chmod(to.c_str(), made.mode) != 0) return fail(Code::io, "[backup] {} cannot be finished", to.string());
  }
  return made;
}

/// The files below a folder, by path. Links and devices are refused: they would not be a copy.
Result<std::vector<std::string>> files_below(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto kind = at->symlink_status(error).type();
    const auto path = at->path().lexically_relative(folder).generic_string();
    if (kind == fs::file_type::directory) continue;
    if (kind != fs::file_type::regular)
      return fail(Code::unsupported, "[backup] {} is a link or a device: move it out of {}, or put the file itself there", path,
                  folder.string());
    out.push_back(path);
  }
  if (error) return fail(Code::io, "[backup] {}: {}", folder.string(), error.message());
  std::ranges::sort(out);
  return out;
}

Status expect_room_for(const fs::path& target) {
  std::error_code error;
  if (!fs::exists(target, error)) return {};
  if (!fs::is_directory(target, error) || !fs::is_empty(target, error))
    return fail(Code::conflict, "[backup] {} holds something: a folder that is new or empty expected", target.string());
  return {};
}

Status make_secret_folder(const fs::path& folder) {
  KOINON_CHECK(base::make_folder(folder));
  std::error_code error;
  fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return fail(Code::io, "[backup] {}: {}", folder.string(), error.message());
  return {};
}

/// Refuses a folder that lies within another.
Status expect_outside(const fs::path& folder, const fs::path& other) {
  std::error_code error;
  const auto inside = fs::weakly_canonical(folder, error).lexically_relative(fs::weakly_canonical(other, error));
  if (!inside.empty() && *inside.begin() != "..")
    return fail(Code::conflict, "[backup] {} lies within {}, which is read", folder.string(), other.string());
  return {};
}

/// "node/" as "node".
fs::path without_slash(const fs::path& path) {
  const auto plain = path.lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

/// A new folder with a name of its own, removed unless it was moved away.
class Partial {
 public:
  static Result<std::unique_ptr<Partial>> make(const fs::path& beside) {
    if (beside.has_parent_path()) KOINON_CHECK(base::make_folder(beside.parent_path()));
    auto name = beside.string() + ".XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return fail(Code::io, "[backup] {} cannot be made", name);
    return std::unique_ptr<Partial>(new Partial(name));
  }
  ~Partial() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  explicit Partial(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// What was copied to a folder that was empty before: taken away again unless it was done.
class Half {
 public:
  explicit Half(fs::path folder) : folder_(std::move(folder)) {}
  ~Half() {
    std::error_code ignored;
    if (done_) return;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) fs::remove_all(entry.path(), ignored);
  }
  Half(const Half&) = delete;
  Half& operator=(const Half&) = delete;
  void done() { done_ = true; }

 private:
  const fs::path folder_;
  bool done_ = false;
};

bool is_state(const std::string& path) { return path == kState || path == "koinon.sqlite-wal" || path == "koinon.sqlite-shm"; }

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : size;
}

}  // namespace

Result<BackupManifest> make_backup(const fs::path& data, const fs::path& target, std::int64_t now_ms,
                                   const BackupOptions& options, const BackupProgress& progress) {
  std::error_code error;
  if (!fs::exists(data / kState, error)) return fail(Code::not_found, "[backup] {} is no data folder of a node", data.string());
  KOINON_CHECK(expect_outside(target, data));
  KOINON_CHECK(expect_room_for(target));
  KOINON_TRY(const auto hold, StoreHold::take(data / kState));
  KOINON_TRY(auto paths, files_below(data));
  std::erase_if(paths, [&](const auto& path) {
    return (is_state(path) && path != kState) || path == BackupManifest::kName ||
           (!options.artifacts && path.starts_with("artifacts/"));
  });
  KOINON_CHECK(make_secret_folder(target));
  Half half(target);
  std::uint64_t all = 0;
  for (const auto& path : paths) all += size_of(data / path);
  std::uint64_t done = 0;
  BackupManifest out;
  out.made_ms = now_ms;
  for (const auto& path : paths) {
    const auto to = target / path;
    if (path == kState) KOINON_CHECK(hold->copy(to));
    KOINON_TRY(auto file, path == kState ? read_through(to, {}) : read_through(data / path, to));
    file.path = path;
    done += size_of(data / path);
    if (progress) progress(path, done, all);
    out.files.push_back(std::move(file));
  }
  KOINON_CHECK(base::write_file(target / BackupManifest::kName, base::as_bytes(out.to_json()), 0600));
  half.done();
  return out;
}

Result<BackupManifest> check_backup(const fs::path& backup, const BackupProgress& progress) {
  KOINON_TRY(auto there, files_below(backup));  // first: it refuses what cannot be read to an end, such as a pipe
  const auto text = base::read_file(backup / BackupManifest::kName, std::uint64_t{256} << 20);
  if (!text)
    return fail(Code::not_found, "[backup] {} has no {}: it is no backup, or one that was cut short", backup.string(),
                BackupManifest::kName);
  KOINON_TRY(auto out, BackupManifest::from_json(base::as_text(*text)));
  std::erase(there, BackupManifest::kName);
  std::vector<std::string> named;
  for (const auto& file : out.files) named.push_back(file.path);
  if (there != named) {
    std::vector<std::string> differ;
    std::ranges::set_symmetric_difference(there, named, std::back_inserter(differ));
    return fail(Code::conflict, "[backup] {} is {} in {}", differ.front(),
                std::ranges::binary_search(named, differ.front()) ? "missing" : "one file too many", backup.string());
  }
  std::uint64_t done = 0;
  for (const auto& file : out.files) {
    KOINON_TRY(const auto now, read_through(backup / file.path, {}));
    if (now.size != file.size || now.sha256 != file.sha256)
      return fail(Code::conflict, "[backup] {} is not what was saved: its hash differs", file.path);
    done += file.size;
    if (progress) progress(file.path, done, out.bytes());
  }
  return out;
}

Result<BackupManifest> restore_backup(const fs::path& backup, const fs::path& data, const BackupProgress& progress) {
  const auto target = without_slash(data);
  KOINON_CHECK(expect_room_for(target));
  KOINON_CHECK(expect_outside(target, backup));
  KOINON_TRY(auto out, check_backup(backup));
  std::error_code error;
  // Within a folder that stands, which may be a disk of its own; else beside it, so that it comes whole in one step.
  const bool stands = fs::exists(target, error);
  KOINON_TRY(const auto partial, Partial::make(stands ? target / ".koinon-restore" : target));
  std::uint64_t done = 0;
  for (const auto& file : out.files) {
    KOINON_TRY(const auto copied, read_through(backup / file.path, partial->path() / file.path));
    if (copied.sha256 != file.sha256) return fail(Code::conflict, "[backup] {} changed while it was restored", file.path);
    if (::chmod((partial->path() / file.path).c_str(), file.mode & 0755) != 0)
      return fail(Code::io, "[backup] {} cannot be finished", file.path);
    done += file.size;
    if (progress) progress(file.path, done, out.bytes());
  }
  if (!stands) {
    fs::rename(partial->path(), target, error);
  } else {
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(partial->path())) entries.push_back(entry.path().filename());
    // The state last: without it the folder is no node's, and is not taken for one.
    std::ranges::sort(entries, {}, [](const auto& one) { return one == kState; });
    for (const auto& one : entries)
      if (!error) fs::rename(partial->path() / one, target / one, error);
    if (!error) fs::permissions(target, fs::perms::owner_all, error);
  }
  if (error) return fail(Code::io, "[backup] {} cannot be put in place: {}", target.string(), error.message());
  return out;
}

}  // namespace koinon::node
