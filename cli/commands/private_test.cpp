#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
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

/// Providers of `koinon private serve`, on ports of their own, until the test ends.
struct Served : Private {
  ~Served() override { run("for p in *.pid; do kill $(cat $p); done"); }
  /// The provider's URL.
  std::string serve(const std::string& name, const std::string& arguments) {
    const auto started =
        run(fmt::format("koinon private serve {} --json > {}.json 2>{}.log & echo $! > {}.pid; "
                        "for i in $(seq 300); do [ -s {}.json ] && break; sleep 0.1; done; cat {}.json",
                        arguments, name, name, name, name, name));
    const auto object = nlohmann::json::parse(started.text, nullptr, false);
    if (object.is_discarded()) ADD_FAILURE() << started.text << run(fmt::format("cat {}.log", name)).text;
    return object.is_discarded() ? "" : object["url"].get<std::string>();
  }
};

TEST_F(Served, a_deep_model_runs_with_the_clients_help_as_in_plain) {
  ASSERT_EQ(run("koinon model build examples/digits/digits-lenet.onnx --calibrate examples/digits/digit-*.png -o l.koinon "
                ">/dev/null 2>&1")
                .exit,
            0);
  const auto one = serve("one", "l.koinon"), two = serve("two", "l.koinon");
  const auto asked =
      run(fmt::format("koinon private ask --at {} --at {} --input examples/digits/digit-7.png --json 2>/dev/null", one, two));
  ASSERT_EQ(asked.exit, 0) << asked.text;
  const auto plain = run("koinon run l.koinon --input examples/digits/digit-7.png --json 2>/dev/null");
  const auto got = nlohmann::json::parse(asked.text), wanted = nlohmann::json::parse(plain.text);
  EXPECT_EQ(got["output_root"], wanted["output_root"]);
  EXPECT_EQ(got["outputs"], wanted["outputs"]);
  const auto other = run(fmt::format("koinon private ask --at {} --program {} --input examples/digits/digit-7.png 2>&1", one,
                                     std::string(64, '1')));
  EXPECT_EQ(other.exit, 1);
  EXPECT_THAT(other.text, ::testing::HasSubstr("not offered for client-aided runs"));
  const auto none = run(fmt::format("koinon private train {} --label x --at {} -o w.json 2>&1", "none.csv", one));
  EXPECT_EQ(none.exit, 1);
  EXPECT_EQ(run("koinon private serve 2>&1").exit, 2) << "nothing to serve";
}

TEST_F(Served, training_on_encrypted_rows_equals_plain_training) {
  std::string table = "height,weight,ill\n";
  for (int i = 0; i < 300; ++i) {
    const int height = 150 + i * 37 % 50, weight = 45 + i * 61 % 60;
    table += fmt::format("{},{}.5,{}\n", height, weight, 2 * weight > height - 30 ? 1 : 0);
  }
  ASSERT_TRUE(base::write_file(folder.path() / "p.csv", base::as_bytes(table)));
  const auto one = serve("one", "--training");
  const auto trained =
      run(fmt::format("koinon private train p.csv --label ill --at {} --steps 20 -o w.json --compare --json 2>/dev/null", one));
  ASSERT_EQ(trained.exit, 0) << trained.text;
  const auto object = nlohmann::json::parse(trained.text);
  EXPECT_EQ(object["equal_to_plain"], true);
  EXPECT_GT(object["right_rows"].get<int>(), 270);
  EXPECT_EQ(object["rounds"], 40);
  const auto model = nlohmann::json::parse(*base::read_file(folder.path() / "w.json"));
  EXPECT_EQ(model["features"], (std::vector<std::string>{"height", "weight"}));
  const auto wrong = run(fmt::format("koinon private train p.csv --label height --at {} -o w.json 2>&1", one));
  EXPECT_EQ(wrong.exit, 1);
  EXPECT_THAT(wrong.text, ::testing::HasSubstr("0 or 1 expected"));
}

TEST_F(Private, parties_sum_what_the_aggregator_cannot_read) {
  ASSERT_EQ(run("koinon private sum plan --length 3 --parties 5 --largest 2 -o s.plan >/dev/null").exit, 0);
  ASSERT_EQ(run("koinon private sum keygen s.plan -o owner >/dev/null").exit, 0);
  const char* updates[] = {"[1.5, -2, 0.25]", "[0.5, -2, 0.25]", "[1, 1, 0.25]"};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(run(fmt::format("echo '{{\"input_data\": [{}]}}' > {}.json", updates[i], i)).exit, 0);
    const auto done =
        run(fmt::format("koinon private sum encrypt s.plan --key owner/public.key --input {}.json -o {}.enc 2>&1", i, i));
    ASSERT_EQ(done.exit, 0) << done.text;
  }
  ASSERT_EQ(run("koinon private sum add s.plan 0.enc 1.enc 2.enc -o sum.enc >/dev/null").exit, 0);
  ASSERT_EQ(run("koinon private sum decrypt s.plan --keys owner --sum sum.enc -o sum.npy >/dev/null").exit, 0);
  const auto bytes = *base::read_file(folder.path() / "sum.npy");
  ASSERT_GE(bytes.size(), 24U);
  std::array<double, 3> sums{};
  std::memcpy(sums.data(), bytes.data() + bytes.size() - 24, 24);
  EXPECT_NEAR(sums[0], 3, 1e-6);
  EXPECT_NEAR(sums[1], -3, 1e-6);
  EXPECT_NEAR(sums[2], 0.75, 1e-6);
  EXPECT_THAT(run("koinon private sum add s.plan sum.enc -o again.enc 2>&1").text, ::testing::HasSubstr("is a sum of 3"));
  ASSERT_EQ(run("echo '{\"input_data\": [[3, 0, 0]]}' > big.json").exit, 0);
  EXPECT_THAT(run("koinon private sum encrypt s.plan --key owner/public.key --input big.json -o b.enc 2>&1").text,
              ::testing::HasSubstr("number 0 of the update is 3: within 2 planned"));
}

}  // namespace
}  // namespace koinon::cli
