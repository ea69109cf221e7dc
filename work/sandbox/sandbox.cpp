#include "work/sandbox/sandbox.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>

#include "work/sandbox/child.hpp"
#include "work/sandbox/control_group.hpp"

namespace koinon::work::sandbox {
namespace {
using base::Code;
using base::fail;
using base::Result;
using base::Status;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

/// Of the launcher and of the first process inside, which are in the groups too.
constexpr std::uint64_t own_processes = 2;

Status check_command(const Command& command) {
  const auto& limits = command.limits;
  if (command.arguments.empty()) return fail(Code::invalid_argument, "[sandbox] no program is named");
  if (limits.memory_bytes < (8U << 20))
    return fail(Code::invalid_argument, "[sandbox] memory of {} bytes: 8 MiB at least", limits.memory_bytes);
  if (limits.processes < 1 || limits.processes > 4096)
    return fail(Code::invalid_argument, "[sandbox] {} processes: 1 to 4096", limits.processes);
  if (!(limits.cores > 0.01 && limits.cores < 4096))
    return fail(Code::invalid_argument, "[sandbox] {} cores: above 0.01", limits.cores);
  if (limits.wall.count() <= 0)
    return fail(Code::invalid_argument, "[sandbox] a wall limit of {} ms: above 0", limits.wall.count());
  std::size_t length = 0;
  for (const auto* texts : {&command.arguments, &command.environment})
    for (const auto& text : *texts) {
      length += text.size() + 1;
      if (text.find('\0') != std::string::npos)
        return fail(Code::invalid_argument, "[sandbox] an argument or variable holds a zero byte");
    }
  if (length > (1U << 20))
    return fail(Code::invalid_argument, "[sandbox] {} bytes of arguments and environment: at most 1 MiB", length);
  return {};
}

/// What this machine shows of itself when the command brings no root of its own.
std::vector<Share> own_system() {
  std::vector<Share> out;
  for (const char* folder : {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"})
    if (fs::exists(folder)) out.push_back({folder, folder});
  return out;
}

Result<std::vector<std::string>> launcher_words(const fs::path& launcher, const Command& command, std::uint32_t identity) {
  std::vector<std::string> out{launcher.string(),
                               "--identity",
                               std::to_string(identity),
                               "--scratch",
                               std::to_string(command.limits.scratch_bytes),
                               "--scratch-files",
                               std::to_string(command.limits.scratch_files),
                               "--open-files",
                               std::to_string(command.limits.open_files)};
  if (!command.root.empty()) out.insert(out.end(), {"--root", command.root.string()});
  auto shares = command.root.empty() ? own_system() : std::vector<Share>{};
  shares.insert(shares.end(), command.shares.begin(), command.shares.end());
  for (const auto& share : shares) {
    std::error_code error;
    const auto real = fs::canonical(share.from, error);
    if (error) return fail(Code::invalid_argument, "[sandbox] cannot share {}: {}", share.from.string(), error.message());
    out.insert(out.end(), {"--view", real.string(), share.to});
  }
  out.push_back("--");
  out.insert(out.end(), command.arguments.begin(), command.arguments.end());
  return out;
}

/// Root's programs get a user that owns nothing on the machine, another one each time.
std::uint32_t fresh_identity() {
  if (::geteuid() != 0) return 0;
  static thread_local std::random_device device;
  return 0x7000'0000U + (device() & 0x0fff'ffffU);
}

/// Follows one run: gathers its output and what the launcher says, ends it when it goes too far.
class Watch {
 public:
  Watch(const Command& command, Child& child, const ControlGroup& group)
      : limits_(command.limits), child_(child), group_(group) {}

  Result<Finished> until_the_end(const std::stop_token& stop) {
    const auto begin = Clock::now();
    while (!over_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(begin + limits_.wall - Clock::now());
      if (!cut_ && left.count() <= 0) cut(Ending::out_of_time);
      if (!cut_ && stop.stop_requested()) cut(Ending::cancelled);
      KOINON_CHECK(step(static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, 50))));
    }
    drain();
    out_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!refusal_.empty()) return fail(Code::unsupported, "[sandbox] {}", refusal_);
    if (cut_) {
      out_.ending = *cut_;
      out_.code = SIGKILL;
    } else if (!status_) {
      out_.ending = Ending::signalled;  // its first process was ended from outside: the memory bound, as a rule
      out_.code = SIGKILL;
    } else {
      out_.ending = WIFSIGNALED(*status_) ? Ending::signalled : Ending::exited;
      out_.code = WIFSIGNALED(*status_) ? WTERMSIG(*status_) : WEXITSTATUS(*status_);
    }
    return std::move(out_);
  }

 private:
  void cut(Ending why) {
    cut_ = why;
    child_.kill();
    group_.kill();
  }

