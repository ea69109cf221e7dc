#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"

namespace {

int run_program(const std::vector<std::string>& arguments) {
  using namespace koinon;
  auto commands = cli::all_commands();
  const auto parsed = cli::parse_line(arguments, commands);
  if (parsed.command == nullptr) {
    std::fputs(parsed.text.c_str(), parsed.exit == cli::kSuccess ? stdout : stderr);
    return parsed.exit;
  }
  cli::Console console(parsed.json);
  const auto done = parsed.command->run(console);
  if (!done) {
    console.failure(done.error());
    return cli::kFailure;
  }
  if (std::fflush(stdout) != 0) {
    console.note("koinon: [output] stdout cannot be written");
    return cli::kFailure;
  }
  return cli::kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run_program({argv + 1, argv + argc});
  } catch (const std::exception& e) {  // memory, or a bug: still one clear line
    std::fprintf(stderr, "koinon: [internal] %s\n", e.what());
    return koinon::cli::kFailure;
  }
}
