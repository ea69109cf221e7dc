#include "work/sandbox/sandbox.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "base/file.hpp"
#include "work/sandbox/launcher/arguments.hpp"

namespace koinon::work::sandbox {
namespace {
using namespace std::chrono_literals;
using base::Code;

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Sandbox::open(KOINON_SANDBOX_PROGRAM);
    ASSERT_TRUE(opened) << opened.error().text;
    sandbox = std::move(*opened);
    if (const auto able = sandbox->check(); !able && able.error().code == Code::unsupported)
      GTEST_SKIP() << "this machine keeps no programs apart: " << able.error().text;
  }

  static Command shell(const std::string& script) {
    Command out;
    out.arguments = {"/bin/sh", "-c", script};
    return out;
  }

  static Command attempt(const std::string& name) {
    Command out;
    out.arguments = {"/attempts", name};
    out.shares = {{KOINON_ATTEMPTS_PROGRAM, "/attempts"}};
    out.limits.wall = 20s;
    return out;
  }

  Finished run(const Command& command) {
    auto done = sandbox->run(command);
    if (!done) {
      ADD_FAILURE() << done.error().text;
      return Finished{};
    }
    return std::move(*done);
  }

  std::optional<Sandbox> sandbox;
};

void open_to_all(const std::filesystem::path& folder) { std::filesystem::permissions(folder, std::filesystem::perms{0755}); }

std::vector<std::string> all_attempts() {
  std::vector<std::string> out;
  const std::unique_ptr<FILE, int (*)(FILE*)> list(::popen(KOINON_ATTEMPTS_PROGRAM " --list", "r"), ::pclose);
  for (char line[128]; std::fgets(line, sizeof line, list.get()) != nullptr;) out.emplace_back(line, std::strlen(line) - 1);
  return out;
}

TEST_F(SandboxTest, runs_a_program_and_returns_what_it_wrote) {
  auto command = shell("cat; echo to-err >&2; printf result > out.txt; exit 7");
  command.input = {'h', 'i'};
  const auto done = run(command);
  EXPECT_EQ(done.ending, Ending::exited);
  EXPECT_EQ(done.code, 7);
  EXPECT_EQ(done.out, "hi");
  EXPECT_EQ(done.err, "to-err\n");
  EXPECT_EQ(done.scratch.names().value(), std::vector<std::string>{"out.txt"});
  EXPECT_EQ(done.scratch.read("out.txt", 100).value(), (base::Bytes{'r', 'e', 's', 'u', 'l', 't'}));
  EXPECT_GT(done.peak_memory_bytes, 0U);
  EXPECT_GT(done.seconds, 0);
}

TEST_F(SandboxTest, every_attempt_to_get_out_is_refused) {
  // These do what they want, within their bounds; their own tests look at what comes of it.
  const std::set<std::string> bounded{"eat_memory", "fill_scratch", "forks", "stay_behind", "more_files"};
  const auto names = all_attempts();
  ASSERT_GT(names.size(), 40U);
  for (const auto& name : names) {
    if (bounded.contains(name)) continue;
    const auto done = run(attempt(name));
    EXPECT_EQ(done.ending, Ending::exited) << name;
    EXPECT_EQ(done.code, 1) << name << ": " << done.out << done.err;
  }
}

