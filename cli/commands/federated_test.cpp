#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/commands/shell.hpp"

// koinon federated as people use it.
namespace koinon::cli {
namespace {

using testing::HasSubstr;

struct Federated : ::testing::Test {
  Federated() { std::filesystem::create_directory_symlink(std::filesystem::absolute("examples"), folder.path() / "examples"); }
  Done run(const std::string& options, const std::string& errors = "2>&1") {
    return shell("cd $TMP; timeout 100 koinon federated examples/training/federated.toml " + options + " " + errors,
                 folder.path());
  }
  base::TempFolder folder;
};

TEST_F(Federated, plays_the_same_on_any_number_of_threads_and_writes_model_and_chart) {
  const auto one = run("--rounds 4 --hostile 30 --threads 1 -o one --json", "2>/dev/null");
  const auto two = run("--rounds 4 --hostile 30 --threads 2 -o two --json", "2>/dev/null");
  ASSERT_EQ(one.exit, 0) << one.text;
  auto a = nlohmann::json::parse(one.text), b = nlohmann::json::parse(two.text);
  EXPECT_EQ(a["rounds"], b["rounds"]);
  EXPECT_EQ(a["groups"], b["groups"]);
  EXPECT_EQ(a["rounds"].size(), 4U);
  EXPECT_EQ(shell("cmp $TMP/one.onnx $TMP/two.onnx", folder.path()).exit, 1) << "their names differ";
  EXPECT_THAT(shell("cat $TMP/one.svg", folder.path()).text, HasSubstr("</svg>"));
  EXPECT_EQ(shell("cd $TMP; koinon model build one.onnx -o one.koinon 2>&1", folder.path()).exit, 0);
}

TEST_F(Federated, shows_who_earned_and_what_privacy_costs) {
  const auto done = run("--rounds 2 --noise 1");
  EXPECT_EQ(done.exit, 0) << done.text;
  for (const auto* word : {"round", "honest", "earned", "epsilon", "back to the buyer"})
    EXPECT_THAT(done.text, HasSubstr(word));
}

TEST_F(Federated, says_what_is_wrong) {
  EXPECT_THAT(run("--participants 500").text, HasSubstr("800 samples for 500 participants"));
  EXPECT_EQ(run("--attack theft").exit, 2);
  const auto none = shell(
      "cd $TMP; sed '/holdout/d; s#[.][.]/digits#examples/digits#g' examples/training/federated.toml > bare.toml; "
      "koinon federated bare.toml 2>&1",
      folder.path());
  EXPECT_EQ(none.exit, 1);
  EXPECT_THAT(none.text, HasSubstr("no test data"));
}

}  // namespace
}  // namespace koinon::cli
