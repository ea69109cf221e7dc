#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace koinon::base {
namespace {

std::string reason() { return std::strerror(errno); }

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Status write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, "{}", reason());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return fail(Code::io, "{}", reason());
  return {};
}

Status write_new(const std::filesystem::path& path, ByteView bytes, unsigned mode) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return fail(Code::io, "{}", reason());
  KOINON_CHECK(write_all(fd.get(), bytes));
  if (::fsync(fd.get()) != 0) return fail(Code::io, "{}", reason());
  return {};
}

std::filesystem::path beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> serial{0};
  auto out = path;
  out += fmt::format(".tmp.{}.{}", ::getpid(), serial++);
  return out;
}

}  // namespace

Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t limit) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return fail(errno == ENOENT ? Code::not_found : Code::io, "[read] {}: {}", path.string(), reason());
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail(Code::io, "[read] {}: {}", path.string(), reason());
  if (S_ISDIR(info.st_mode)) return fail(Code::io, "[read] {} is a folder: a file expected", path.string());
  if (static_cast<std::uint64_t>(info.st_size) > limit)
    return fail(Code::out_of_range, "[read] {} has {} bytes: at most {}", path.string(), info.st_size, limit);
  Bytes out(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  for (;;) {
    if (done == out.size()) {
      if (S_ISREG(info.st_mode)) break;
      if (out.size() >= limit) return fail(Code::out_of_range, "[read] {}: more than {} bytes", path.string(), limit);
      out.resize(std::min<std::uint64_t>(limit, out.size() * 2 + 65536));
    }
    const auto n = ::read(fd.get(), out.data() + done, out.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, "[read] {}: {}", path.string(), reason());
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  out.resize(done);
  return out;
}

Status write_file(const std::filesystem::path& path, ByteView bytes, unsigned mode) {
  const auto temporary = beside(path);
  if (auto written = write_new(temporary, bytes, mode); !written) {
    ::unlink(temporary.c_str());
    return fail(std::move(written).error().within(fmt::format("[write] {}", path.string())));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto why = reason();
    ::unlink(temporary.c_str());
    return fail(Code::io, "[write] {}: {}", path.string(), why);
  }
  if (auto synced = sync_folder(path.parent_path()); !synced)
    return fail(std::move(synced).error().within(fmt::format("[write] {}", path.string())));
  return {};
}

Status make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Code::io, "[folder] {}: {}", path.string(), error.message());
  return {};
}

TempFolder::TempFolder() {
  auto pattern = (std::filesystem::temp_directory_path() / "koinon-XXXXXX").string();
  KOINON_INVARIANT(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace koinon::base
