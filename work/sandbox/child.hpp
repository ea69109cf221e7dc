#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::work::sandbox {

/// A descriptor, closed at the end.
class Handle {
 public:
  explicit Handle(int fd = -1) : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Handle() { close(); }
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close();

 private:
  int fd_;
};

/// The launcher as a child process: its ends of the pipes and of the control socket. Killed and buried at the end.
class Child {
 public:
  /// Starts `arguments` with `input` as standard input and no descriptor of ours but 0 to 3. Errors: io, exhausted.
  static base::Result<Child> start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                                   base::ByteView input);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  Handle out, err, control;
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Ends it, and with it the whole sandbox.
  void kill() const;

 private:
  Child() = default;
  pid_t pid_ = -1;
};

}  // namespace koinon::work::sandbox
