#include "work/sandbox/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace koinon::work::sandbox {
namespace {
using base::Code;
using base::fail;
using base::Result;

Result<Handle> file_of(base::ByteView bytes) {
  Handle file(::memfd_create("koinon-sandbox-input", MFD_CLOEXEC));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto put = ::write(file.get(), bytes.data() + at, bytes.size() - at);
    if (put < 0 && errno != EINTR)
      return fail(Code::exhausted, "[sandbox] no memory for {} bytes of input: {}", bytes.size(), std::strerror(errno));
    if (put > 0) at += static_cast<std::size_t>(put);
  }
  if (file.get() < 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return fail(Code::exhausted, "[sandbox] no memory file: {}", std::strerror(errno));
  return file;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Above the descriptors that the child's own take, so that no dup2 covers one that is still needed.
Handle raised(int fd) {
  Handle low(fd);
  return Handle(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 10));
}

}  // namespace

void Handle::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Child> Child::start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                           base::ByteView input) {
  KOINON_TRY(auto source, file_of(input));
  int out[2], err[2], control[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return fail(Code::exhausted, "[sandbox] no pipe: {}", std::strerror(errno));
  Handle out_read(out[0]), out_write = raised(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return fail(Code::exhausted, "[sandbox] no pipe: {}", std::strerror(errno));
  Handle err_read(err[0]), err_write = raised(err[1]);
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
    return fail(Code::exhausted, "[sandbox] no socket: {}", std::strerror(errno));
  Handle ours(control[0]), theirs = raised(control[1]);
  Handle from = raised(source.release());

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, from.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, out_write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err_write.get(), 2);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 3);
  posix_spawn_file_actions_addclosefrom_np(&actions, 4);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  Child child;
  const auto words = pointers(arguments);
  const auto variables = pointers(environment);
  const int error = ::posix_spawn(&child.pid_, words[0], &actions, &attributes, words.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    child.pid_ = -1;
    return fail(Code::io, "[sandbox] cannot start {}: {}", arguments.front(), std::strerror(error));
  }
  child.out = std::move(out_read);
  child.err = std::move(err_read);
  child.control = std::move(ours);
  return child;
}

Child::Child(Child&& other) noexcept
    : out(std::move(other.out)),
      err(std::move(other.err)),
      control(std::move(other.control)),
      pid_(std::exchange(other.pid_, -1)) {}

void Child::kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

Child::~Child() {
  if (pid_ <= 0) return;
  kill();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace koinon::work::sandbox
