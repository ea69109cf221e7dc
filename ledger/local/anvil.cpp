#include "ledger/local/anvil.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "ledger/local/local_ledger.hpp"

namespace koinon::ledger::local {
namespace {

constexpr int kStartTries = 5;
constexpr int kReadyMs = 20'000;

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  std::uint16_t out = 0;
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    out = ntohs(address.sin_port);
  ::close(socket);
  return out;
}

/// Only calls that are safe after fork in a program with threads.
pid_t spawn(const std::string& binary, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(binary.c_str())};
  for (const auto& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent went before the line above
  ::setpgid(0, 0);                          // Ctrl-C at a terminal is for the node, which ends anvil in order
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  for (int fd = 3; fd < 1024; ++fd) ::close(fd);
  ::execv(binary.c_str(), argv.data());
  ::_exit(127);
}

}  // namespace

Result<std::filesystem::path> find_anvil(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  const auto runs = [](const fs::path& path) { return ::access(path.c_str(), X_OK) == 0 && !fs::is_directory(path); };
  if (const char* named = std::getenv("KOINON_ANVIL"); named != nullptr && *named != 0) {
    if (runs(named)) return fs::path(named);
    return fail(Code::not_found, "[local ledger] KOINON_ANVIL names {}, which is no program", named);
  }
#ifdef __aarch64__
  constexpr auto kInPackage = "@foundry-rs/anvil-linux-arm64/bin/anvil";
#else
  constexpr auto kInPackage = "@foundry-rs/anvil-linux-amd64/bin/anvil";
#endif
  std::vector<fs::path> roots{root.empty() ? fs::current_path() : root};
  std::error_code error;
  // A program in build/x/ finds the repository above itself.
  for (auto at = fs::read_symlink("/proc/self/exe", error).parent_path(); !error && at.has_relative_path();
       at = at.parent_path())
    roots.push_back(at);
  for (const auto& base : roots) {
    if (const auto path = base / "lib/koinon/anvil"; runs(path)) return path;  // beside an installed program
    for (const auto* folder : {"contracts/node_modules", "tools/node_modules"})
      if (const auto path = base / folder / kInPackage; runs(path)) return path;
  }
  const char* list = std::getenv("PATH");
  for (std::string_view rest = list != nullptr ? list : ""; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    if (const auto path = fs::path(rest.substr(0, end)) / "anvil"; runs(path)) return path;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(Code::not_found, "[local ledger] no anvil: run npm ci in contracts/, or set KOINON_ANVIL to the program");
}

Result<std::unique_ptr<Anvil>> Anvil::start(const std::filesystem::path& binary, std::uint64_t genesis_time,
                                            bool keep_history) {
  for (int tries = 0; tries < kStartTries; ++tries) {
    const auto port = std::to_string(free_port());
    std::unique_ptr<Anvil> out(new Anvil);
    out->url_ = "http://127.0.0.1:" + port;
    RpcOptions options;
    options.retries = 0;
    options.timeout_ms = 60'000;
    options.max_reply = std::uint64_t{1} << 30;
    KOINON_TRY(out->rpc_, Rpc::open(out->url_, options));
    std::vector<std::string> arguments{"--port",
                                       port,
                                       "--host",
                                       "127.0.0.1",
                                       "--quiet",
                                       "--no-mining",
                                       "--order",
                                       "fifo",
                                       "--accounts",
                                       "0",
                                       "--chain-id",
                                       "31337",
                                       "--gas-limit",
                                       "60000000",
                                       "--enable-tx-gas-limit",
                                       "--no-request-size-limit",
                                       "--no-cors",
                                       "--timestamp",
                                       std::to_string(genesis_time)};
    if (!keep_history) arguments.emplace_back("--prune-history");
    out->pid_ = spawn(binary.string(), arguments);
    if (out->pid_ < 0) return fail(Code::exhausted, "[local ledger] no process for anvil");
    for (int waited = 0; waited < kReadyMs && out->is_alive(); waited += 10) {
      if (out->rpc_->chain_id()) return out;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  return fail(Code::network, "[local ledger] {} does not start", binary.string());
}

Anvil::~Anvil() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // its memory is worth nothing: state is in the dump and the journal
  ::waitpid(pid_, nullptr, 0);
}

bool Anvil::is_alive() {
  if (pid_ <= 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

}  // namespace koinon::ledger::local
