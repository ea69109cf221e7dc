#include "cli/line/line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace koinon::cli {
namespace {

using ::testing::HasSubstr;

class Bake final : public Command {
 public:
  explicit Bake(std::string path = "bake") : Command({std::move(path), "Bake bread", "koinon bake rye --minutes 40"}) {}
  void options(Line& line) override {
    line.text("flour", flour, "Which flour", Need::required)
        .number("--minutes N", minutes, 1, 90, "How long")
        .choice("--crust", crust, {"soft", "hard"}, "Which crust")
        .real("--salt PERCENT", salt, 0, 3, "How much salt")
        .texts("--seeds NAME...", seeds, "Seeds on top")
        .flag("--dark", dark, "Let it darken");
  }
  base::Status run(Console&) override { return {}; }

  std::string flour, crust = "soft";
  std::int64_t minutes = 30;
  double salt = 2;
  std::vector<std::string> seeds;
  bool dark = false;
};

struct Fixture : ::testing::Test {
  Fixture() {
    auto owned = std::make_unique<Bake>();
    bake = owned.get();
    commands.push_back(std::move(owned));
    commands.push_back(std::make_unique<Bake>("orders"));
    commands.push_back(std::make_unique<Bake>("model build"));
    commands.push_back(std::make_unique<Bake>("model inspect"));
  }
  Parsed parse(const std::vector<std::string>& arguments) { return parse_line(arguments, commands); }
  std::string error(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments);
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_EQ(parsed.exit, kUsage);
    return parsed.text;
  }
  Bake* bake = nullptr;
  Commands commands;
};

using LineTest = Fixture;

TEST_F(LineTest, fills_what_the_command_declared) {
  const auto parsed =
      parse({"bake", "rye", "--minutes=40", "--crust", "hard", "--salt", "1.5", "--dark", "--json", "--seeds", "flax", "chia"});
  ASSERT_EQ(parsed.command, bake) << parsed.text;
  EXPECT_TRUE(parsed.json);
  EXPECT_EQ(bake->flour, "rye");
  EXPECT_EQ(bake->minutes, 40);
  EXPECT_EQ(bake->crust, "hard");
  EXPECT_EQ(bake->salt, 1.5);
  EXPECT_TRUE(bake->dark);
  EXPECT_EQ(bake->seeds, (std::vector<std::string>{"flax", "chia"}));
}

TEST_F(LineTest, leaves_defaults_alone) {
  ASSERT_EQ(parse({"bake", "rye"}).command, bake);
  EXPECT_EQ(bake->minutes, 30);
  EXPECT_EQ(bake->crust, "soft");
}

TEST_F(LineTest, reaches_a_command_of_a_group) { EXPECT_EQ(parse({"model", "inspect", "x"}).command, commands[3].get()); }

TEST_F(LineTest, names_the_nearest_option) {
  EXPECT_EQ(
      error({"bake", "rye", "--minuets", "4"}),
      "koinon: [usage] unknown option '--minuets' of 'koinon bake': did you mean '--minutes'?\nSee: koinon bake --help\n");
}

TEST_F(LineTest, names_the_nearest_command) {
  EXPECT_EQ(error({"modle"}), "koinon: [usage] no such command: 'koinon modle': did you mean 'model'?\nSee: koinon --help\n");
  EXPECT_EQ(error({"model", "biuld"}),
            "koinon: [usage] no such command: 'koinon model biuld': did you mean 'build'?\nSee: koinon model --help\n");
}

TEST_F(LineTest, guesses_nothing_when_nothing_is_near) {
  EXPECT_EQ(error({"zzzzzz"}), "koinon: [usage] no such command: 'koinon zzzzzz'\nSee: koinon --help\n");
}

TEST_F(LineTest, refuses_numbers_out_of_range_and_unknown_choices) {
  EXPECT_THAT(error({"bake", "rye", "--minutes", "91"}), HasSubstr("--minutes"));
  EXPECT_THAT(error({"bake", "rye", "--minutes", "soon"}), HasSubstr("--minutes"));
  EXPECT_THAT(error({"bake", "rye", "--crust", "none"}), HasSubstr("--crust"));
}

TEST_F(LineTest, says_what_is_missing) {
  EXPECT_EQ(error({"bake"}), "koinon: [usage] flour is required\nSee: koinon bake --help\n");
  EXPECT_EQ(error({}), "koinon: [usage] 'koinon' needs a command\nSee: koinon --help\n");
  EXPECT_EQ(error({"model"}), "koinon: [usage] 'koinon model' needs a command\nSee: koinon model --help\n");
}

TEST_F(LineTest, refuses_one_argument_too_many) {
  EXPECT_EQ(error({"bake", "rye", "wheat"}),
            "koinon: [usage] 'wheat' is one argument too many for 'koinon bake'\nSee: koinon bake --help\n");
}

TEST_F(LineTest, help_shows_an_example_and_succeeds) {
  const auto parsed = parse({"bake", "--help"});
  EXPECT_EQ(parsed.command, nullptr);
  EXPECT_EQ(parsed.exit, kSuccess);
  EXPECT_THAT(parsed.text, HasSubstr("Usage: koinon bake [OPTIONS] flour"));
  EXPECT_THAT(parsed.text, HasSubstr("Example:\n  koinon bake rye --minutes 40"));
  EXPECT_THAT(parsed.text, HasSubstr("--json"));
}

TEST(Nearest, is_within_a_third_of_the_word) {
  EXPECT_EQ(nearest("inptu", {"input", "output"}), "input");
  EXPECT_EQ(nearest("intake", {"input", "output"}), "");
  EXPECT_EQ(nearest("--inptu", {"--input", "--output"}), "--input");
  EXPECT_EQ(nearest("a", {"b"}), "");
}

}  // namespace
}  // namespace koinon::cli
