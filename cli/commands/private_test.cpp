#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/shell.hpp"

// The worked example of docs/trust/private.md, as it stands there.
namespace koinon::cli {
namespace {

struct Private : ::testing::Test {
  Private() { std::filesystem::create_directory_symlink(std::filesystem::absolute("examples"), folder.path() / "examples"); }
  Done run(const std::string& line) { return shell("cd $TMP; " + line, folder.path()); }
  static std::vector<std::string> example() {
    const auto bytes = *base::read_file("docs/trust/private.md");
    const std::string text(base::as_text(bytes));
    auto at = text.find("```sh\n", text.find("## By hand")) + 6;
    std::vector<std::string> out;
    for (const auto end = text.find("```", at); at < end; at = text.find('\n', at) + 1)
      out.push_back(text.substr(at, text.find('\n', at) - at));
    return out;
  }
  base::TempFolder folder;
};

TEST_F(Private, documented_example_gives_the_output_of_the_plain_run) {
  const auto lines = example();
  ASSERT_EQ(lines.size(), 6U);
  Done last;
  for (const auto& line : lines) {
    last = run(line + " --json 2>/dev/null");
    ASSERT_EQ(last.exit, 0) << line << "\n" << last.text;
  }
  const auto plain = run("koinon run digits4.koinon --input examples/digits/digit-7.png --json 2>/dev/null");
  const auto wanted = nlohmann::json::parse(plain.text), got = nlohmann::json::parse(last.text);
  EXPECT_EQ(got["output_root"], wanted["output_root"]);
  EXPECT_EQ(got["outputs"], wanted["outputs"]);
  EXPECT_EQ(std::filesystem::status(folder.path() / "my-keys/secret.key").permissions() & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto sealed = *base::read_file(folder.path() / "my-keys/secret.key");
  EXPECT_TRUE(base::as_text(sealed).starts_with("KNE1")) << "encrypted at rest";
  ASSERT_EQ(run("printf 'another password' > my-keys/wrong; chmod 600 my-keys/wrong").exit, 0);
  const auto locked = run(lines[5] + " --password-file my-keys/wrong 2>&1");
  EXPECT_EQ(locked.exit, 1);
  EXPECT_THAT(locked.text, ::testing::HasSubstr("--password-file"));
  const auto again = run("koinon private keygen digits4.plan -o my-keys 2>&1");
  EXPECT_EQ(again.exit, 1);
  EXPECT_THAT(again.text, ::testing::HasSubstr("exists: name another folder")) << "results would be lost";
}

TEST_F(Private, says_which_step_cannot_be_done_and_what_is_wrong_with_files) {
  ASSERT_EQ(run("koinon model build examples/digits/digits-lenet.onnx -o l.koinon >/dev/null 2>&1").exit, 0);
  const auto lenet = run("koinon private plan l.koinon -o l.plan 2>&1");
  EXPECT_EQ(lenet.exit, 1);
  EXPECT_THAT(lenet.text, ::testing::ContainsRegex("step [0-9]+ \\([a-z]+\\).*what helps"));
  ASSERT_EQ(run("head -c 100 l.koinon > bad.plan").exit, 0);
  EXPECT_THAT(run("koinon private keygen bad.plan -o k 2>&1").text, ::testing::HasSubstr("do not start with KNPB"));
  EXPECT_THAT(run("koinon private keygen none.plan -o k 2>&1").text, ::testing::HasSubstr("koinon private plan"));
}

}  // namespace
}  // namespace koinon::cli
