#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/shell.hpp"

// What every --help promises, tried: examples run, and rubbish gets one clear line and the right exit.
namespace koinon::cli {
namespace {

/// Where examples are run: a scratch folder with the repository's examples in it, and no node.
struct Usage : ::testing::Test {
  Usage() { std::filesystem::create_directory_symlink(std::filesystem::absolute("examples"), folder.path() / "examples"); }

  Done run(const std::string& line) {
    return shell("cd $TMP; export KOINON_NODE=http://127.0.0.1:9; timeout 60 " + line + " 2>&1", folder.path());
  }
  const Extensions extensions;
  const Commands commands = all_commands(extensions);
  base::TempFolder folder;
};

/// Commands that need no node and no order made before.
bool is_local(const std::string& path) {
  static const std::set<std::string> kLocal = {"model build",    "model inspect", "model publish",    "run",
                                               "prove",          "verify",        "version",          "account new-key",
                                               "language build", "generate",      "completion",       "train",
                                               "federated",      "simulate",      "private sum plan", "private sum keygen"};
  return kLocal.contains(path);
}
bool serves(const std::string& path) { return path == "up" || path == "provide" || path == "watch"; }

TEST_F(Usage, every_example_is_right) {
  for (const auto& command : commands) {
    const auto& [path, about, example] = command->info();
    ASSERT_TRUE(example.starts_with("koinon " + path)) << example;
    if (serves(path)) {  // would run on: an option that cannot stand with the others is refused last
      const auto done = run(example + " --deployment d.json --share-ledger 127.0.0.1");
      EXPECT_EQ(done.exit, 2) << example << "\n" << done.text;
      EXPECT_THAT(done.text, ::testing::ContainsRegex("--deployment names|--share-ledger shares")) << example;
      continue;
    }
    const auto done = run(example);
    if (path == "doctor") {  // what it finds is this machine's
      EXPECT_LE(done.exit, 1) << done.text;
      for (const auto* name : {"machine", "data folder", "ledger", "clock"}) EXPECT_THAT(done.text, ::testing::HasSubstr(name));
      continue;
    }
    EXPECT_EQ(done.exit, is_local(path) ? 0 : 1) << example << "\n" << done.text;
  }
}

TEST_F(Usage, completion_knows_commands_and_options) {
  const auto after = [&](const std::string& words) {
    const std::string line =
        R"sh(bash -c 'eval "$(koinon completion)"; COMP_WORDS=(@LINE@); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); )sh"
        R"sh(_koinon; echo "${COMPREPLY[@]}"')sh";
    return run(std::regex_replace(line, std::regex("@LINE@"), words)).text;
  };
  EXPECT_EQ(after("koinon mod"), "model models\n");
  EXPECT_EQ(after("koinon model b"), "build\n");
  EXPECT_THAT(after("koinon model build --act"), ::testing::HasSubstr("--activations"));
  EXPECT_THAT(after("koinon model build --cal"), ::testing::Not(::testing::HasSubstr("--activations")));
  EXPECT_THAT(after("koinon run exa"), ::testing::HasSubstr("examples"));
  ASSERT_TRUE(base::write_file(folder.path() / "a file.onnx", base::as_bytes("x")));
  EXPECT_EQ(after("koinon run a\\ f"), "a file.onnx\n") << "one word";
  EXPECT_THAT(after("koinon run --input \"\""), ::testing::HasSubstr("a file.onnx"));
  EXPECT_EQ(after("koinon --v"), "--version\n");
}

TEST_F(Usage, proofs_say_what_is_wrong_with_them) {
  ASSERT_EQ(run("koinon model build examples/digits/digits-mlp.onnx -o m.koinon").exit, 0);
  ASSERT_EQ(run("koinon model build examples/digits/digits-lenet.onnx -o other.koinon").exit, 0);
  ASSERT_EQ(run("koinon model publish m.koinon -o public.koinon").exit, 0);
  ASSERT_EQ(run("koinon prove m.koinon --input examples/digits/digit-7.png --hide weights -o good.proof").exit, 0);
  const auto verified = run("koinon verify good.proof --program public.koinon");
  EXPECT_EQ(verified.exit, 0);
  EXPECT_THAT(verified.text, ::testing::ContainsRegex("logits .*1, 10")) << "what came out";
  EXPECT_EQ(run("koinon run public.koinon --input examples/digits/digit-7.png").exit, 1) << "it has no weights";
  EXPECT_EQ(run("koinon model publish m.koinon -o m.koinon").exit, 1) << "the weights would be lost";
  const auto other = run("koinon verify good.proof --program other.koinon");
  EXPECT_EQ(other.exit, 1);
  EXPECT_THAT(other.text, ::testing::HasSubstr("about another program"));
  auto bytes = *base::read_file(folder.path() / "good.proof");
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(base::write_file(folder.path() / "bad.proof", bytes));
  const auto bad = run("koinon verify bad.proof --program public.koinon");
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.text, ::testing::HasSubstr("Means: "));
  bytes.resize(100);
  ASSERT_TRUE(base::write_file(folder.path() / "cut.proof", bytes));
  EXPECT_THAT(run("koinon verify cut.proof --program public.koinon").text, ::testing::HasSubstr("cut, damaged, or no proof"));
}

TEST_F(Usage, groups_name_an_example_of_their_own) {
  for (const char* group : {"model", "receipt", "account"}) {
    const auto done = run(fmt::format("koinon {} --help", group));
    EXPECT_THAT(done.text, ::testing::HasSubstr(fmt::format("  koinon {} ", group)));
  }
}

/// The options of a command that take a value, with what they take.
std::vector<std::pair<std::string, std::string>> options_of(const std::string& help) {
  static const std::regex kOption(R"(\n  (?:-[a-z],)?(--[a-z-]+) ([^ \n=:]+))");
  std::vector<std::pair<std::string, std::string>> out;
  for (auto at = std::sregex_iterator(help.begin(), help.end(), kOption); at != std::sregex_iterator(); ++at)
    out.emplace_back((*at)[1], (*at)[2]);
  return out;
}

/// True when what the option takes has a form that rubbish does not have.
bool has_form(const std::string& takes) {
  static const std::set<std::string> kForms = {"N",   "SECONDS", "PERCENT", "TOKENS", "AMOUNT",       "ID",       "HEX",
                                               "URL", "ADDR",    "LIST",    "WHAT",   "NAME=SIZE...", "ADDR:PORT"};
  return kForms.contains(takes) || takes.find('|') != std::string::npos;
}

/// Rubbish for an option that takes such a thing: more kinds of it where a number or a form is read.
std::vector<std::string> rubbish_for(const std::string& takes) {
  if (!has_form(takes)) return {"'%n \\x1b[2J'"};
  return {"rubbish", "99999999999999999999999999", "1e999", "''"};
}

TEST_F(Usage, rubbish_in_an_option_gets_one_clear_line) {
  ASSERT_EQ(run("koinon model build examples/digits/digits-mlp.onnx -o digits.koinon").exit, 0);
  std::set<std::string> shared;  // options of many commands: tried once
  std::size_t tried = 0;
  for (const auto& command : commands) {
    const auto& [path, about, example] = command->info();
    if (path == "prove" || path.ends_with(" build")) continue;  // minutes in all; their options are tried below
    for (const auto& [option, takes] : options_of(run("koinon " + path + " --help").text)) {
      if (serves(path) && !has_form(takes)) continue;  // a folder or file of any name is no mistake, and the node would run
      if (!shared.insert(option + takes).second) continue;
      const auto line = std::regex_replace(example, std::regex(" " + option + " (\"[^\"]*\"|[^ ]+)"), "");
      for (const auto& rubbish : rubbish_for(takes)) {
        if (serves(path) && rubbish != "rubbish") continue;  // what can be read would be run
        const auto done = run(fmt::format("{} {} {}", line, option, rubbish));
        ++tried;
        EXPECT_LE(done.exit, 2) << line << " " << option << " " << rubbish << "\n" << done.text;
        EXPECT_LE(std::ranges::count(done.text, '\n'), done.exit == 0 ? 99 : 5) << done.text;
        if (rubbish != "rubbish") continue;
        EXPECT_EQ(done.exit, 2) << line << " " << option << " " << rubbish << "\n" << done.text;
        EXPECT_THAT(done.text, ::testing::StartsWith("koinon: ["));
        EXPECT_THAT(done.text, ::testing::HasSubstr("See: koinon " + path)) << line;
      }
    }
  }
  EXPECT_GT(tried, 60U);
}

TEST_F(Usage, wrong_values_are_told_from_failures) {
  for (const char* line : {"koinon prove digits.koinon --input x.png -o p --hide foo",
                           "koinon prove digits.koinon --input x.png -o p --threads many",
                           "koinon prove digits.koinon --input x.png -o p --commitment c",
                           "koinon verify p --program d.koinon --weight-root xyz",
                           "koinon model build x.onnx -o y --activations 3.5",
                           "koinon model build x.onnx -o y --max-error much",
                           "koinon model build x.onnx -o y --dim width",
                           "koinon orders show abc",
                           "koinon orders --before now",
                           "koinon orders --limit 0",
                           "koinon up --http 70707",
                           "koinon up --http localhost",
                           "koinon up --ledger there",
                           "koinon provide --price abc",
                           "koinon watch --full-price abc",
                           "koinon provide --price 0",
                           "koinon up --share-ledger 0.0.0.0:0",
                           "koinon up --share-ledger localhost",
                           "koinon provide --parallel 0",
                           "koinon provide --kinds dreaming",
                           "koinon account deposit 0",
                           "koinon account withdraw 1 --key k.json",
                           "koinon run d.koinon --input x.png --salt 0x12",
                           "koinon receipt verify r.json --ledger nowhere"}) {
    const auto done = run(line);
    EXPECT_EQ(done.exit, 2) << line << "\n" << done.text;
    EXPECT_THAT(done.text, ::testing::HasSubstr("--help")) << line;
  }
}

}  // namespace
}  // namespace koinon::cli
