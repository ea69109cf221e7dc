#include "work/sandbox/control_group.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace koinon::work::sandbox {
namespace {
using base::Code;
using base::fail;
using base::Result;
using base::Status;
namespace fs = std::filesystem;

/// Control files take a value by one write to what exists; nothing is created.
Status put(const fs::path& file, const std::string& value) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool good = fd >= 0 && ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!good) return fail(Code::io, "[sandbox] {} = {}: {}", file.string(), value, std::strerror(error));
  return {};
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::uint64_t number_in(const fs::path& file) {
  std::uint64_t out = 0;
  std::ifstream(file) >> out;
  return out;
}

/// The value of "name value" in a file of such lines; 0 when there is none.
std::uint64_t named_in(const fs::path& file, std::string_view name) {
  std::ifstream in(file);
  std::string word;
  for (std::uint64_t value = 0; in >> word >> value;)
    if (word == name) return value;
  return 0;
}

bool lists(const std::string& text, std::string_view word, char separator) {
  std::stringstream in(text);
  for (std::string one; std::getline(in, one, separator);)
    if (one.substr(0, one.find_last_not_of('\n') + 1) == word) return true;
  return false;
}

/// "0::/a/b" or "4:memory:/a/b": the path for a controller; for "" that of version 2.
std::string membership_in(const std::string& table, std::string_view controller) {
  std::stringstream in(table);
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller, ',')) return line.substr(second + 1);
  }
  return {};
}

/// Mount point of version 2 (""), or of the version 1 hierarchy with a controller.
std::string mount_of(const std::string& table, std::string_view controller) {
  std::stringstream in(table);
  for (std::string line; std::getline(in, line);) {
    std::stringstream words(line);
    std::string source, point, type, options;
    words >> source >> point >> type >> options;
    if (controller.empty() ? type == "cgroup2" : type == "cgroup" && lists(options, controller, ',')) return point;
  }
  return {};
}

/// A child may have the controllers that its parent passes on.
Status pass_on(const fs::path& folder, std::string_view controller) {
  const auto passed = folder / "cgroup.subtree_control";
  if (lists(text_of(passed), controller, ' ')) return {};
  if (auto done = put(passed, "+" + std::string(controller)); !done)
    return fail(Code::unsupported,
                "[sandbox] the control group {} does not pass on {} ({}): run the node as a service with Delegate=yes and "
                "DelegateSubgroup=node, or as root",
                folder.string(), controller, done.error().text);
  return {};
}

}  // namespace

Result<GroupFolders> GroupFolders::find(const fs::path& mounts, const fs::path& membership) {
  const auto table = text_of(mounts);
  const auto groups = text_of(membership);
  const auto folder = [&](std::string_view controller) -> fs::path {
    const auto point = mount_of(table, controller);
    const auto group = membership_in(groups, controller);
    if (point.empty() || group.empty()) return {};
    return fs::path(point) / fs::path(group).relative_path();
  };
  GroupFolders out;
  const auto unified = folder("");
  const auto has = unified.empty() ? std::string() : text_of(unified / "cgroup.controllers");
  if (lists(has, "memory", ' ') && lists(has, "pids", ' ') && lists(has, "cpu", ' ')) {
    // The group of a service may hold processes only in leaves: work gets a group beside that of the node.
    const auto above = unified.filename() == "node" ? unified.parent_path() : unified;
    out = {above, above, above, {}, 2};
    return out;
  }
  out = {folder("memory"), folder("pids"), folder("cpu"), folder("cpuacct"), 1};
  for (const auto& [path, name] : {std::pair(out.memory, "memory"), {out.pids, "pids"}, {out.cpu, "cpu"}})
    if (path.empty() || !fs::exists(path))
      return fail(Code::unsupported, "[sandbox] this machine gives the process no control group for {} (version 1 or 2)", name);
  return out;
}

