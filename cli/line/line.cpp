#include "cli/line/line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

namespace koinon::cli {
namespace {

constexpr std::string_view kAbout = "Koinon makes this machine a member of an open AI network: buy, sell and check work.";
constexpr std::size_t kHelpColumn = 30;

/// Edit distance where two swapped neighbours count one (optimal string alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::move(above);
    above = std::move(row);
  }
  return above[b.size()];
}

std::vector<std::string> words_of(const std::string& path) {
  std::vector<std::string> out(1);
  for (const char c : path)
    if (c == ' ')
      out.emplace_back();
    else
      out.back() += c;
  return out;
}

/// What an option takes, the second word of "--input FILE".
std::string kind_of(const std::vector<std::string>& words) { return words.size() > 1 ? words[1] : ""; }

std::string alternatives(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : "|") + value;
  return out;
}

std::string full_name(const CLI::App* app) {
  const auto* parent = app->get_parent();
  return parent == nullptr ? app->get_name() : full_name(parent) + " " + app->get_name();
}

std::vector<std::string> command_names(const CLI::App* app) {
  std::vector<std::string> out;
  for (const auto* sub : app->get_subcommands([](const CLI::App*) { return true; })) out.push_back(sub->get_name());
  return out;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> out;
  for (const auto* option : app->get_options())
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

std::string hint(const std::string& near) { return near.empty() ? "" : fmt::format(": did you mean '{}'?", near); }

/// What is wrong with a word that no command or option took.
std::string explain_word(const CLI::App* app, std::string word) {
  if (word.starts_with("-") && word != "-" && word != "--") {
    word = word.substr(0, word.find('='));
    return fmt::format("unknown option '{}' of '{}'{}", word, full_name(app), hint(nearest(word, option_names(app))));
  }
  if (const auto commands = command_names(app); !commands.empty())
    return fmt::format("no such command: '{} {}'{}", full_name(app), word, hint(nearest(word, commands)));
  return fmt::format("'{}' is one argument too many for '{}'", word, full_name(app));
}

/// The command of the line that was reached, and the first word that nothing took.
struct Reached {
  const CLI::App* app;
  const CLI::App* stranger_of = nullptr;
  std::string stranger;
};

Reached reach(const CLI::App& root) {
  Reached out{&root, nullptr, {}};
  for (const auto* app = &root; app != nullptr;) {
    out.app = app;
    if (const auto left = app->remaining(); out.stranger_of == nullptr && !left.empty()) {
      out.stranger_of = app;
      out.stranger = left.front();
    }
    const auto parsed = app->get_subcommands();
    app = parsed.empty() ? nullptr : parsed.front();
  }
  return out;
}

std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  const auto reached = reach(root);
  std::string what = error.what();
  if (reached.stranger_of != nullptr)
    what = explain_word(reached.stranger_of, reached.stranger);
  else if (what.find("subcommand is required") != std::string::npos)
    what = fmt::format("'{}' needs a command", full_name(reached.app));
  const auto* about = reached.stranger_of != nullptr ? reached.stranger_of : reached.app;
  return fmt::format("koinon: [usage] {}\nSee: {} --help\n", what, full_name(about));
}

/// The apps of a line by path, made with their parents when first asked for.
class Tree {
 public:
  explicit Tree(CLI::App& root) : root_(root) {}

  CLI::App* at(const std::string& path) {
    if (path.empty()) return &root_;
    if (const auto known = apps_.find(path); known != apps_.end()) return known->second;
    const auto cut = path.rfind(' ');
    auto* parent = at(cut == std::string::npos ? "" : path.substr(0, cut));
    auto* app = parent->add_subcommand(words_of(path).back());
    apps_.emplace(path, app);
    return app;
  }

 private:
  CLI::App& root_;
  std::map<std::string, CLI::App*> apps_;
};

void describe_groups(Tree& tree, const Commands& commands) {
  struct Group {
    std::string about, example;
  };
  static const std::map<std::string, Group> kGroups = {
      {"model", {"Compile models and look into them", "koinon model inspect digits.koinon"}},
      {"language", {"Compile language models and check their texts", "koinon language verify story.json harbour"}},
      {"private", {"Compute on inputs that stay encrypted", "koinon private plan digits4.koinon -o digits4.plan"}},
      {"private sum",
       {"Add up many parties' numbers, of which the aggregator sees none",
        "koinon private sum plan --length 1000 --parties 20 --largest 0.1 -o round.plan"}},
      {"receipt", {"Check and show receipts", "koinon receipt verify receipt-7.json"}},
      {"account", {"Money, stake, offer and keys of an account", "koinon account show"}},
  };
  for (const auto& command : commands) {
    const auto words = words_of(command->info().path);
    std::string path;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      path += (i == 0 ? "" : " ") + words[i];
      const auto group = kGroups.find(path);
      if (group == kGroups.end()) continue;
      auto* app = tree.at(path);
      app->description(group->second.about);
      app->footer(fmt::format("Example:\n  {}\nEach command has its own: koinon {} {} --help", group->second.example, path,
                              words[i + 1]));
      app->require_subcommand(1);
    }
  }
}

