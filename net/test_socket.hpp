#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace koinon::net {

/// A bare TCP connection for tests: it sends what no well-behaved client would.
class TestSocket {
 public:
  explicit TestSocket(std::uint16_t port, int timeout_s = 5) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{timeout_s, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~TestSocket() { ::close(fd_); }
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;

  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] bool connected() const { return connected_; }
  void send(const std::string& text) const { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// What arrives until the other side closes, `enough` appears or the time is over.
  [[nodiscard]] std::string receive(const std::string& enough = "") {
    std::string out;
    char piece[4096];
    for (;;) {
      const auto n = ::recv(fd_, piece, sizeof piece, 0);
      closed_ = n == 0;
      if (n <= 0) return out;
      out.append(piece, static_cast<std::size_t>(n));
      if (!enough.empty() && out.find(enough) != std::string::npos) return out;
    }
  }
  /// True when the last receive() ended because the other side closed.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  const int fd_;
  bool connected_ = false;
  bool closed_ = false;
};

}  // namespace koinon::net
