// Tries one thing that a sandboxed program must not be able to do; says "done" (exit 0) or "refused: why" (exit 1). The test
// runs it outside too where that is harmless, so that an attempt that could never work anywhere is noticed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

bool opened(int fd) {
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool written(const char* path) { return opened(::open(path, O_WRONLY | O_CREAT, 0644)); }

bool connects_to_loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  return fd >= 0 && (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno == ECONNREFUSED);
}

bool traces_a_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const bool good = ::ptrace(PTRACE_ATTACH, child, nullptr, nullptr) == 0;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return good;
}

bool reads_another_memory() {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(0x400000), 1};
  return ::process_vm_readv(::getppid(), &here, 1, &there, 1, 0) >= 0 || errno == EFAULT;
}

/// Memory is taken for good: only its bound ends this.
bool eats_memory() {
  for (int block = 0; block < 4096; ++block) {
    auto* bytes = static_cast<volatile char*>(std::malloc(1 << 20));
    if (bytes == nullptr) return false;
    for (int at = 0; at < (1 << 20); at += 512) bytes[at] = 1;
  }
  return true;
}

bool fills_scratch() {
  const int fd = ::open("/scratch/big", O_WRONLY | O_CREAT, 0644);
  const std::string block(1 << 20, 'x');
  for (int written = 0; written < 4096; ++written)
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size())) return false;
  return true;
}

bool forks(int wanted) {
  int made = 0;
  for (; made < wanted; ++made) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  return made == wanted;
}

bool stays_behind() {
  if (::fork() != 0) return true;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  ::close(0);
  ::sleep(3600);
  return true;
}

const std::map<std::string, std::function<bool()>> attempts{
    {"mount", [] { return ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0; }},
    {"remount", [] { return ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0; }},
    {"umount", [] { return ::umount2("/usr", MNT_DETACH) == 0; }},
    {"pivot_root", [] { return ::syscall(SYS_pivot_root, ".", ".") == 0; }},
    {"chroot", [] { return ::chroot("/scratch") == 0; }},
    {"unshare_user", [] { return ::unshare(CLONE_NEWUSER) == 0; }},
    {"unshare_net", [] { return ::unshare(CLONE_NEWNET) == 0; }},
    {"clone_user", [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0; }},
    {"clone3",
     [] {
       std::vector<unsigned long long> how(11);
       return ::syscall(SYS_clone3, how.data(), 88) >= 0;
     }},
    {"setns", [] { return ::setns(::open("/proc/1/ns/mnt", O_RDONLY), 0) == 0; }},
    {"setuid", [] { return ::setuid(0) == 0; }},
    {"socket", [] { return opened(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"netlink", [] { return opened(::socket(AF_NETLINK, SOCK_RAW, 0)); }},
    {"local_socket", [] { return opened(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"loopback", connects_to_loopback},
    {"ptrace", traces_a_child},
    {"process_vm", reads_another_memory},
    {"memory_of_init", [] { return opened(::open("/proc/1/mem", O_RDWR)); }},
    {"files_of_init", [] { return opened(::open("/proc/1/fd/3", O_RDONLY)); }},
    {"kill_init", [] { return ::kill(1, SIGKILL) == 0 && ::kill(1, 0) != 0; }},
    {"bpf",
     [] {
       bpf_attr attributes{};
       return opened(static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes)));
     }},
    {"io_uring",
     [] {
       io_uring_params parameters{};
       return opened(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters)));
     }},
    {"userfaultfd", [] { return opened(static_cast<int>(::syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY))); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 1) >= 0; }},
    {"add_key", [] { return ::syscall(SYS_add_key, "user", "k", "x", 1, -3) >= 0; }},
    {"perf", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0) >= 0; }},
    {"kexec", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0) == 0; }},
    {"module", [] { return ::syscall(SYS_init_module, nullptr, 0, "") == 0; }},
    {"clock", [] { return ::syscall(SYS_clock_settime, 0, nullptr) == 0; }},
    {"host_name", [] { return ::sethostname("x", 1) == 0; }},
    {"personality", [] { return ::syscall(SYS_personality, 0x0040000) >= 0; }},
    {"terminal_input", [] { return ::syscall(SYS_ioctl, 0, 0x5412, "x") == 0; }},
    {"device", [] { return ::mknod("/scratch/disk", S_IFBLK | 0600, 0xfe00) == 0; }},
    {"device_chosen", [] { return opened(::open("/dev/vda", O_RDONLY)) || opened(::open("/dev/mem", O_RDONLY)); }},
    {"write_root", [] { return written("/x"); }},
    {"write_usr", [] { return written("/usr/x"); }},
    {"write_dev", [] { return written("/dev/x"); }},
    {"write_sysctl", [] { return opened(::open("/proc/sys/kernel/core_pattern", O_WRONLY)); }},
    {"set_uid_program",
     [] {  // a set-uid file of the machine must not raise anybody
       const pid_t child = ::fork();
       if (child == 0) {
         ::execl("/usr/bin/su", "su", "-c", "true", nullptr);
         ::_exit(1);
       }
       int status = 0;
       ::waitpid(child, &status, 0);
       return status == 0;
     }},
    {"machine_files",
     [] {
       return opened(::open("/etc/passwd", O_RDONLY)) || opened(::open("/root", O_RDONLY)) || opened(::open("/home", O_RDONLY));
     }},
    {"groups_of_control", [] { return opened(::open("/sys/fs/cgroup", O_RDONLY)); }},
    {"dot_dot",
     [] {
       std::string path = "/scratch";
       for (int up = 0; up < 40; ++up) path += "/..";
       return opened(::open((path + "/etc/shadow").c_str(), O_RDONLY));
     }},
    {"inherited_files",
     [] {
       for (int fd = 3; fd < 256; ++fd)
         if (::fcntl(fd, F_GETFD) >= 0) return true;
       return false;
     }},
    {"more_files",
     [] {
       int made = 0;
       while (made < 100'000 && ::dup(0) >= 0) ++made;
       return made == 100'000;
     }},
    {"eat_memory", eats_memory},
    {"fill_scratch", fills_scratch},
    {"forks", [] { return forks(1000); }},
    {"stay_behind", stays_behind},
};

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::string(words[1]) == "--list") {
    for (const auto& [name, attempt] : attempts) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = attempts.find(count > 1 ? words[1] : "");
  if (found == attempts.end()) return 2;
  errno = 0;
  const bool good = found->second();
  if (good)
    std::printf("done\n");
  else
    std::printf("refused: %s\n", std::strerror(errno));
  return good ? 0 : 1;
}
