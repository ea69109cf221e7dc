#pragma once
#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "base/random.hpp"
#include "node/api/programs.hpp"
#include "work/language/request.hpp"

namespace koinon::node::api {

/// A text that is asked for, as people write it.
struct TextAsked {
  std::variant<std::string, work::language::Tokens> prompt;
  std::int64_t tokens = 64;  ///< to generate at most; 0: as many as the context has room for
  engine::language::Sampling sampling;
  bool has_seed = false;  ///< else one is drawn, unless the text is greedy
  bool past_end = false;
};

/// Reads {"prompt": text or [tokens], "tokens", "temperature", "top_k", "top_p", "seed", "past_end"}, all but the prompt
/// optional. Errors: invalid_argument, out_of_range, naming the field.
base::Result<TextAsked> parse_text(const nlohmann::json& object);

/// A prompt: text of at most 1 MiB, or a list of tokens. Errors: invalid_argument, out_of_range.
base::Result<std::variant<std::string, work::language::Tokens>> parse_prompt(const nlohmann::json& value);
/// 0x and 64 hex digits, or any other text, which is hashed. Errors: invalid_argument (hex of another length).
base::Result<base::Hash> parse_seed(const std::string& text);

/// What a model is asked for: the prompt as its tokens, the settings as its numbers. Errors: those of the tokeniser, of
/// engine::language::numbers_of and of work::language::check.
base::Result<work::language::Request> text_request(const TextModel& model, const TextAsked& asked, base::Random& random);

/// An order's text for its buyer, TextOrder of the document: what was asked for and, when `generated` is there, what came.
nlohmann::json text_json(const TextModel& model, const work::language::Request& request,
                         const std::optional<work::language::Tokens>& generated);

}  // namespace koinon::node::api
