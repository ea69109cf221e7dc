#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/text_options.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/language/bundle.hpp"
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
    line.text("model", folder_, "The folder that `koinon language build` made, or a bundle", Need::required);
    text_.options(line);
    line.text("--transcript FILE", transcript_, "Write the chain of claims, which `koinon language verify` checks")
        .flag("--trace", trace_, "Commit to every step of every run too (slower)")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The result never depends on it");
  }

  Status check() const override { return text_.check("generate"); }

  Status run(Console& console) override {
    KOINON_TRY(const auto folder, load_language(folder_));
    KOINON_TRY(const auto text, text_.text());
    KOINON_TRY(const auto tokens, folder.tokeniser->encode(text));
    KOINON_CHECK(text_.draw_seed());
    KOINON_TRY(const auto numbers, engine::language::numbers_of(text_.sampling, folder.model.programs.candidates));
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    engine::run::RunOptions options;
    options.pool = &pool;
    options.trace = trace_;
    Generator generator(folder.model, numbers, text_.sampling.seed, options);

    const auto started = std::chrono::steady_clock::now();
    KOINON_CHECK(generator.prompt(tokens));
    const double prompt_seconds = seconds_since(started);
    const auto began = std::chrono::steady_clock::now();
    KOINON_TRY(const auto stopped, write(console, folder, generator));
    const double seconds = seconds_since(began);
    return tell(console, folder, generator, stopped, prompt_seconds, seconds);
  }

 private:
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
    for (std::int64_t i = 0; i < text_.tokens; ++i) {
      const auto token = generator.next();
      if (!token && token.error().code == Code::exhausted && i > 0) {
        stopped = "context";
        break;
      }
      if (!token) return base::fail(token.error());
      if (!text_.past_end && std::ranges::find(folder.ends, *token) != folder.ends.end()) {
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
    const auto model = base::to_hex(engine::language::bundle_id(folder));
    console.print(fmt::format("seed         {}\nmodel        {}\ndecode       {}\ncommitment   {}\n", base::to_hex(t.seed),
                              model, base::to_hex(t.decode_id), commitment));
    json out = engine::language::to_json(t);
    out["text"] = TextStream::whole(folder.tokeniser->text(t.generated));
    out["model"] = model;
    out["stopped"] = stopped;
    out["prompt_tokens_per_second"] = prompt_rate;
    out["tokens_per_second"] = rate;
    if (trace_) out["last_trace_root"] = base::to_hex(generator.trace_root());
    console.object(out);
    return {};
  }

  std::string folder_, transcript_;
  TextOptions text_;
  std::int64_t threads_ = 0;
  bool trace_ = false;
};

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace koinon::cli
