#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/random.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/language/folder.hpp"
#include "engine/language/text_stream.hpp"
#include "engine/language/transcript.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using engine::language::Folder;
using engine::language::Generator;
using engine::language::TextStream;
using nlohmann::json;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Generate final : public Command {
 public:
  Generate()
      : Command({"generate", "Continue a text with a compiled language model, token by token, and commit to all of it",
                 "koinon generate harbour --prompt \"Mira was selling\" --tokens 40"}) {}

  void options(Line& line) override {
    line.text("model", folder_, "The folder that `koinon language build` made", Need::required)
        .text("--prompt TEXT", prompt_, "The text to continue")
        .text("--prompt-file FILE", prompt_file_, "The same from a file")
        .number("--tokens N", tokens_, 1, 1 << 20, "Tokens to generate at most")
        .real("--temperature T", sampling_.temperature, 0, 256, "0: always the most likely token")
        .number("--top-k K", sampling_.top_k, 0, 1 << 16, "Draw from the K most likely tokens; 0: all that the model considers")
        .real("--top-p P", sampling_.top_p, 0, 1, "Draw from the fewest tokens that hold this share of the probability")
        .text("--seed SEED", seed_, "Of every draw: 32 bytes of hex, or any text; random when absent")
        .flag("--past-end", past_end_, "Go on behind a token that ends a text")
        .text("--transcript FILE", transcript_, "Write the chain of claims, which `koinon language verify` checks")
        .flag("--trace", trace_, "Commit to every step of every run too (slower)")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The result never depends on it");
  }

  Status check() const override {
    if (prompt_.empty() == prompt_file_.empty())
      return base::fail(Code::invalid_argument, "[generate] one of --prompt and --prompt-file");
    return {};
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto folder, Folder::load(folder_));
    KOINON_TRY(const auto text, prompt_text());
    KOINON_TRY(const auto tokens, folder.tokeniser->encode(text));
    KOINON_TRY(sampling_.seed, seed());
    KOINON_TRY(const auto numbers, engine::language::numbers_of(sampling_, folder.model.programs.candidates));
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    engine::run::RunOptions options;
    options.pool = &pool;
    options.trace = trace_;
    Generator generator(folder.model, numbers, sampling_.seed, options);

    const auto started = std::chrono::steady_clock::now();
    KOINON_CHECK(generator.prompt(tokens));
    const double prompt_seconds = seconds_since(started);
    const auto began = std::chrono::steady_clock::now();
    KOINON_TRY(const auto stopped, write(console, folder, generator));
    const double seconds = seconds_since(began);
    return tell(console, folder, generator, stopped, prompt_seconds, seconds);
  }

 private:
  base::Result<std::string> prompt_text() const {
    if (prompt_file_.empty()) return prompt_;
    KOINON_TRY(const auto bytes, base::read_file(prompt_file_, engine::language::kMaxTextBytes));
    return std::string(base::as_text(bytes));
  }

  base::Result<base::Hash> seed() const {
    if (seed_.empty()) {
      base::SystemRandom random;
      return sampling_.temperature == 0 ? base::Hash{} : random.hash();
    }
    if (seed_.starts_with("0x")) return base::fixed_from_hex<32>(seed_);
    return base::keccak256(base::as_bytes(seed_));
  }

  /// Generates to the end; why it ended: "tokens", "end" or "context".
  base::Result<std::string> write(Console& console, const Folder& folder, Generator& generator) const {
    TextStream stream;
    const auto show = [&](const std::string& text) {
      if (console.json() || text.empty()) return;
      console.print(text);
      std::fflush(stdout);
    };
    show(stream.add(folder.tokeniser->text(generator.transcript().prompt)));
    std::string stopped = "tokens";
    for (std::int64_t i = 0; i < tokens_; ++i) {
      const auto token = generator.next();
      if (!token && token.error().code == Code::exhausted && i > 0) {
        stopped = "context";
        break;
      }
      if (!token) return base::fail(token.error());
      if (!past_end_ && std::ranges::find(folder.ends, *token) != folder.ends.end()) {
        stopped = "end";
        break;
      }
      show(stream.add(folder.tokeniser->bytes(*token)));
    }
    show(stream.finish() + "\n");
    return stopped;
  }

  Status tell(Console& console, const Folder& folder, const Generator& generator, const std::string& stopped,
              double prompt_seconds, double seconds) const {
    const auto& t = generator.transcript();
    const auto commitment = base::to_hex(engine::language::commitment(t));
    // The first token comes with the prompt.
    const auto made = static_cast<double>(t.generated.size() > 1 ? t.generated.size() - 1 : 0);
    const double rate = seconds > 0 ? made / seconds : 0;
    const double prompt_rate = prompt_seconds > 0 ? static_cast<double>(t.prompt.size()) / prompt_seconds : 0;
    if (!transcript_.empty())
      KOINON_CHECK(base::write_file(transcript_, base::as_bytes(engine::language::to_json(t).dump(1) + "\n")));
    console.print(fmt::format("\nprompt       {} tokens, {:.0f} a second\ngenerated    {} tokens, {:.0f} a second{}\n",
                              t.prompt.size(), prompt_rate, t.generated.size(), rate,
                              stopped == "context" ? "; the context is full"
                              : stopped == "end"   ? "; the text is over"
                                                   : ""));
    console.print(fmt::format("seed         {}\nprogram      {}\ncommitment   {}\n", base::to_hex(t.seed),
                              base::to_hex(t.decode_id), commitment));
    json out = engine::language::to_json(t);
    out["text"] = TextStream::whole(folder.tokeniser->text(t.generated));
    out["stopped"] = stopped;
    out["prompt_tokens_per_second"] = prompt_rate;
    out["tokens_per_second"] = rate;
    if (trace_) out["last_trace_root"] = base::to_hex(generator.trace_root());
    console.object(out);
    return {};
  }

  std::string folder_, prompt_, prompt_file_, seed_, transcript_;
  std::int64_t tokens_ = 64, threads_ = 0;
  bool past_end_ = false, trace_ = false;
  engine::language::Sampling sampling_;
};

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace koinon::cli
