#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/commands/shell.hpp"
#include "engine/train/recipe/divergence.hpp"

// koinon train as people use it.
namespace koinon::cli {
namespace {

using testing::HasSubstr;

struct Train : ::testing::Test {
  Train() { std::filesystem::create_directory_symlink(std::filesystem::absolute("examples"), folder.path() / "examples"); }

  Done run(const std::string& line) { return shell("cd $TMP; timeout 100 bash -c '" + line + "' 2>&1", folder.path()); }

  /// The state root that a run ends with.
  std::string root_of(const std::string& line) {
    const auto text = run(line).text;
    const auto at = text.find("state root  0x");
    EXPECT_NE(at, std::string::npos) << text;
    return at == std::string::npos ? "" : text.substr(at + 12, 66);
  }
  base::TempFolder folder;
};

const std::string kDigits = "koinon train examples/training/digits.toml";

TEST_F(Train, ends_with_the_same_state_after_kills_and_on_any_number_of_threads) {
  const auto whole = root_of("mkdir whole killed stopped; " + kDigits + " -o whole/digits --threads 2");
  // Killed at moments that depend on nothing but the machine; every start goes on from what stands there.
  for (int i = 1; i <= 6; ++i) run(fmt::format("{} -o killed/digits & sleep 0.{}; kill -9 $!; wait", kDigits, 2 * i % 9 + 1));
  EXPECT_EQ(root_of(kDigits + " -o killed/digits --threads 1"), whole);
  EXPECT_EQ(run(kDigits + " -o stopped/digits --stop-after 137").exit, 0);
  EXPECT_EQ(root_of(kDigits + " -o stopped/digits"), whole);
  for (const auto* kind : {".onnx", ".koinon"}) {
    const auto a = base::read_file(folder.path() / "whole" / (std::string("digits") + kind));
    const auto b = base::read_file(folder.path() / "killed" / (std::string("digits") + kind));
    ASSERT_TRUE(a && b);
    EXPECT_TRUE(*a == *b) << kind;
  }
}

TEST_F(Train, makes_a_program_that_reads_digits) {
  ASSERT_EQ(run(kDigits + " -o digits").exit, 0);
  EXPECT_THAT(run("koinon run digits.koinon --input examples/digits/digit-7.png").text, HasSubstr("7"));
  EXPECT_EQ(run("koinon train examples/training/fine-tune.toml -o tuned").exit, 0);
}

TEST_F(Train, compare_names_the_step_the_operator_and_the_number_that_differ) {
  ASSERT_EQ(run(kDigits + " -o mine --trace && cp mine.trace theirs.trace").exit, 0);
  EXPECT_THAT(run("koinon train compare mine.trace theirs.trace").text, HasSubstr("equal: 480 steps"));
  auto trace = engine::train::StateTrace::decode(*base::read_file(folder.path() / "theirs.trace")).value();
  for (std::size_t step = 240; step < trace.states.size(); ++step) trace.states[step].bytes[3] ^= 1;
  ASSERT_TRUE(base::write_file(folder.path() / "theirs.trace", trace.encode()));
  EXPECT_THAT(run("koinon train compare mine.trace theirs.trace").text, HasSubstr("step 240 is the first that differs"));

  ASSERT_EQ(run(kDigits + " -o one --record 240").exit, 0);
  auto record = engine::train::StepRecord::decode(*base::read_file(folder.path() / "one.step")).value();
  const auto at = std::ranges::find_if(record.entries,
                                       [](const auto& e) { return e.name.starts_with("gradient of") && e.values.size() > 90; });
  ASSERT_NE(at, record.entries.end());
  at->values[77] += 1;
  record.entries.back().values[0] += 1;  // what follows differs too
  ASSERT_TRUE(base::write_file(folder.path() / "two.step", record.encode()));
  const auto told = run("koinon train compare one.step two.step").text;
  EXPECT_THAT(told, HasSubstr("the first difference is in the " + at->name));
  EXPECT_THAT(told, HasSubstr("element 77 of"));
  EXPECT_EQ(run("koinon train compare one.step mine.trace").exit, 1);
}

TEST_F(Train, names_line_and_value_of_what_is_wrong) {
  const auto with = [&](const std::string& change) {
    return run("sed \"" + change + "\" examples/training/digits.toml > wrong.toml; koinon train wrong.toml");
  };
  const auto unknown = with("s/conv 16 5/conw 16 5/");
  EXPECT_EQ(unknown.exit, 1);
  EXPECT_THAT(with("s/batch = 20/batch = -3/").text, HasSubstr("wrong.toml line 4: batch = -3: a whole number from 1"));
  EXPECT_THAT(with("s/test-images/absent/").text, HasSubstr("absent.idx3.gz"));
  EXPECT_THAT(with("s/rate = 0.002/ratte = 1/").text, HasSubstr("unknown key 'optimiser.ratte'"));
  EXPECT_EQ(run(kDigits + " -o other --stop-after 5").exit, 0);
  const auto seed =
      run("sed \"s/seed = 1/seed = 2/; s#[.][.]/digits#examples/digits#g\" examples/training/digits.toml > two.toml; "
          "koinon train two.toml -o other");
  EXPECT_THAT(seed.text, HasSubstr("is of another run"));
  EXPECT_THAT(seed.text, HasSubstr("--fresh"));
}

}  // namespace
}  // namespace koinon::cli