  Status step(int wait_ms) {
    std::array<pollfd, 3> wanted{
        {{child_.control.get(), POLLIN, 0}, {child_.out.get(), POLLIN, 0}, {child_.err.get(), POLLIN, 0}}};
    if (::poll(wanted.data(), wanted.size(), wait_ms) < 0 && errno != EINTR)
      return fail(Code::io, "[sandbox] poll: {}", std::strerror(errno));
    if (wanted[1].revents != 0) gather(child_.out, out_.out);
    if (wanted[2].revents != 0) gather(child_.err, out_.err);
    if (wanted[0].revents != 0) hear();
    return {};
  }

  /// Takes what is there; closes at the end of the stream.
  bool gather(Handle& from, std::string& into) {
    std::array<char, 65536> bytes;
    const auto got = ::read(from.get(), bytes.data(), bytes.size());
    if (got <= 0) {
      from.close();
      return false;
    }
    const auto room = limits_.output_bytes - into.size();
    into.append(bytes.data(), std::min<std::size_t>(static_cast<std::size_t>(got), room));
    if (static_cast<std::uint64_t>(got) > room && !cut_) cut(Ending::too_much_output);
    return true;
  }

  /// After the end nobody writes any more: what is in the pipes is all there will be.
  void drain() {
    while (child_.out.get() >= 0 && gather(child_.out, out_.out)) {
    }
    while (child_.err.get() >= 0 && gather(child_.err, out_.err)) {
    }
  }

  void hear() {
    std::array<char, 4096> text;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room;
    iovec place{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    const auto got = ::recvmsg(child_.control.get(), &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) {
      over_ = true;
      return;
    }
    if (const auto* head = CMSG_FIRSTHDR(&message); head != nullptr && head->cmsg_type == SCM_RIGHTS) {
      int folder = -1;
      std::memcpy(&folder, CMSG_DATA(head), sizeof folder);
      out_.scratch = Scratch(folder);
    }
    if (text[0] == 'E') refusal_.assign(text.data() + 1, static_cast<std::size_t>(got) - 1);
    if (int status = 0; text[0] == 'X' && got == 1 + sizeof status) {
      std::memcpy(&status, text.data() + 1, sizeof status);
      status_ = status;
    }
  }

  const Limits& limits_;
  Child& child_;
  const ControlGroup& group_;
  Finished out_;
  std::optional<int> status_;
  std::optional<Ending> cut_;
  std::string refusal_;
  bool over_ = false;
};

}  // namespace

std::string_view ending_name(Ending ending) {
  constexpr std::array names{"exited", "signalled", "out_of_time", "out_of_memory", "too_much_output", "cancelled"};
  return names[static_cast<std::size_t>(ending)];
}

Result<Sandbox> Sandbox::open(fs::path launcher) {
  std::error_code error;
  std::vector<fs::path> places;
  if (const char* named = std::getenv("KOINON_SANDBOX"); launcher.empty() && named != nullptr) launcher = named;
  if (!launcher.empty())
    places.push_back(launcher);
  else
    places = {fs::read_symlink("/proc/self/exe", error).parent_path() / "koinon-sandbox", "/usr/lib/koinon/koinon-sandbox"};
  for (const auto& place : places)
    if (::access(place.c_str(), X_OK) == 0) return Sandbox(place);
  return fail(Code::not_found, "[sandbox] no program koinon-sandbox at {}: set KOINON_SANDBOX to its path",
              places.front().string());
}

Result<Finished> Sandbox::run(const Command& command, std::stop_token stop) const {
  KOINON_CHECK(check_command(command));
  KOINON_TRY(const auto words, launcher_words(launcher_, command, fresh_identity()));
  KOINON_TRY(const auto folders, GroupFolders::find());
  std::random_device device;
  const auto name = fmt::format("koinon-{}-{:08x}{:08x}", ::getpid(), device(), device());
  KOINON_TRY(const auto group,
             ControlGroup::make(folders, name,
                                {command.limits.memory_bytes, command.limits.processes + own_processes, command.limits.cores}));
  Result<Finished> out = [&]() -> Result<Finished> {
    KOINON_TRY(auto child, Child::start(words, command.environment, command.input));
    KOINON_CHECK(group.add(child.pid()));
    if (::send(child.control.get(), "g", 1, MSG_NOSIGNAL) != 1)
      return fail(Code::io, "[sandbox] the launcher is gone: {}", std::strerror(errno));
    return Watch(command, child, group).until_the_end(stop);
  }();
  if (!out) return out;
  const auto usage = group.usage();
  out->cpu_seconds = usage.cpu_seconds;
  out->peak_memory_bytes = usage.peak_memory_bytes;
  if (usage.killed_for_memory > 0 && (out->ending == Ending::signalled || out->ending == Ending::exited))
    out->ending = Ending::out_of_memory;
  return out;
}

Status Sandbox::check() const {
  Command command;
  command.arguments = {"/bin/true"};
  KOINON_TRY(const auto done, run(command));
  if (done.ending != Ending::exited || done.code != 0)
    return fail(Code::unsupported, "[sandbox] /bin/true ended with {} {} in the sandbox: {}", ending_name(done.ending),
                done.code, done.err);
  return {};
}

}  // namespace koinon::work::sandbox
