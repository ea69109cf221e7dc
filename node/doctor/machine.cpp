#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <thread>

#include "base/file.hpp"
#include "ledger/keystore.hpp"
#include "node/doctor/doctor.hpp"
#include "node/store/examine.hpp"

namespace koinon::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kLeastMemory = 2 * kGiB;
constexpr std::uint64_t kLeastRoom = std::uint64_t{256} << 20;
constexpr std::int64_t kSkewMs = 15'000;

std::string gib(std::uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
}

/// The next folder that exists at or above `path`.
fs::path standing(fs::path path) {
  std::error_code error;
  while (!path.empty() && !fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path.empty() ? fs::path(".") : path;
}

bool others_may_read(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0;
}

}  // namespace

Health worst(const std::vector<Finding>& findings) {
  auto out = Health::good;
  for (const auto& one : findings) out = std::max(out, one.health);
  return out;
}

std::string health_name(Health health) {
  switch (health) {
    case Health::good: return "good";
    case Health::warning: return "warning";
    default: return "bad";
  }
}

Finding examine_machine() {
  const auto memory =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::string processor = "scalar kernels";
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) processor = "AVX2";
  if (__builtin_cpu_supports("avx512vnni")) processor = "AVX-512 VNNI";
#endif
  Finding out{Health::good,
              "machine",
              fmt::format("{} cores, {} of memory, {}", std::thread::hardware_concurrency(), gib(memory), processor),
              {}};
  if (memory < kLeastMemory) {
    out.health = Health::warning;
    out.next = fmt::format("models of some size need more than {}: add memory or swap, or sell small models only", gib(memory));
  }
  return out;
}

Finding examine_folder(const fs::path& data, std::uint64_t artifact_quota) {
  Finding out{Health::good, "data folder", data.string(), {}};
  const auto there = standing(data);
  const bool exists = there == data;
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    return {Health::bad, out.name, fmt::format("{} cannot be written by this user", there.string()),
            "give its owner back with chown, or name another folder with --data"};
  if (exists && !fs::is_directory(data))
    return {Health::bad, out.name, fmt::format("{} is no folder", data.string()), "name another with --data"};
  if (exists) {
    const auto probe = data / fmt::format("doctor.{}", ::getpid());
    const auto written = base::write_file(probe, base::as_bytes(std::string_view("1")), 0600);
    std::error_code error;
    fs::remove(probe, error);
    if (!written)
      return {Health::bad, out.name, written.error().text, "make room on this disk, or mount it so that it can be written"};
  }
  struct statvfs disk{};
  if (::statvfs(there.c_str(), &disk) != 0)
    return {Health::bad, out.name, fmt::format("{} cannot be asked for its room", there.string()), {}};
  const auto room = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  out.found = fmt::format("{}{}, {} free", data.string(), exists ? "" : " (made at the first start)", gib(room));
  if (room < kLeastRoom) {
    out.health = Health::bad;
    out.next = "a node stops when its disk is full: make room, or name a folder on another disk with --data";
  } else if (room < artifact_quota) {
    out.health = Health::warning;
    out.next = fmt::format("artifacts may take {}: make room, or lower artifacts.quota in koinon.toml", gib(artifact_quota));
  } else if (exists && others_may_read(data)) {
    out.health = Health::warning;
    out.next = fmt::format("others may look into it: chmod 700 {}", data.string());
  }
  return out;
}

Finding examine_state(const fs::path& data) {
  const auto file = data / "koinon.sqlite";
  std::error_code error;
  if (!fs::exists(file, error)) return {Health::good, "state", "none yet", {}};
  const auto report = examine_store(file);
  if (!report) return {Health::bad, "state", report.error().text, "koinon restore puts a backup in place of a folder"};
  if (report->in_use) return {Health::good, "state", "in use: a node is running on this folder", {}};
  return {Health::good, "state", fmt::format("whole, schema version {}, {} KiB", report->version, report->size / 1024), {}};
}

Finding examine_secret(const std::string& name, const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return {Health::good, name, "none yet: made at the first start", {}};
  if (others_may_read(file))
    return {Health::bad, name, fmt::format("{} can be read by others", file.string()),
            fmt::format("chmod 600 {}", file.string())};
  return {Health::good, name, fmt::format("{}, for its owner only", file.string()), {}};
}

Finding examine_key(const Config& config) {
  const auto file = config.keystore / "operator.json";
  std::error_code error;
  if (!fs::exists(file, error)) return {Health::good, "key", "none yet: made at the first start", {}};
  if (others_may_read(file)) return examine_secret("key", file);
  const auto key = ledger::unlock(file, config.password_file);
  if (!key)
    return {Health::bad, "key", key.error().text,
            fmt::format(
                "put the password's file back at {}, or restore both from a backup: without it the money of this key is lost",
                config.password_file.string())};
  return {Health::good, "key", fmt::format("operator {} opens", ledger::checksum_address(key->address())), {}};
}

Finding examine_clock(std::int64_t now_ms, std::int64_t ledger_ms) {
  struct timex state{};
  const bool in_step = ::adjtimex(&state) != TIME_ERROR;
  Finding out{Health::good, "clock", in_step ? "kept in step by the system" : "not known to be kept in step", {}};
  const auto ahead = ledger_ms - now_ms;
  if (ledger_ms != 0 && ahead > kSkewMs)
    return {Health::bad, out.name,
            fmt::format("{:.0f} s behind the newest block of the ledger", static_cast<double>(ahead) / 1000),
            "set the clock (timedatectl set-ntp true): deadlines would be missed, which costs stake"};
  if (!in_step) {
    out.health = Health::warning;
    out.next = "timedatectl set-ntp true, unless the host keeps the time of this machine";
  }
  return out;
}

}  // namespace koinon::node
