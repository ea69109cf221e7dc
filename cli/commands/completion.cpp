#include <nlohmann/json.hpp>

#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

/// A script for bash. Options where a dash was typed, commands where a path has some, files elsewhere.
std::string bash_script(const std::vector<Follow>& all) {
  std::string cases;
  for (const auto& one : all) {
    std::string words;
    for (const auto& word : one.words) words += (words.empty() ? "" : " ") + word;
    cases += fmt::format("    '{}') words='{}' ;;\n", one.path, words);
  }
  return "# Completion of koinon for bash: source this file, or keep it as /etc/bash_completion.d/koinon\n"
         "_koinon_words() {\n"
         "  local words=\n"
         "  case $1 in\n" +
         cases +
         "    *) return 1 ;;\n"
         "  esac\n"
         "  printf '%s' \"$words\"\n"
         "}\n"
         "_koinon() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path= longer word i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    longer=${path:+$path }$word\n"
         "    if _koinon_words \"$longer\" >/dev/null; then path=$longer; else break; fi\n"
         "  done\n"
         "  local words=$(_koinon_words \"$path\")\n"
         "  if [[ $current == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\" | grep -v '^-')\n"
         "    if ((${#COMPREPLY[@]} == 0)); then\n"
         "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
         "      compopt -o filenames 2>/dev/null\n"
         "    fi\n"
         "  fi\n"
         "}\n"
         "complete -F _koinon koinon\n";
}

class Completion final : public Command {
 public:
  explicit Completion(const Extensions& extensions)
      : Command(
            {"completion", "Print a script that completes this program's words in a shell", "koinon completion --shell bash"}),
        extensions_(extensions) {}
  void options(Line& line) override { line.choice("--shell", shell_, {"bash", "zsh"}, "For which shell"); }
  base::Status run(Console& console) override {
    auto commands = all_commands(extensions_);
    auto script = bash_script(follows(commands));
    if (shell_ == "zsh") script = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" + script;
    console.print(script);
    console.object({{"shell", shell_}, {"script", script}});
    return {};
  }

 private:
  const Extensions& extensions_;
  std::string shell_ = "bash";
};

}  // namespace

std::unique_ptr<Command> make_completion(const Extensions& extensions) { return std::make_unique<Completion>(extensions); }

}  // namespace koinon::cli
