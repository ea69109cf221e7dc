// koinon-sandbox: starts one program apart from the machine, says how it ended, and is gone. Descriptor 3 is a socket to who
// started it: one byte comes in when the control groups are set, then out go 'E' and a text, or 'S' with a descriptor of
// /scratch, and 'X' with the wait status of the program.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "work/sandbox/launcher/arguments.hpp"
#include "work/sandbox/launcher/filter.hpp"
#include "work/sandbox/launcher/house.hpp"

namespace {
using namespace koinon::work::sandbox;
constexpr int control = 3;

[[noreturn]] void refuse(const std::string& text) {
  const std::string message = "E" + text;
  (void)::send(control, message.data(), message.size(), MSG_NOSIGNAL);
  ::_exit(125);
}

std::string because(const std::string& what) { return what + ": " + std::strerror(errno); }

void send_scratch(int scratch) {
  char letter = 'S';
  iovec text{&letter, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  auto* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &scratch, sizeof scratch);
  if (::sendmsg(control, &message, MSG_NOSIGNAL) < 0) refuse(because("cannot hand over /scratch"));
}

void send_status(int status) {
  std::array<char, 1 + sizeof status> message{'X'};
  std::memcpy(message.data() + 1, &status, sizeof status);
  (void)::send(control, message.data(), message.size(), MSG_NOSIGNAL);
}

void write_file(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    refuse(because("cannot write " + path));
  ::close(file);
}

void map_identity(pid_t child, std::uint32_t identity) {
  const std::string of = "/proc/" + std::to_string(child);
  const auto line = [](unsigned outside) { return std::to_string(inside_identity) + " " + std::to_string(outside) + " 1"; };
  const bool own = identity == 0;
  if (own) write_file(of + "/setgroups", "deny");
  write_file(of + "/uid_map", line(own ? ::geteuid() : identity));
  write_file(of + "/gid_map", line(own ? ::getegid() : identity));
}

[[noreturn]] void become_program(const Arguments& arguments) {
  std::vector<char*> words;
  for (const auto& word : arguments.program) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  if (::setsid() < 0 || ::chdir("/scratch") != 0) refuse(because("cannot begin in /scratch"));
  (void)::syscall(SYS_close_range, control, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(words[0], words.data(), environ);
  refuse(because("cannot start " + arguments.program.front()));
}

/// The first process of the new namespaces: builds the house, starts the program, buries orphans until the program ends.
[[noreturn]] void keep_house(const Arguments& arguments, int mapped) {
  char ready = 0;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::read(mapped, &ready, 1) != 1) refuse("the launcher is gone");
  int scratch = -1;
  if (auto error = move_in(arguments, scratch); !error.empty()) refuse(error);
  send_scratch(scratch);
  ::close(scratch);
  if (auto error = give_up_rights(arguments); !error.empty()) refuse(error);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) refuse(because("cannot follow the launcher"));  // a change of identity clears it
  if (auto error = restrict_calls(); !error.empty()) refuse(error);
  const pid_t program = ::fork();
  if (program < 0) refuse(because("cannot start a process"));
  if (program == 0) become_program(arguments);
  for (;;) {
    int status = 0;
    const pid_t gone = ::waitpid(-1, &status, 0);
    if (gone == program) {
      send_status(status);
      ::_exit(0);  // and the kernel ends all that is left in here
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (::fcntl(control, F_GETFD) < 0) {
    constexpr char text[] = "koinon-sandbox is started by koinon, not by hand: descriptor 3 is missing\n";
    (void)!::write(2, text, sizeof text - 1);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::fcntl(control, F_SETFD, FD_CLOEXEC);
  // Before anything can be refused: who started us is told why only when it has nothing left to say.
  char go = 0;
  if (::recv(control, &go, 1, 0) != 1) return 1;
  Arguments arguments;
  if (auto error = parse(count, words, arguments); !error.empty()) refuse(error);
  if (arguments.identity == 0 && ::geteuid() == 0) refuse("root starts programs under another identity only: --identity");

  int mapped[2];
  if (::pipe2(mapped, O_CLOEXEC) != 0) refuse(because("no pipe"));
  clone_args how{};
  how.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  how.exit_signal = SIGCHLD;
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
  if (child < 0)
    refuse(because("this machine gives no user namespace (kernel.unprivileged_userns_clone, user.max_user_namespaces)"));
  if (child == 0) keep_house(arguments, mapped[0]);
  map_identity(child, arguments.identity);
  if (::write(mapped[1], "m", 1) != 1) refuse(because("cannot go on"));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 124;
}
