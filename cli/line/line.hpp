#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/line/command.hpp"

namespace CLI {
class App;
}

namespace koinon::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;  ///< the command was understood and did not succeed
inline constexpr int kUsage = 2;    ///< the command line is wrong

enum class Need : std::uint8_t { optional, required };

/// Declares the options of one command. A name that begins with "--" is an option, any other a positional argument; a second
/// word says what an option takes, as in "--input FILE".
class Line {
 public:
  explicit Line(CLI::App& app) : app_(app) {}

  Line& flag(const std::string& name, bool& to, const std::string& help);
  Line& text(const std::string& name, std::string& to, const std::string& help, Need need = Need::optional);
  Line& texts(const std::string& name, std::vector<std::string>& to, const std::string& help);
  Line& choice(const std::string& name, std::string& to, const std::vector<std::string>& values, const std::string& help);
  /// A whole number from `least` to `most`.
  Line& number(const std::string& name, std::int64_t& to, std::int64_t least, std::int64_t most, const std::string& help);
  /// A decimal number from `least` to `most`.
  Line& real(const std::string& name, double& to, double least, double most, const std::string& help);
  /// Takes the value of an option already declared from an environment variable when it is not given.
  Line& environment(const std::string& name, const std::string& variable);

 private:
  CLI::App& app_;
};

/// What a command line asks for.
struct Parsed {
  Command* command = nullptr;  ///< null: `text` says it all
  bool json = false;
  int exit = kSuccess;  ///< status when there is no command
  std::string text;     ///< help (for stdout), or what is wrong (for stderr)
};

/// Reads a command line. `arguments` are those behind the program's name.
Parsed parse_line(const std::vector<std::string>& arguments, Commands& commands);

/// What may follow the words of a path: commands below it, else its options.
struct Follow {
  std::string path;  ///< "" for the program itself, "model", "model build"
  std::vector<std::string> words;
};
/// For every path of a line, in order.
std::vector<Follow> follows(Commands& commands);

/// The word of `known` that is nearest to `word`, or empty when none is near (an edit distance of at most a third of it).
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace koinon::cli
