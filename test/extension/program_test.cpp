#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "test/process/process.hpp"

// The second check over the command line and the API: ordered by its name, and its receipt verified by a program that has it.
namespace koinon::test::extension {
namespace {

using nlohmann::json;
using process::Process;
using process::Start;
using ::testing::HasSubstr;

constexpr std::int64_t kMostMs = 120'000;

template <class T>
T need(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}

struct ExtendedProgram : testing::Test {
  base::TempFolder folder;
  std::vector<Process> nodes;
  std::string url;

  Start line(const std::string& program, std::vector<std::string> words) const {
    Start out;
    out.program = program;
    out.arguments = std::move(words);
    out.environment = {{"HOME", folder.path().string()}};
    return out;
  }
  /// Starts a node and returns its URL.
  std::string serve(const std::string& name, std::vector<std::string> words) {
    for (const auto& word : {std::string("--json"), std::string("--data"), (folder.path() / name).string(),
                             std::string("--http"), std::string("127.0.0.1:0")})
      words.push_back(word);
    nodes.push_back(need(Process::start(line(KOINON_EXTENDED, std::move(words)))));
    return json::parse(need(nodes.back().read_object(kMostMs))).at("url").get<std::string>();
  }
  struct Done {
    int exit = -1;
    json said;
  };
  Done run(const std::string& program, std::vector<std::string> words) const {
    words.emplace_back("--json");
    auto process = need(Process::start(line(program, std::move(words))));
    Done out;
    out.said = json::parse(need(process.read_all(kMostMs)), nullptr, false);
    out.exit = need(process.wait(kMostMs));
    return out;
  }
  std::string file(const char* name) const { return (folder.path() / name).string(); }
};

TEST_F(ExtendedProgram, orders_by_the_name_of_its_check_and_verifies_the_receipt) {
  url = serve("buyer", {"up"});
  for (const auto* name : {"p1", "p2", "p3"}) serve(name, {"provide", "--ledger", url, "--kinds", "inference,statistics"});
  ASSERT_EQ(run(KOINON_EXTENDED, {"model", "build", "examples/digits/digits-mlp.onnx", "-o", file("n.koinon")}).exit, 0);

  std::vector<std::string> wanted = {"order",     file("n.koinon"), "--input", "examples/digits/digit-7.png",
                                     "--price",   "0.002",          "--check", "unanimous",
                                     "--receipt", file("r.json"),   "--node",  url,
                                     "--data",    file("buyer")};
  const auto ordered = run(KOINON_EXTENDED, wanted);
  ASSERT_EQ(ordered.exit, 0) << ordered.said.dump(2);
  const auto shown = run(KOINON_EXTENDED, {"orders", "show", ordered.said["order"], "--node", url});
  EXPECT_EQ(shown.said["check"], "unanimous");
  EXPECT_EQ(shown.said["policy"]["check"], "unanimous");

  const auto verified = run(KOINON_EXTENDED, {"receipt", "verify", file("r.json"), "--ledger", url});
  EXPECT_EQ(verified.exit, 0) << verified.said.dump(2);
  EXPECT_EQ(verified.said["ledger"], "confirmed");
  EXPECT_EQ(verified.said["needed"], 3) << "all three, as this check asks";
  // A program without the check says that it does not know it.
  const auto strange = run(KOINON_PROGRAM, {"receipt", "verify", file("r.json")});
  EXPECT_EQ(strange.exit, 1);
  EXPECT_EQ(strange.said["error"]["code"], "unsupported");

  for (auto& word : wanted)
    if (word == "unanimous") word = "oracle";
  const auto refused = run(KOINON_EXTENDED, wanted);
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.said["error"]["text"].get<std::string>(), HasSubstr("quorum, optimistic, proof, unanimous"));
}

}  // namespace
}  // namespace koinon::test::extension
