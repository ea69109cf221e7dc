#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/remote/revert.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

int run_command(const std::vector<std::string>& arguments, const Extensions& extensions) {
  auto commands = all_commands(extensions);
  const auto parsed = parse_line(arguments, commands);
  if (parsed.command == nullptr) {
    std::fputs(parsed.text.c_str(), parsed.exit == kSuccess ? stdout : stderr);
    if (parsed.exit != kSuccess) Console(parsed.json).failed(base::Code::invalid_argument, parsed.text);
    return parsed.exit;
  }
  Console console(parsed.json);
  if (const auto good = parsed.command->check(); !good) {
    console.failure(good.error());
    console.note(fmt::format("See: koinon {} --help", parsed.command->info().path));
    return kUsage;
  }
  if (const auto done = parsed.command->run(console); !done) {
    console.failure(in_words(done.error()));
    return kFailure;
  }
  if (std::fflush(stdout) != 0) {
    console.note("koinon: [output] stdout cannot be written");
    return kFailure;
  }
  return kSuccess;
}

}  // namespace

base::Result<trust::CheckSet> rules_with(const Extensions& extensions) {
  auto out = trust::standard_checks();
  if (extensions.rules) KOINON_CHECK(extensions.rules(out));
  return out;
}

int run_koinon(const std::vector<std::string>& arguments, const Extensions& extensions) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run_command(arguments, extensions);
  } catch (const std::exception& e) {  // memory, or a bug: still one clear line
    std::fprintf(stderr, "koinon: [internal] %s\n", e.what());
    return kFailure;
  }
}

}  // namespace koinon::cli
