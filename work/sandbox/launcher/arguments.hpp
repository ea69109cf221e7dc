#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace koinon::work::sandbox {

/// A folder or file of the machine that the program may read, and where it stands inside (an absolute path).
struct View {
  std::string from;
  std::string to;
};

/// What the launcher is told on its command line:
///   koinon-sandbox [--view FROM TO]... [--root FOLDER] [--identity ID] [--scratch BYTES] [--scratch-files N] [--open-files N]
///   -- PROGRAM [ARGUMENT]...
/// The environment of the launcher becomes the program's.
struct Arguments {
  std::vector<View> views;
  std::string root;                       ///< a whole file system, read-only; empty: only what the views show
  std::uint32_t identity = 0;             ///< user and group outside; 0: the launcher's own, which must not be root
  std::uint64_t scratch_bytes = 1 << 28;  ///< of each of /scratch, /tmp and /dev/shm
  std::uint64_t scratch_files = 1 << 16;
  std::uint64_t open_files = 1024;
  std::vector<std::string> program;  ///< its absolute path inside, and its arguments
};

/// Reads a command line; an empty text is success, anything else says what is wrong.
std::string parse(int count, char** words, Arguments& out);

}  // namespace koinon::work::sandbox
