#include "test/process/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace koinon::test::process {
namespace {

Start shell(const std::string& script) { return {"/bin/sh", {"-c", script}, {}, {}, {}, false}; }

TEST(Process, gives_back_what_a_program_prints) { EXPECT_EQ(run(shell("echo one; echo two"), 5'000).value(), "one\ntwo\n"); }

TEST(Process, tells_a_failed_program_with_what_it_said) {
  const auto out = run(shell("echo because; exit 3"), 5'000);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, base::Code::rejected);
  EXPECT_NE(out.error().text.find("ended with 3: because"), std::string::npos) << out.error().text;
}

TEST(Process, refuses_what_is_no_program) {
  EXPECT_EQ(Process::start({"/no/such/program", {}, {}, {}, {}, false}).error().code, base::Code::not_found);
}

TEST(Process, reads_an_object_that_spans_lines) {
  auto process = Process::start(shell(R"(printf '{"a": {"b": "}"},\n "c": 1}\nrest\n'; sleep 30)")).value();
  EXPECT_EQ(process.read_object(5'000).value(), "{\"a\": {\"b\": \"}\"},\n \"c\": 1}\n");
  EXPECT_EQ(process.read_line(5'000).value(), "rest");
  EXPECT_EQ(process.read_line(50).error().code, base::Code::timeout);
}

TEST(Process, kills_and_stops) {
  auto one = Process::start(shell("sleep 30")).value();
  EXPECT_TRUE(one.is_alive());
  one.kill();
  EXPECT_FALSE(one.is_alive());
  EXPECT_EQ(one.wait(1'000).value(), -SIGKILL);
  auto two = Process::start(shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")).value();
  ASSERT_EQ(two.read_line(5'000).value(), "ready");
  two.stop(5'000);
  EXPECT_EQ(two.wait(1'000).value(), 7);
}

TEST(Process, sees_its_environment_and_folder) {
  auto start = shell("echo $KOINON_TEST_WORD; pwd");
  start.environment["KOINON_TEST_WORD"] = "here";
  start.folder = "/";
  EXPECT_EQ(run(start, 5'000).value(), "here\n/\n");
}

}  // namespace
}  // namespace koinon::test::process