/// Declares every command; the one that a line names goes into `out`.
void declare(CLI::App& root, Tree& tree, Commands& commands, Parsed& out) {
  root.get_formatter()->column_width(kHelpColumn);
  root.require_subcommand(1);
  root.add_flag("--version")->description("Print the version");
  root.footer(
      "Example:\n  koinon run digits.koinon --input examples/digits/digit-7.png\nEach command has its own: koinon run --help");
  for (auto& command : commands) {
    auto* app = tree.at(command->info().path);
    app->description(command->info().about);
    app->footer("Example:\n  " + command->info().example);
    Line line(*app);
    command->options(line);
    app->add_flag("--json", out.json, "One JSON object on stdout; notes and progress on stderr");
    app->require_subcommand(0, 1);
    app->final_callback([&out, &command, app] {
      if (app->get_subcommands().empty()) out.command = command.get();
    });
  }
  describe_groups(tree, commands);
}

void add_follows(const CLI::App& app, const std::string& path, std::vector<Follow>& out) {
  auto words = command_names(&app);
  std::ranges::move(option_names(&app), std::back_inserter(words));
  out.push_back({path, std::move(words)});
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    add_follows(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
}

}  // namespace

Line& Line::flag(const std::string& name, bool& to, const std::string& help) {
  app_.add_flag(name, to, help);
  return *this;
}

Line& Line::text(const std::string& name, std::string& to, const std::string& help, Need need) {
  const auto words = words_of(name);
  auto* option = app_.add_option(words.front(), to, help)->required(need == Need::required)->type_name(kind_of(words));
  if (!to.empty()) option->capture_default_str();
  return *this;
}

Line& Line::texts(const std::string& name, std::vector<std::string>& to, const std::string& help) {
  const auto words = words_of(name);
  app_.add_option(words.front(), to, help)->type_name(kind_of(words));
  return *this;
}

Line& Line::choice(const std::string& name, std::string& to, const std::vector<std::string>& values, const std::string& help) {
  app_.add_option(name, to, help)->check(CLI::IsMember(values))->capture_default_str()->type_name(alternatives(values));
  return *this;
}

Line& Line::number(const std::string& name, std::int64_t& to, std::int64_t least, std::int64_t most, const std::string& help) {
  const auto words = words_of(name);
  app_.add_option(words.front(), to, help)
      ->check(CLI::Range(least, most).description(""))
      ->capture_default_str()
      ->type_name(kind_of(words));
  return *this;
}

Line& Line::real(const std::string& name, double& to, double least, double most, const std::string& help) {
  const auto words = words_of(name);
  app_.add_option(words.front(), to, help)->check(CLI::Range(least, most).description(""))->type_name(kind_of(words));
  return *this;
}

Line& Line::environment(const std::string& name, const std::string& variable) {
  app_.get_option(name)->envname(variable);
  return *this;
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  auto least = word.size() / 3 + 1;
  for (const auto& candidate : known)
    if (const auto d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  return best;
}

std::vector<Follow> follows(Commands& commands) {
  Parsed unused;
  CLI::App root{std::string(kAbout), "koinon"};
  Tree tree(root);
  declare(root, tree, commands, unused);
  std::vector<Follow> out;
  add_follows(root, "", out);
  return out;
}

Parsed parse_line(const std::vector<std::string>& arguments, Commands& commands) {
  Parsed out;
  CLI::App root{std::string(kAbout), "koinon"};
  Tree tree(root);
  declare(root, tree, commands, out);

  std::vector<std::string> given = arguments;
  if (given.size() == 1 && given.front() == "--version") given.front() = "version";
  std::reverse(given.begin(), given.end());  // CLI11 takes them from the back
  try {
    root.parse(given);
  } catch (const CLI::CallForHelp&) {
    out.text = root.help();
  } catch (const CLI::ParseError& error) {
    out.exit = kUsage;
    out.json = std::ranges::find(arguments, "--json") != arguments.end();
    out.text = explain(root, error);
    out.command = nullptr;
  }
  return out;
}

}  // namespace koinon::cli