TEST_F(SandboxTest, a_program_has_no_identity_of_the_machine) {
  const auto done =
      run(shell("id -u; cat /proc/self/status | grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp|Groups):'; hostname; echo $$; ls "
                "-d /proc/[0-9]* | wc -l; env"));
  EXPECT_NE(done.out.find("1000\n"), std::string::npos) << done.out << done.err;
  EXPECT_NE(done.out.find("CapEff:\t0000000000000000"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("CapBnd:\t0000000000000000"), std::string::npos);
  EXPECT_NE(done.out.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(done.out.find("Seccomp:\t2"), std::string::npos);
  EXPECT_NE(done.out.find("sandbox\n"), std::string::npos);
  EXPECT_EQ(done.out.find("KOINON"), std::string::npos) << "the node's environment stays outside";
}

TEST_F(SandboxTest, memory_is_bounded_together_with_the_files_in_it) {
  auto hungry = attempt("eat_memory");
  hungry.limits.memory_bytes = 64 << 20;
  auto done = run(hungry);
  EXPECT_EQ(done.ending, Ending::out_of_memory);
  EXPECT_LE(done.peak_memory_bytes, 65U << 20);

  auto writer = attempt("fill_scratch");
  writer.limits.memory_bytes = 64 << 20;
  writer.limits.scratch_bytes = 1 << 30;
  done = run(writer);
  EXPECT_EQ(done.ending, Ending::out_of_memory);

  writer.limits.scratch_bytes = 8 << 20;
  done = run(writer);
  EXPECT_EQ(done.ending, Ending::exited) << "a full folder is the program's own affair";
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.scratch.read("big", 1 << 20).error().code, Code::out_of_range);
}

TEST_F(SandboxTest, processes_and_files_are_bounded) {
  auto many = attempt("forks");
  many.limits.processes = 16;
  EXPECT_EQ(run(many).code, 1);
  many.limits.processes = 1;
  EXPECT_EQ(run(many).code, 1);
  auto files = attempt("more_files");
  files.limits.open_files = 64;
  EXPECT_EQ(run(files).code, 1);
  const auto names = run([] {
    auto command = shell("i=0; while : > f$i; do i=$((i+1)); done 2>/dev/null; exit 0");
    command.limits.scratch_files = 100;
    return command;
  }());
  EXPECT_LT(names.scratch.names().value().size(), 100U);
}

TEST_F(SandboxTest, the_wall_clock_the_output_bound_and_the_caller_end_it) {
  auto sleeper = shell("sleep 600");
  sleeper.limits.wall = 300ms;
  auto done = run(sleeper);
  EXPECT_EQ(done.ending, Ending::out_of_time);
  EXPECT_LT(done.seconds, 30);

  auto talker = shell("yes");
  talker.limits.output_bytes = 1000;
  done = run(talker);
  EXPECT_EQ(done.ending, Ending::too_much_output);
  EXPECT_EQ(done.out.size(), 1000U);

  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(200ms);
    stop.request_stop();
  });
  const auto cancelled = sandbox->run(shell("sleep 600"), stop.get_token());
  ASSERT_TRUE(cancelled) << cancelled.error().text;
  EXPECT_EQ(cancelled->ending, Ending::cancelled);
}

TEST_F(SandboxTest, nothing_is_left_running) {
  auto command = shell("/attempts stay_behind; setsid sleep 3599 & exit 0");
  command.shares = {{KOINON_ATTEMPTS_PROGRAM, "/attempts"}};
  EXPECT_EQ(run(command).ending, Ending::exited);
  EXPECT_NE(std::system("pgrep -f 'sleep 3599' | grep -v $$ | xargs -r ps -o comm= -p | grep -q '^sleep$'"), 0);
  auto killed = shell("trap '' TERM INT HUP; sleep 3598 & wait");
  killed.limits.wall = 300ms;
  EXPECT_EQ(run(killed).ending, Ending::out_of_time);
  EXPECT_NE(std::system("pgrep -f 'sleep 3598' | xargs -r ps -o comm= -p | grep -q '^sleep$'"), 0);
}

