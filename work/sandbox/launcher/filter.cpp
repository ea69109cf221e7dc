#include "work/sandbox/launcher/filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace koinon::work::sandbox {
namespace {

// Names, since not every architecture has every call: one that is unknown here is left out.
constexpr const char* allowed[] = {
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open", "openat",
    "openat2", "creat", "close", "close_range", "lseek", "stat", "fstat", "lstat", "newfstatat", "fstatat64", "statx", "statfs",
    "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "mkdir", "mkdirat",
    "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chmod",
    "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "truncate", "ftruncate", "fallocate", "fadvise64", "fsync",
    "fdatasync", "sync_file_range", "utime", "utimes", "utimensat", "futimesat", "umask", "getcwd", "chdir", "fchdir", "flock",
    "dup", "dup2", "dup3", "pipe", "pipe2", "copy_file_range", "sendfile", "splice", "tee", "getxattr", "lgetxattr",
    "fgetxattr", "listxattr", "llistxattr", "flistxattr", "memfd_create",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4",
    "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    // memory
    "brk", "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "mincore", "msync", "mlock", "munlock", "membarrier",
    // processes, threads, signals
    "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "kill", "tkill", "tgkill", "pidfd_open",
    "pidfd_send_signal", "set_tid_address", "set_robust_list", "get_robust_list", "futex", "futex_waitv", "arch_prctl", "rseq",
    "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_setscheduler",
    "sched_get_priority_max", "sched_get_priority_min", "getpriority", "setpriority", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "pause",
    "restart_syscall", "getpid", "getppid", "gettid", "getpgrp", "getpgid", "setpgid", "getsid", "setsid", "getuid", "geteuid",
    "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget", "getcpu",
    // time and limits
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "alarm", "getitimer",
    "setitimer", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "getrlimit", "setrlimit",
    "prlimit64", "getrusage", "sysinfo", "uname", "getrandom",
    // a local pair of sockets, which Python and others use as a pipe
    "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt"};

constexpr const char* absent[] = {"clone3"};

class Rules {
 public:
  Rules() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release) {}

  void allow(const char* name) { add(name, SCMP_ACT_ALLOW, {}); }
  void absent(const char* name) { add(name, SCMP_ACT_ERRNO(ENOSYS), {}); }
  void allow_if(const char* name, scmp_arg_cmp condition) { add(name, SCMP_ACT_ALLOW, {condition}); }

  std::string load() {
    if (!context_) return "seccomp: no memory";
    if (error_ != 0) return std::string("seccomp: a rule is refused: ") + std::strerror(-error_);
    if (const int e = seccomp_load(context_.get()); e != 0) return std::string("seccomp: ") + std::strerror(-e);
    return {};
  }

 private:
  void add(const char* name, std::uint32_t action, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (!context_ || number < 0) return;  // unknown here, or not of this architecture
    const int e =
        seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(conditions.size()), conditions.begin());
    if (e != 0 && error_ == 0) error_ = e;
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

}  // namespace

std::string restrict_calls() {
  Rules rules;
  for (const char* name : allowed) rules.allow(name);
  for (const char* name : absent) rules.absent(name);

  // A new thread or process, in the namespaces it is in.
  constexpr std::uint64_t namespaces =
      CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  rules.allow_if("clone", {0, SCMP_CMP_MASKED_EQ, namespaces, 0});
  rules.allow_if("socketpair", {0, SCMP_CMP_EQ, AF_UNIX, 0});
  for (const int request : {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGWINSZ, TIOCGPGRP})
    rules.allow_if("ioctl", {1, SCMP_CMP_EQ, static_cast<std::uint64_t>(request), 0});
  for (const int option :
       {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_TIMERSLACK,
        PR_GET_TIMERSLACK, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_GET_SECCOMP})
    rules.allow_if("prctl", {0, SCMP_CMP_EQ, static_cast<std::uint64_t>(option), 0});
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW,
                            F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_GETPIPE_SZ, F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS})
    rules.allow_if("fcntl", {1, SCMP_CMP_EQ, static_cast<std::uint64_t>(command), 0});
  rules.allow_if("mknod", {1, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO});
  rules.allow_if("mknodat", {2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO});
  rules.allow_if("personality", {0, SCMP_CMP_EQ, 0xffffffff, 0});  // asking, not changing
  return rules.load();
}

}  // namespace koinon::work::sandbox
