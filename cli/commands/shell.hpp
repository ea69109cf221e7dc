#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.hpp"

// For tests of the built program.
namespace koinon::cli {

struct Done {
  int exit = -1;  ///< 128 and more: by a signal
  std::string text;
};

/// Runs a line of bash in the repository's root with koinon in the path. $TMP is `folder`.
inline Done shell(const std::string& line, const std::filesystem::path& folder) {
  const auto program = std::filesystem::path(KOINON_PROGRAM).parent_path().string();
  const auto script =
      fmt::format("export PATH='{}':$PATH TMP='{}' HOME='{}' KOINON_LOG=warn; unset KOINON_NODE KOINON_DATA; {}", program,
                  folder.string(), folder.string(), line);
  EXPECT_TRUE(base::write_file(folder / "line.sh", base::as_bytes(script + "\n")));
  FILE* pipe = ::popen(fmt::format("bash '{}' < /dev/null", (folder / "line.sh").string()).c_str(), "r");
  Done out;
  if (pipe == nullptr) return out;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.text.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  out.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return out;
}

}  // namespace koinon::cli