TEST_F(SandboxTest, what_a_program_leaves_is_read_with_care) {
  const auto done =
      run(shell("ln -s /etc/passwd link; ln -s .. up; mkfifo pipe; mkdir folder; echo x > folder/file; ln -s folder deep"));
  EXPECT_EQ(done.scratch.read("link", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("up/etc/passwd", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("deep/file", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("../etc/passwd", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("/etc/passwd", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("pipe", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("folder", 1000).error().code, Code::malformed);
  EXPECT_EQ(done.scratch.read("none", 1000).error().code, Code::not_found);
  EXPECT_EQ(done.scratch.read("folder/file", 1000).value().size(), 2U);
  EXPECT_EQ(done.scratch.names(3).error().code, Code::out_of_range);
}

TEST_F(SandboxTest, shares_are_read_only_and_a_root_can_be_brought) {
  const base::TempFolder folder;
  open_to_all(folder.path());
  ASSERT_TRUE(base::write_file(folder.path() / "data.txt", base::Bytes{'d'}));
  auto command = shell("cat /data/in/data.txt; echo y > /data/in/data.txt || echo no; chmod 777 /data/in || echo no");
  command.shares = {{folder.path(), "/data/in"}};
  const auto done = run(command);
  EXPECT_EQ(done.out, "dno\nno\n") << done.err;

  // A root of its own: what it lacks is not filled from the machine.
  const base::TempFolder image;
  open_to_all(image.path());
  for (const auto* name : {"scratch", "tmp", "dev", "proc", "usr", "lib", "lib64", "bin"})
    std::filesystem::create_directory(image.path() / name);
  auto own = shell("ls / | tr '\\n' ' '; echo x > /bin/x || echo no");
  own.root = image.path();
  EXPECT_EQ(sandbox->run(own).error().code, Code::unsupported) << "there is no /bin/sh in it";
  for (const auto* name : {"usr", "lib", "lib64", "bin"})
    own.shares.push_back({std::filesystem::path("/") / name, std::string("/") + name});
  EXPECT_EQ(run(own).out, "bin dev lib lib64 proc scratch tmp usr no\n");
}

TEST_F(SandboxTest, runs_beside_each_other) {
  std::vector<std::jthread> threads;
  std::array<std::string, 6> out;
  for (std::size_t i = 0; i < out.size(); ++i)
    threads.emplace_back(
        [&, i] { out[i] = run(shell("echo " + std::to_string(i) + " > /scratch/x; sleep 0.2; cat /scratch/x")).out; });
  threads.clear();
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], std::to_string(i) + "\n");
}

TEST_F(SandboxTest, ordinary_programs_find_what_they_need) {
  auto command = shell(
      "echo x > /dev/null && echo y > /dev/shm/y && head -c 4 /dev/urandom | wc -c && sort < /dev/null && mkdir -p a/b && "
      "touch a/b/c && find a | wc -l && "
      "(sleep 0.01 & wait) && test -r /proc/self/stat && date -u +%Z");
  const auto done = run(command);
  EXPECT_EQ(done.out, "4\n3\nUTC\n") << done.err;
}

TEST_F(SandboxTest, commands_that_make_no_sense_are_refused) {
  const auto code = [&](const Command& command) { return sandbox->run(command).error().code; };
  EXPECT_EQ(code({}), Code::invalid_argument);
  auto command = shell("true");
  command.limits.memory_bytes = 1;
  EXPECT_EQ(code(command), Code::invalid_argument);
  command = shell("true");
  command.limits.processes = 0;
  EXPECT_EQ(code(command), Code::invalid_argument);
  command = shell("true");
  command.limits.cores = 0;
  EXPECT_EQ(code(command), Code::invalid_argument);
  command = shell("true");
  command.shares = {{"/does/not/exist", "/x"}};
  EXPECT_EQ(code(command), Code::invalid_argument);
  command.shares = {{"/usr", "/../x"}};
  EXPECT_EQ(code(command), Code::unsupported);
  command = shell(std::string("true\0x", 6));
  EXPECT_EQ(code(command), Code::invalid_argument);
  command = {};
  command.arguments = {"/no/program"};
  EXPECT_EQ(code(command), Code::unsupported);
}

TEST(SandboxLauncher, reads_its_command_line) {
  const auto read = [](std::vector<std::string> words, Arguments& out) {
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    return parse(static_cast<int>(pointers.size()), pointers.data(), out);
  };
  Arguments out;
  EXPECT_EQ(read({"x", "--view", "/a", "/b", "--identity", "7", "--scratch", "9", "--", "/p", "--view"}, out), "");
  EXPECT_EQ(out.views.size(), 1U);
  EXPECT_EQ(out.identity, 7U);
  EXPECT_EQ(out.scratch_bytes, 9U);
  EXPECT_EQ(out.program, (std::vector<std::string>{"/p", "--view"}));
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"x"},
                                             {"x", "--"},
                                             {"x", "--", "relative"},
                                             {"x", "--", "/a/../b"},
                                             {"x", "--identity", "-1", "--", "/p"},
                                             {"x", "--identity", "4294967296", "--", "/p"},
                                             {"x", "--view", "/a"},
                                             {"x", "--view", "/a", "b", "--", "/p"},
                                             {"x", "--other", "1", "--", "/p"},
                                             {"x", "--scratch", "1x", "--", "/p"}}) {
    Arguments ignored;
    EXPECT_NE(read(bad, ignored), "") << bad.back();
  }
}

}  // namespace
}  // namespace koinon::work::sandbox
