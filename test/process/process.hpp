#pragma once
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace koinon::test::process {

/// How a program is started. Its stdin is empty.
struct Start {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  ///< on top of ours
  std::filesystem::path log;                       ///< gets stderr; empty: dropped
  std::filesystem::path folder;                    ///< working folder; empty: ours
  bool survives = false;                           ///< goes on when we end
};

/// A program that runs beside this one. Killed when it goes out of scope, unless it was let go. Not thread-safe.
class Process {
 public:
  /// Errors: not_found, exhausted (no process).
  static base::Result<Process> start(const Start& start);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_alive();
  /// The next line of its stdout, without the newline. Errors: timeout, io (it closed stdout: most often it ended).
  base::Result<std::string> read_line(std::int64_t timeout_ms);
  /// The first whole JSON object of its stdout, as text. Errors: as read_line.
  base::Result<std::string> read_object(std::int64_t timeout_ms);
  /// All of its stdout, when it has ended. Errors: timeout.
  base::Result<std::string> read_all(std::int64_t timeout_ms);
  /// Its exit status when it ended by itself; minus the signal that ended it. Errors: timeout.
  base::Result<int> wait(std::int64_t timeout_ms);
  void signal(int number) const;
  /// SIGTERM, and SIGKILL when it has not ended after `grace_ms`.
  void stop(std::int64_t grace_ms = 10'000);
  void kill();
  /// From now on it is nobody's.
  void let_go();

 private:
  Process(pid_t pid, int out) : pid_(pid), out_(out) {}
  base::Status fill(std::int64_t until_ms);

  pid_t pid_ = -1;
  int out_ = -1;
  std::optional<int> status_;
  std::string buffer_;
};

/// Runs a program to its end and returns its stdout. Errors: those of Process; rejected when it does not exit with 0, with the
/// end of its stdout.
base::Result<std::string> run(const Start& start, std::int64_t timeout_ms);

}  // namespace koinon::test::process
