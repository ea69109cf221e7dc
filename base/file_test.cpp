#include "base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace koinon::base {
namespace {

TEST(File, reads_what_it_writes_and_replaces_whole) {
  const TempFolder folder;
  const auto path = folder.path() / "a";
  ASSERT_TRUE(write_file(path, as_bytes("one")));
  ASSERT_TRUE(write_file(path, as_bytes("second")));
  EXPECT_EQ(as_text(read_file(path).value()), "second");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 1U) << "temporary file left behind";
}

TEST(File, keeps_secrets_private) {
  const TempFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "key", as_bytes("k"), 0600));
  struct stat info{};
  ASSERT_EQ(::stat((folder.path() / "key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(File, names_what_is_wrong) {
  const TempFolder folder;
  EXPECT_EQ(read_file(folder.path() / "none").error().code, Code::not_found);
  EXPECT_EQ(read_file(folder.path()).error().code, Code::io);
  ASSERT_TRUE(write_file(folder.path() / "big", Bytes(11)));
  EXPECT_EQ(read_file(folder.path() / "big", 10).error().code, Code::out_of_range);
  EXPECT_EQ(write_file(folder.path() / "no" / "folder", Bytes(1)).error().code, Code::io);
}

}  // namespace
}  // namespace koinon::base
