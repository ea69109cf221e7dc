#pragma once
#include <nlohmann/json_fwd.hpp>

#include "cli/line/line.hpp"
#include "engine/language/sampling.hpp"
#include "work/language/request.hpp"

namespace koinon::cli {

/// What a language model is asked to continue, as options of a command.
struct TextOptions {
  std::string prompt, prompt_file, seed;
  std::int64_t tokens = 64;
  engine::language::Sampling sampling;
  bool past_end = false;

  void options(Line& line);
  [[nodiscard]] bool given() const { return !prompt.empty() || !prompt_file.empty(); }
  /// That there is one prompt, and that it says something. Errors: invalid_argument naming the command.
  [[nodiscard]] base::Status check(std::string_view command) const;
  /// The prompt. Errors: those of reading its file.
  [[nodiscard]] base::Result<std::string> text() const;
  /// Sets the seed of `sampling`: the one that was given, or a random one where something is drawn. Errors: invalid_argument.
  base::Status draw_seed();
  /// The request of an order to a model. Precondition: draw_seed was called. Errors: those of the tokeniser and of
  /// work::language::check.
  [[nodiscard]] base::Result<work::language::Request> request(const engine::language::Folder& folder) const;
  /// The field "text" of an order's input, as a node's API takes it. Precondition: as request. Errors: as text.
  [[nodiscard]] base::Result<nlohmann::json> input() const;
};

/// A compiled model: the folder that `koinon language build` made, or its bundle in one file. Errors: those of Folder::load and
/// decode_bundle.
base::Result<engine::language::Folder> load_language(const std::string& path);

}  // namespace koinon::cli
