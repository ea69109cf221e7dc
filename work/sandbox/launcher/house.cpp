#include "work/sandbox/launcher/house.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace koinon::work::sandbox {
namespace {

constexpr const char* devices[] = {"null", "zero", "full", "random", "urandom"};

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

/// A detached copy of what stands at `path`, to be placed by put(). -1 with errno.
int copy_of(const std::string& path, std::uint64_t attributes) {
  const int fd = ::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (fd < 0) return -1;
  mount_attr wanted{};
  wanted.attr_set = attributes;
  if (::mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof wanted) != 0) return -1;
  return fd;
}

/// Makes the folders above `path`, below the current folder.
bool make_parents(const std::string& path) {
  for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    if (::mkdir(path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST) return false;
  return true;
}

/// Places a copy at an absolute path inside, below the current folder.
std::string put(int copy, const std::string& to) {
  const std::string place = "." + to;
  struct stat what{};
  if (::fstat(copy, &what) != 0) return failed("cannot look at what should stand at " + to);
  if (!make_parents(place)) return failed("cannot make the folders above " + to);
  if (S_ISDIR(what.st_mode)) {
    if (::mkdir(place.c_str(), 0755) != 0 && errno != EEXIST) return failed("cannot make " + to);
  } else if (const int file = ::open(place.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644); file >= 0) {
    ::close(file);
  } else {
    return failed("cannot make " + to);
  }
  if (::move_mount(copy, "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) return failed("cannot place " + to);
  ::close(copy);
  return {};
}

std::string memory_folder(const char* place, std::uint64_t bytes, std::uint64_t files, const char* mode) {
  if (::mkdir(place, 0755) != 0 && errno != EEXIST) return failed(std::string("cannot make ") + place);
  const std::string options =
      "mode=" + std::string(mode) + ",size=" + std::to_string(bytes) + ",nr_inodes=" + std::to_string(files);
  if (::mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return failed(std::string("cannot mount memory at ") + place);
  return {};
}

std::string become_inside_identity() {
  // Root's further groups go; an ordinary user may not drop its own, and what they open is not to be seen inside.
  if (::setgroups(0, nullptr) != 0 && errno != EPERM) return failed("cannot leave groups");
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0) return failed("cannot keep capabilities");
  if (::setresgid(inside_identity, inside_identity, inside_identity) != 0 ||
      ::setresuid(inside_identity, inside_identity, inside_identity) != 0)
    return failed("cannot become the inside identity");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct all[2]{};
  if (::syscall(SYS_capget, &header, all) != 0) return failed("cannot read capabilities");
  for (auto& half : all) half.effective = half.permitted;
  if (::syscall(SYS_capset, &header, all) != 0) return failed("cannot use capabilities");
  return {};
}

}  // namespace

std::string move_in(const Arguments& arguments, int& scratch) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("cannot part from the machine's mounts");

  // The machine's files are looked up with the rights of who started the launcher, before they are given up.
  constexpr std::uint64_t read_only = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  struct Placed {
    int copy;
    std::string to;
  };
  std::vector<Placed> placed;
  int root = -1;
  if (!arguments.root.empty() && (root = copy_of(arguments.root, read_only | MOUNT_ATTR_NODEV)) < 0)
    return failed("cannot use the root " + arguments.root);
  for (const char* device : devices) {
    const std::string path = std::string("/dev/") + device;
    placed.push_back({copy_of(path, read_only | MOUNT_ATTR_NOEXEC), path});
    if (placed.back().copy < 0) return failed("cannot use " + path);
  }
  for (const auto& view : arguments.views) {
    placed.push_back({copy_of(view.from, read_only | MOUNT_ATTR_NODEV), view.to});
    if (placed.back().copy < 0) return failed("cannot show " + view.from);
  }

  if (auto error = become_inside_identity(); !error.empty()) return error;
  constexpr const char* house = "/tmp";  // covered here only: this mount namespace is nobody else's
  if (root >= 0) {
    if (::move_mount(root, "", AT_FDCWD, house, MOVE_MOUNT_F_EMPTY_PATH) != 0) return failed("cannot place the root");
  } else if (auto error = memory_folder(house, 1 << 20, 4096, "0755"); !error.empty()) {
    return error;
  }
  if (::chdir(house) != 0) return failed("cannot enter the root");
  for (const auto& folder : {"./scratch", "./tmp"})
    if (auto error = memory_folder(folder, arguments.scratch_bytes, arguments.scratch_files, "0700"); !error.empty())
      return error;
  if (root >= 0)
    if (auto error = memory_folder("./dev", 1 << 16, 64, "0755"); !error.empty()) return error;
  for (const auto& one : placed)
    if (auto error = put(one.copy, one.to); !error.empty()) return error;
  if (auto error = memory_folder("./dev/shm", arguments.scratch_bytes, arguments.scratch_files, "0700"); !error.empty())
    return error;
  if (::mkdir("./proc", 0555) == 0 ||
      errno == EEXIST)  // refused inside containers that hide parts of /proc: then there is none
    (void)::mount("proc", "./proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2");

  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    return failed("cannot leave the machine's files");
  mount_attr closed{};
  closed.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, "/", 0, &closed, sizeof closed) != 0) return failed("cannot close the root");
  scratch = ::open("/scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (scratch < 0) return failed("cannot open /scratch");
  constexpr std::string_view name = "sandbox";
  if (::sethostname(name.data(), name.size()) != 0) return failed("cannot name the host");
  return {};
}

std::string give_up_rights(const Arguments& arguments) {
  const rlimit none{0, 0};
  const rlimit files{arguments.open_files, arguments.open_files};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
      ::setrlimit(RLIMIT_MSGQUEUE, &none) != 0 || ::setrlimit(RLIMIT_NOFILE, &files) != 0)
    return failed("cannot set limits");
  for (int one = 0; ::prctl(PR_CAPBSET_READ, one) >= 0; ++one)
    if (::prctl(PR_CAPBSET_DROP, one) != 0) return failed("cannot give up capability " + std::to_string(one));
  constexpr unsigned long locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, locked) != 0) return failed("cannot lock the rules of capabilities");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return failed("cannot clear ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct nothing[2]{};
  if (::syscall(SYS_capset, &header, nothing) != 0) return failed("cannot give up capabilities");
  if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return failed("cannot forbid new rights");
  ::umask(0022);
  return {};
}

}  // namespace koinon::work::sandbox
