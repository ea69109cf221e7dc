#include "work/sandbox/control_group.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.hpp"

namespace koinon::work::sandbox {
namespace {
namespace fs = std::filesystem;

/// Tables and folders as a machine would show them. Plain files stand for control files, so what is written can be read.
class Tables : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    fs::create_directories((folder.path() / name).parent_path());
    std::ofstream(folder.path() / name) << text;
    return folder.path() / name;
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (folder.path() / name).string(); }
  base::TempFolder folder;
};

TEST_F(Tables, version_2_puts_work_beside_the_node) {
  write("unified/system.slice/koinon.service/node/cgroup.controllers", "cpu memory pids\n");
  const auto mounts = write("mounts", "proc /proc proc rw 0 0\ncgroup2 " + at("unified") + " cgroup2 rw,nosuid 0 0\n");
  const auto found = GroupFolders::find(mounts, write("self", "0::/system.slice/koinon.service/node\n"));
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->version, 2);
  EXPECT_EQ(found->memory, at("unified/system.slice/koinon.service"));
}

TEST_F(Tables, version_1_has_a_folder_a_controller) {
  for (const auto* one : {"memory/a", "pids/b", "cpu,cpuacct/c"}) fs::create_directories(at(one));
  const auto mounts =
      write("mounts", "cgroup " + at("memory") + " cgroup rw,memory 0 0\ncgroup " + at("pids") +
                          " cgroup rw,nosuid,pids 0 0\ncgroup " + at("cpu,cpuacct") + " cgroup rw,cpu,cpuacct 0 0\n");
  const auto found = GroupFolders::find(mounts, write("self", "5:cpu,cpuacct:/c\n4:memory:/a\n3:pids:/b\n"));
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->version, 1);
  EXPECT_EQ(found->memory, at("memory/a"));
  EXPECT_EQ(found->pids, at("pids/b"));
  EXPECT_EQ(found->cpu, at("cpu,cpuacct/c"));
  EXPECT_EQ(found->cpu_account, at("cpu,cpuacct/c"));
}

TEST_F(Tables, an_empty_version_2_tree_beside_version_1_is_passed_over) {
  for (const auto* one : {"memory/a", "pids/a", "cpu/a"}) fs::create_directories(at(one));
  write("unified/a/cgroup.controllers", "\n");
  const auto mounts = write("mounts", "cgroup2 " + at("unified") + " cgroup2 rw 0 0\ncgroup " + at("memory") +
                                          " cgroup rw,memory 0 0\ncgroup " + at("pids") + " cgroup rw,pids 0 0\ncgroup " +
                                          at("cpu") + " cgroup rw,cpu 0 0\n");
  const auto found = GroupFolders::find(mounts, write("self", "0::/a\n4:memory:/a\n3:pids:/a\n2:cpu:/a\n"));
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->version, 1);
}

TEST_F(Tables, a_machine_without_groups_is_told_what_is_missing) {
  const auto none = GroupFolders::find(write("mounts", "proc /proc proc rw 0 0\n"), write("self", ""));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, base::Code::unsupported);
  EXPECT_NE(none.error().text.find("memory"), std::string::npos);
}

TEST_F(Tables, limits_that_cannot_be_passed_on_say_what_would_help) {
  fs::create_directories(at("group"));
  const auto made = ControlGroup::make({at("group"), at("group"), at("group"), {}, 2}, "run", {1 << 20, 8, 0.5});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, base::Code::unsupported);
  EXPECT_NE(made.error().text.find("Delegate=yes"), std::string::npos) << made.error().text;
}

}  // namespace
}  // namespace koinon::work::sandbox
