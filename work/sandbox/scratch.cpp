#include "work/sandbox/scratch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace koinon::work::sandbox {
namespace {
using base::Code;
using base::fail;
using base::Result;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Scratch::Scratch(Scratch&& other) noexcept : folder_(std::exchange(other.folder_, -1)) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  std::swap(folder_, other.folder_);
  return *this;
}

Scratch::~Scratch() {
  if (folder_ >= 0) ::close(folder_);
}

Result<base::Bytes> Scratch::read(const std::string& path, std::uint64_t limit) const {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;  // a FIFO must not hold us up
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const File file(static_cast<int>(::syscall(SYS_openat2, folder_, path.c_str(), &how, sizeof how)));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(Code::not_found, "[sandbox] /scratch/{}: the program left no such file", path);
    if (errno == ELOOP || errno == EXDEV)
      return fail(Code::malformed, "[sandbox] /scratch/{}: a link, or outside of /scratch; plain files are taken", path);
    return fail(Code::io, "[sandbox] /scratch/{}: {}", path, std::strerror(errno));
  }
  struct stat what{};
  if (::fstat(file.get(), &what) != 0) return fail(Code::io, "[sandbox] /scratch/{}: {}", path, std::strerror(errno));
  if (!S_ISREG(what.st_mode)) return fail(Code::malformed, "[sandbox] /scratch/{}: no plain file", path);
  const auto size = static_cast<std::uint64_t>(what.st_size);
  if (size > limit) return fail(Code::out_of_range, "[sandbox] /scratch/{}: {} bytes, at most {} are taken", path, size, limit);
  base::Bytes out(size);
  std::size_t at = 0;
  while (at < out.size()) {
    const auto got = ::read(file.get(), out.data() + at, out.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::io, "[sandbox] /scratch/{}: {}", path, std::strerror(errno));
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  out.resize(at);
  return out;
}

Result<std::vector<std::string>> Scratch::names(std::size_t limit) const {
  const int again = ::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
  if (!folder) return fail(Code::io, "[sandbox] /scratch: {}", std::strerror(errno));
  std::vector<std::string> out;
  for (const dirent* one = nullptr; (one = ::readdir(folder.get())) != nullptr;) {
    const std::string name = one->d_name;
    if (name == "." || name == "..") continue;
    if (out.size() == limit) return fail(Code::out_of_range, "[sandbox] /scratch: more than {} names", limit);
    out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace koinon::work::sandbox
