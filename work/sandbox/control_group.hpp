#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/result.hpp"

namespace koinon::work::sandbox {

/// Where this machine keeps the groups that bound memory, processes and processor time of the current process: one folder in
/// version 2 of control groups, a folder a controller in version 1, or a mixture (v1 controllers beside an empty v2 tree).
struct GroupFolders {
  std::filesystem::path memory, pids, cpu;
  std::filesystem::path cpu_account;  ///< v1 only; v2 counts in `cpu`
  int version = 0;                    ///< of the controllers: 1 or 2

  /// Reads the mount and membership tables. Errors: unsupported, naming the missing controller.
  static base::Result<GroupFolders> find(const std::filesystem::path& mounts = "/proc/self/mounts",
                                         const std::filesystem::path& membership = "/proc/self/cgroup");
};

/// Bounds of a group.
struct GroupLimits {
  std::uint64_t memory_bytes;
  std::uint64_t processes;
  double cores;
};

/// What a group used.
struct GroupUsage {
  double cpu_seconds = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t killed_for_memory = 0;  ///< processes that the kernel ended at the memory bound
};

/// A group of its own below that of the current process, removed at the end with all processes in it.
class ControlGroup {
 public:
  /// Errors: unsupported (controllers cannot be used from here: which, and what would help), io.
  static base::Result<ControlGroup> make(const GroupFolders& folders, const std::string& name, const GroupLimits& limits);
  ControlGroup(ControlGroup&& other) noexcept;
  ControlGroup& operator=(ControlGroup&&) = delete;
  ~ControlGroup();

  /// Puts a process in; its children follow. Errors: io.
  [[nodiscard]] base::Status add(pid_t process) const;
  [[nodiscard]] GroupUsage usage() const;
  /// Ends all processes that are in it.
  void kill() const;

 private:
  ControlGroup() = default;
  int version_ = 0;
  std::filesystem::path memory_, pids_, cpu_, cpu_account_;
  std::vector<std::filesystem::path> made_;
};

}  // namespace koinon::work::sandbox
