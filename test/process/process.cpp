#include "test/process/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace koinon::test::process {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr int kLookMs = 10;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Our environment with `extra` on top, as execve wants it.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string one = *at;
    if (!extra.contains(one.substr(0, one.find('=')))) out.push_back(one);
  }
  for (const auto& [name, value] : extra) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Process> Process::start(const Start& start) {
  if (::access(start.program.c_str(), X_OK) != 0)
    return fail(Code::not_found, "[process] {} is no program", start.program.string());
  std::vector<std::string> arguments{start.program.string()};
  arguments.insert(arguments.end(), start.arguments.begin(), start.arguments.end());
  auto environment = environment_with(start.environment);
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  const auto log = start.log.empty() ? std::string("/dev/null") : start.log.string();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Code::exhausted, "[process] no pipe");
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid == 0) {  // only calls that are safe after fork in a program with threads
    if (!start.survives) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
    }
    ::setsid();
    const int null = ::open("/dev/null", O_RDONLY);
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(null, 0);
    ::dup2(ends[1], 1);
    ::dup2(err, 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (!start.folder.empty() && ::chdir(start.folder.c_str()) != 0) ::_exit(127);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(Code::exhausted, "[process] cannot start {}", start.program.string());
  }
  return Process(pid, ends[0]);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, -1)),
      status_(other.status_),
      buffer_(std::move(other.buffer_)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(out_, other.out_);
  std::swap(status_, other.status_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

Process::~Process() {
  kill();
  if (out_ >= 0) ::close(out_);
}

bool Process::is_alive() {
  if (pid_ <= 0 || status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return false;
}

Status Process::fill(std::int64_t until_ms) {
  const auto left = until_ms - now_ms();
  if (left <= 0) return fail(Code::timeout, "[process] {} says nothing", pid_);
  pollfd wanted{out_, POLLIN, 0};
  const int ready = ::poll(&wanted, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
  if (ready <= 0) return {};
  char bytes[4096];
  const auto got = ::read(out_, bytes, sizeof bytes);
  if (got <= 0) return fail(Code::io, "[process] {} closed its output", pid_);
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return {};
}

Result<std::string> Process::read_line(std::int64_t timeout_ms) {
  const auto until = now_ms() + timeout_ms;
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    KOINON_CHECK(fill(until));
  }
}

Result<std::string> Process::read_object(std::int64_t timeout_ms) {
  const auto until = now_ms() + timeout_ms;
  std::string out;
  int depth = 0;
  do {
    KOINON_TRY(const auto line, read_line(until - now_ms()));
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (quoted && line[i] == '\\')
        ++i;
      else if (line[i] == '"')
        quoted = !quoted;
      else if (!quoted && line[i] == '{')
        ++depth;
      else if (!quoted && line[i] == '}')
        --depth;
    }
    out += line + "\n";
  } while (depth > 0 || out.find('{') == std::string::npos);
  return out;
}

Result<std::string> Process::read_all(std::int64_t timeout_ms) {
  const auto until = now_ms() + timeout_ms;
  for (;;) {
    if (const auto more = fill(until); !more) {
      if (more.error().code == Code::io) return std::exchange(buffer_, {});
      return fail(more.error());
    }
  }
}

Result<int> Process::wait(std::int64_t timeout_ms) {
  const auto until = now_ms() + timeout_ms;
  while (is_alive()) {
    if (now_ms() > until) return fail(Code::timeout, "[process] {} has not ended after {} ms", pid_, timeout_ms);
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
  return status_.value_or(0);
}

void Process::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

void Process::stop(std::int64_t grace_ms) {
  if (!is_alive()) return;
  signal(SIGTERM);
  if (!wait(grace_ms)) kill();
}

void Process::kill() {
  if (!is_alive()) return;
  signal(SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  status_ = -SIGKILL;
}

void Process::let_go() { pid_ = -1; }

Result<std::string> run(const Start& start, std::int64_t timeout_ms) {
  KOINON_TRY(auto process, Process::start(start));
  KOINON_TRY(auto out, process.read_all(timeout_ms));
  KOINON_TRY(const auto status, process.wait(timeout_ms));
  if (status != 0)
    return fail(Code::rejected, "[process] {} {} ended with {}: {}", start.program.filename().string(),
                start.arguments.empty() ? "" : start.arguments[0], status,
                out.substr(out.size() - std::min<std::size_t>(out.size(), 800)));
  return out;
}

}  // namespace koinon::test::process
