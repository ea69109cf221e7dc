#include "node/backup/backup.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "node/store/store.hpp"

namespace koinon::node {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::int64_t kNow = 1'800'000'000'000;

struct BackupTest : testing::Test {
  base::TempFolder folder;
  fs::path data = folder.path() / "data";
  fs::path copy = folder.path() / "copy";
  fs::path again = folder.path() / "again";

  void write(const std::string& path, const std::string& text, unsigned mode = 0600) const {
    ASSERT_TRUE(base::make_folder((data / path).parent_path()));
    ASSERT_TRUE(base::write_file(data / path, base::as_bytes(text), mode));
  }
  [[nodiscard]] std::unique_ptr<Store> store(const fs::path& where) const {
    auto out = Store::open(where / "koinon.sqlite");
    EXPECT_TRUE(out) << out.error().text;
    return *std::move(out);
  }
  void SetUp() override {
    write("keystore/operator.json", "{\"key\": 1}");
    write("password", "secret\n");
    write("deployment.json", "{}", 0644);
    write("ledger/journal-3", std::string(3'000'000, 'j'));
    write("artifacts/ab/blob", std::string(70'000, 'b'));
    ASSERT_TRUE(store(data)->settings.set("note", "kept"));
  }
};

TEST_F(BackupTest, what_is_restored_is_what_was_saved) {
  std::uint64_t last = 0;
  const auto made = make_backup(data, copy, kNow, {}, [&](const auto&, std::uint64_t done, std::uint64_t all) {
    EXPECT_LE(done, all);
    EXPECT_GT(done, last);
    last = done;
  });
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->files.size(), 6U);
  ASSERT_TRUE(check_backup(copy));
  const auto put = restore_backup(copy, again);
  ASSERT_TRUE(put) << put.error().text;
  for (const auto* path : {"keystore/operator.json", "password", "deployment.json", "ledger/journal-3", "artifacts/ab/blob"}) {
    EXPECT_EQ(base::read_file(again / path).value(), base::read_file(data / path).value()) << path;
    struct stat before{}, after{};
    ASSERT_EQ(::stat((data / path).c_str(), &before), 0);
    ASSERT_EQ(::stat((again / path).c_str(), &after), 0);
    EXPECT_EQ(before.st_mode, after.st_mode) << path;
  }
  EXPECT_EQ(**store(again)->settings.get("note"), "kept");
  struct stat info{};
  ASSERT_EQ(::stat(copy.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U) << "it holds secrets";
}

TEST_F(BackupTest, a_write_that_stands_only_in_the_log_is_saved) {
  {
    const auto open = store(data);
    ASSERT_TRUE(open->settings.set("late", "too"));
    // As a kill leaves it: the log is not yet part of the file.
    for (const auto* end : {"", "-wal"})
      fs::copy_file(data / (std::string("koinon.sqlite") + end), folder.path() / (std::string("killed.sqlite") + end));
  }
  for (const auto* end : {"", "-wal"}) {
    fs::remove(data / (std::string("koinon.sqlite") + end));
    fs::rename(folder.path() / (std::string("killed.sqlite") + end), data / (std::string("koinon.sqlite") + end));
  }
  ASSERT_TRUE(make_backup(data, copy, kNow));
  ASSERT_TRUE(restore_backup(copy, again));
  EXPECT_EQ(**store(again)->settings.get("late"), "too");
}

TEST_F(BackupTest, a_node_that_runs_is_not_copied_and_one_cannot_start_meanwhile) {
  {
    const auto open = store(data);
    const auto refused = make_backup(data, copy, kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_FALSE(fs::exists(copy));
  }
  bool tried = false;
  ASSERT_TRUE(make_backup(data, copy, kNow, {}, [&](const auto&, auto, auto) {
    if (tried) return;
    tried = true;
    const auto second = Store::open(data / "koinon.sqlite");
    EXPECT_FALSE(second);
  }));
  EXPECT_TRUE(tried);
}

TEST_F(BackupTest, artifacts_may_stay_behind) {
  const auto made = make_backup(data, copy, kNow, {.artifacts = false});
  ASSERT_TRUE(made);
  EXPECT_FALSE(fs::exists(copy / "artifacts"));
  EXPECT_TRUE(check_backup(copy));
}

TEST_F(BackupTest, what_was_changed_lost_added_or_cut_short_is_refused) {
  ASSERT_TRUE(make_backup(data, copy, kNow));
  const auto expect_refused = [&](const std::string& why) {
    const auto put = restore_backup(copy, again);
    ASSERT_FALSE(put) << why;
    EXPECT_NE(put.error().text.find(why), std::string::npos) << put.error().text;
    EXPECT_FALSE(fs::exists(again)) << "nothing is left there";
  };
  const auto journal = copy / "ledger/journal-3";
  auto bytes = base::read_file(journal).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(base::write_file(journal, bytes));
  expect_refused("hash differs");
  fs::remove(journal);
  expect_refused("missing");
  bytes.back() ^= 1;
  ASSERT_TRUE(base::write_file(journal, bytes));
  ASSERT_TRUE(base::write_file(copy / "more", bytes));
  expect_refused("too many");
  fs::remove(copy / "more");
  fs::remove(copy / "backup.json");
  expect_refused("cut short");
}

TEST_F(BackupTest, nothing_that_stands_is_overwritten) {
  ASSERT_TRUE(make_backup(data, copy, kNow));
  EXPECT_EQ(make_backup(data, copy, kNow).error().code, Code::conflict);
  EXPECT_EQ(restore_backup(copy, data).error().code, Code::conflict);
  EXPECT_EQ(make_backup(data, data / "inside", kNow).error().code, Code::conflict);
  EXPECT_EQ(make_backup(copy / "keystore", again, kNow).error().code, Code::not_found);
}

TEST_F(BackupTest, a_folder_that_stands_is_filled_and_nothing_beside_it_is_touched) {
  ASSERT_TRUE(make_backup(data, copy, kNow));
  fs::create_directory(folder.path() / "again.restoring");
  ASSERT_TRUE(base::write_file(folder.path() / "again.restoring" / "thesis", base::as_bytes(std::string_view("mine"))));
  ASSERT_TRUE(restore_backup(copy, fs::path(again.string() + "/"))) << "as a shell's completion writes it";
  EXPECT_TRUE(fs::exists(folder.path() / "again.restoring" / "thesis"));
  EXPECT_EQ(**store(again)->settings.get("note"), "kept");

  const auto disk = folder.path() / "disk";
  fs::create_directory(disk);
  fs::create_directory_symlink(disk, folder.path() / "link");
  const auto put = restore_backup(copy, folder.path() / "link");
  ASSERT_TRUE(put) << put.error().text;
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(**store(disk)->settings.get("note"), "kept");
  for (const auto& entry : fs::directory_iterator(disk))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".koinon")) << entry.path();

  EXPECT_EQ(restore_backup(copy, copy / "inside").error().code, Code::conflict);
  EXPECT_TRUE(check_backup(copy)) << "the backup is as it was";
}

TEST_F(BackupTest, a_link_is_named_and_not_followed) {
  fs::create_symlink("/etc/passwd", data / "link");
  const auto refused = make_backup(data, copy, kNow);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("link"), std::string::npos);
}

TEST_F(BackupTest, a_pipe_in_place_of_the_manifest_is_refused_at_once) {
  fs::create_directory(copy);
  ASSERT_EQ(::mkfifo((copy / BackupManifest::kName).c_str(), 0600), 0);
  EXPECT_EQ(check_backup(copy).error().code, Code::unsupported);
}

TEST_F(BackupTest, nothing_becomes_writable_for_others) {
  ASSERT_TRUE(make_backup(data, copy, kNow));
  const auto file = copy / BackupManifest::kName;
  auto manifest = BackupManifest::from_json(base::as_text(base::read_file(file).value())).value();
  for (auto& one : manifest.files) one.mode = 0777;
  ASSERT_TRUE(base::write_file(file, base::as_bytes(manifest.to_json())));
  ASSERT_TRUE(restore_backup(copy, again));
  struct stat info{};
  ASSERT_EQ(::stat((again / "password").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 022, 0U);
}

TEST(BackupManifest, leads_nowhere_but_into_its_folder) {
  const auto with = [](const std::string& path) {
    BackupManifest manifest;
    manifest.files = {{path, 1, 0600, {}}};
    return BackupManifest::from_json(manifest.to_json()).has_value();
  };
  EXPECT_TRUE(with("a/b"));
  for (const auto* bad : {"", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "backup.json", "a\nb"})
    EXPECT_FALSE(with(bad)) << bad;
}

}  // namespace
}  // namespace koinon::node
