#pragma once
#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "work/sandbox/scratch.hpp"

/// Runs a stranger's program apart from the machine: own user, mount, process, network, IPC, name and group namespaces; no
/// network; a read-only root; no capabilities and no way to new ones; an allow-list of system calls; bounds on memory,
/// processes, processor and wall time, files and output. README.md says what is defended and what is not.
namespace koinon::work::sandbox {

/// What one run may use, all its processes together.
struct Limits {
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;   ///< what stands in /scratch and /tmp included; 8 MiB at least
  std::uint64_t processes = 64;                            ///< threads count; 1 to 4096 (the launcher's two come on top)
  double cores = 1;                                        ///< processor time a second; above 0
  std::chrono::milliseconds wall{60'000};                  ///< above 0
  std::uint64_t scratch_bytes = std::uint64_t{256} << 20;  ///< of each of /scratch, /tmp and /dev/shm
  std::uint64_t scratch_files = 1 << 16;
  std::uint64_t output_bytes = 1 << 20;  ///< of standard output, and again of standard error
  std::uint64_t open_files = 1024;       ///< of one process
};

/// A file or folder of this machine that the program may read at `to`. A node that runs as root gives its programs a user that
/// owns nothing: what it shares must be readable for everybody.
struct Share {
  std::filesystem::path from;
  std::string to;  ///< absolute, without ".."
};

struct Command {
  std::vector<std::string> arguments;  ///< the program's absolute path inside, then its arguments
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "HOME=/scratch", "LANG=C.UTF-8"};
  base::Bytes input;           ///< standard input
  std::filesystem::path root;  ///< a file system for the program (an unpacked image with folders scratch, tmp, dev, proc);
                               ///< empty: this machine's /usr, /bin, /lib, /lib64, /sbin
  std::vector<Share> shares;   ///< beside that
  Limits limits;
};

enum class Ending {
  exited,           ///< by itself; `code` is its exit code
  signalled,        ///< by a signal; `code` is its number (a forbidden architecture's system call: SIGSYS)
  out_of_time,      ///< the wall limit
  out_of_memory,    ///< the kernel ended one of its processes at the memory bound
  too_much_output,  ///< more than output_bytes
  cancelled,        ///< by the caller
};
std::string_view ending_name(Ending ending);

struct Finished {
  Ending ending = Ending::exited;
  int code = 0;
  std::string out, err;  ///< what it wrote, up to the bound
  Scratch scratch;       ///< what it left in /scratch
  double seconds = 0, cpu_seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
};

/// Starts programs by `koinon-sandbox`, a small process that holds none of the node's memory, keys or files.
class Sandbox {
 public:
  /// With the launcher at `launcher`; empty: $KOINON_SANDBOX, else beside the running program, else /usr/lib/koinon.
  /// Errors: not_found.
  static base::Result<Sandbox> open(std::filesystem::path launcher = {});

  /// Runs one command to its end; blocks. Any number at a time. Errors: invalid_argument (a limit or path), unsupported (this
  /// machine lacks a part: which, and what would help; nothing ever runs with less), io. How the program ends is no error.
  [[nodiscard]] base::Result<Finished> run(const Command& command, std::stop_token stop = {}) const;

  /// Runs /bin/true: whether this machine can keep programs apart, and if not, why.
  [[nodiscard]] base::Status check() const;

 private:
  explicit Sandbox(std::filesystem::path launcher) : launcher_(std::move(launcher)) {}
  std::filesystem::path launcher_;
};

}  // namespace koinon::work::sandbox