Result<ControlGroup> ControlGroup::make(const GroupFolders& folders, const std::string& name, const GroupLimits& limits) {
  ControlGroup out;
  out.version_ = folders.version;
  if (folders.version == 2)
    for (const auto controller : {"memory", "pids", "cpu"}) KOINON_CHECK(pass_on(folders.memory, controller));
  const auto child = [&](const fs::path& parent, fs::path& place) -> Status {
    if (parent.empty()) return {};
    place = parent / name;
    std::error_code error;
    if (fs::create_directory(place, error)) out.made_.push_back(place);
    if (error)
      return fail(Code::unsupported,
                  "[sandbox] cannot make the control group {} ({}): run the node as a service with Delegate=yes, or as root",
                  place.string(), error.message());
    return {};
  };
  KOINON_CHECK(child(folders.memory, out.memory_));
  KOINON_CHECK(child(folders.pids, out.pids_));
  KOINON_CHECK(child(folders.cpu, out.cpu_));
  KOINON_CHECK(child(folders.cpu_account, out.cpu_account_));

  constexpr int period_us = 100'000;
  const auto quota = std::to_string(static_cast<long>(limits.cores * period_us));
  KOINON_CHECK(put(out.pids_ / "pids.max", std::to_string(limits.processes)));
  if (out.version_ == 2) {
    KOINON_CHECK(put(out.memory_ / "memory.max", std::to_string(limits.memory_bytes)));
    (void)put(out.memory_ / "memory.swap.max", "0");  // absent where nothing is swapped
    (void)put(out.memory_ / "memory.oom.group", "1");
    KOINON_CHECK(put(out.cpu_ / "cpu.max", quota + " " + std::to_string(period_us)));
  } else {
    KOINON_CHECK(put(out.memory_ / "memory.limit_in_bytes", std::to_string(limits.memory_bytes)));
    (void)put(out.memory_ / "memory.memsw.limit_in_bytes",
              std::to_string(limits.memory_bytes));  // absent where nothing is swapped
    KOINON_CHECK(put(out.cpu_ / "cpu.cfs_period_us", std::to_string(period_us)));
    KOINON_CHECK(put(out.cpu_ / "cpu.cfs_quota_us", quota));
  }
  return out;
}

ControlGroup::ControlGroup(ControlGroup&& other) noexcept
    : version_(other.version_),
      memory_(std::move(other.memory_)),
      pids_(std::move(other.pids_)),
      cpu_(std::move(other.cpu_)),
      cpu_account_(std::move(other.cpu_account_)),
      made_(std::exchange(other.made_, {})) {}

ControlGroup::~ControlGroup() {
  using namespace std::chrono_literals;
  kill();
  for (const auto& folder : made_)  // the last process may still be on its way out
    for (int tries = 0; ::rmdir(folder.c_str()) != 0 && errno == EBUSY && tries < 200; ++tries)
      std::this_thread::sleep_for(5ms);
}

Status ControlGroup::add(pid_t process) const {
  for (const auto& folder : made_) KOINON_CHECK(put(folder / "cgroup.procs", std::to_string(process)));
  return {};
}

void ControlGroup::kill() const {
  if (made_.empty()) return;
  std::ifstream members(made_.front() / "cgroup.procs");
  for (pid_t process = 0; members >> process;)
    if (process > 0) ::kill(process, SIGKILL);
}

GroupUsage ControlGroup::usage() const {
  GroupUsage out;
  if (version_ == 2) {
    out.cpu_seconds = static_cast<double>(named_in(cpu_ / "cpu.stat", "usage_usec")) * 1e-6;
    out.peak_memory_bytes = number_in(memory_ / "memory.peak");
    out.killed_for_memory = named_in(memory_ / "memory.events", "oom_kill");
  } else {
    if (!cpu_account_.empty()) out.cpu_seconds = static_cast<double>(number_in(cpu_account_ / "cpuacct.usage")) * 1e-9;
    out.peak_memory_bytes = number_in(memory_ / "memory.max_usage_in_bytes");
    out.killed_for_memory = named_in(memory_ / "memory.oom_control", "oom_kill");
  }
  return out;
}

}  // namespace koinon::work::sandbox
