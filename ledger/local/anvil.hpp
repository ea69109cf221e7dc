#pragma once
#include <sys/types.h>

#include <filesystem>
#include <memory>

#include "ledger/rpc.hpp"

namespace koinon::ledger::local {

/// A running anvil that dies with the thread that started it. It mines only on demand.
class Anvil {
 public:
  /// Starts it on a free port of loopback and waits until it answers. Errors: not_found, network (never answered).
  /// `keep_history` keeps the state of old blocks, which reorganisations (tests) need; memory then grows.
  static Result<std::unique_ptr<Anvil>> start(const std::filesystem::path& binary, std::uint64_t genesis_time,
                                              bool keep_history = false);
  ~Anvil();
  Anvil(const Anvil&) = delete;
  Anvil& operator=(const Anvil&) = delete;

  [[nodiscard]] bool is_alive();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] Rpc& rpc() { return *rpc_; }

 private:
  Anvil() = default;
  pid_t pid_ = -1;
  std::string url_;
  std::unique_ptr<Rpc> rpc_;
};

}  // namespace koinon::ledger::local
