#include "cli/commands/text_options.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/random.hpp"
#include "cli/terminal/console.hpp"
#include "engine/language/bundle.hpp"

namespace koinon::cli {

using base::Result;
using engine::language::Folder;

void TextOptions::options(Line& line) {
  line.text("--prompt TEXT", prompt, "The text to continue")
      .text("--prompt-file FILE", prompt_file, "The same from a file")
      .number("--tokens N", tokens, 1, 1 << 20, "Tokens to generate at most")
      .real("--temperature T", sampling.temperature, 0, 256, "0: always the most likely token")
      .number("--top-k K", sampling.top_k, 0, 1 << 16, "Draw from the K most likely tokens; 0: all that the model considers")
      .real("--top-p P", sampling.top_p, 0, 1, "Draw from the fewest tokens that hold this share of the probability")
      .text("--seed SEED", seed, "Of every draw: 32 bytes of hex, or any text; random when absent")
      .flag("--past-end", past_end, "Go on behind a token that ends a text");
}

base::Status TextOptions::check(std::string_view command) const {
  if (prompt.empty() && prompt_file.empty())
    return base::fail(base::Code::invalid_argument,
                      "[{}] a prompt expected: --prompt with at least one character, or --prompt-file", command);
  if (!prompt.empty() && !prompt_file.empty())
    return base::fail(base::Code::invalid_argument, "[{}] --prompt and --prompt-file: only one of them expected", command);
  return {};
}

Result<std::string> TextOptions::text() const {
  if (prompt_file.empty()) return prompt;
  KOINON_TRY(const auto bytes, base::read_file(prompt_file, engine::language::kMaxTextBytes));
  return std::string(base::as_text(bytes));
}

base::Status TextOptions::draw_seed() {
  if (seed.empty()) {
    base::SystemRandom random;
    if (sampling.temperature != 0) sampling.seed = random.hash();
  } else if (seed.starts_with("0x")) {
    KOINON_TRY(sampling.seed, base::fixed_from_hex<32>(seed));
  } else {
    sampling.seed = base::keccak256(base::as_bytes(seed));
  }
  return {};
}

Result<work::language::Request> TextOptions::request(const Folder& folder) const {
  work::language::Request out;
  KOINON_TRY(const auto prompt_text, text());
  KOINON_TRY(out.prompt, folder.tokeniser->encode(prompt_text));
  out.tokens = tokens;
  KOINON_TRY(out.sampling, engine::language::numbers_of(sampling, folder.model.programs.candidates));
  out.seed = sampling.seed;
  out.past_end = past_end;
  KOINON_CHECK(work::language::check(out, work::language::Limits::of(folder.model)));
  return out;
}

Result<nlohmann::json> TextOptions::input() const {
  KOINON_TRY(const auto prompt_text, text());
  return nlohmann::json{{"prompt", prompt_text},   {"tokens", tokens},        {"temperature", sampling.temperature},
                        {"top_k", sampling.top_k}, {"top_p", sampling.top_p}, {"seed", base::to_hex(sampling.seed)},
                        {"past_end", past_end}};
}

Result<Folder> load_language(const std::string& path) {
  constexpr auto kHint = "make one with: koinon language build SOURCE --calibrate TEXT -o FOLDER";
  if (std::filesystem::is_directory(path)) {
    auto folder = Folder::load(path);
    return folder ? std::move(folder) : advise(std::move(folder).error(), kHint);
  }
  auto bytes = base::read_file(path);
  if (!bytes) return advise(std::move(bytes).error(), kHint);
  auto folder = engine::language::decode_bundle(*bytes);
  return folder ? std::move(folder) : advise(std::move(folder).error().within(path), kHint);
}

}  // namespace koinon::cli
