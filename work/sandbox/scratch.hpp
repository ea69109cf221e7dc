#pragma once
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::work::sandbox {

/// The folder /scratch of a program, in memory, after the program has ended. What stands there is a stranger's: links are not
/// followed, nothing outside is reached, only plain files are read.
class Scratch {
 public:
  Scratch() = default;
  /// Takes the descriptor of the folder.
  explicit Scratch(int folder) : folder_(folder) {}
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&& other) noexcept;
  ~Scratch();

  /// A file by its path below /scratch. Errors: not_found, malformed (a link, a device, outside), out_of_range (more than
  /// `limit` bytes), io.
  [[nodiscard]] base::Result<base::Bytes> read(const std::string& path, std::uint64_t limit) const;

  /// Names of what stands directly in /scratch, in order. Errors: out_of_range (more than `limit`), io.
  [[nodiscard]] base::Result<std::vector<std::string>> names(std::size_t limit = 4096) const;

 private:
  int folder_ = -1;
};

}  // namespace koinon::work::sandbox
