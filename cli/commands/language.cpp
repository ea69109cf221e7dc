#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/language/bundle.hpp"
#include "engine/language/folder.hpp"
#include "engine/language/transcript.hpp"

namespace koinon::cli {
namespace {

using base::Status;
using engine::language::Compiled;
using engine::language::Folder;
using nlohmann::json;

class LanguageBuild final : public Command {
 public:
  LanguageBuild()
      : Command({"language build", "Compile a language model (GPT-2 or Llama form, safetensors) into exact integer programs",
                 "koinon language build examples/language/harbour --calibrate examples/language/harbour/calibration.txt "
                 "-o harbour"}) {}

  void options(Line& line) override {
    line.text("source", source_, "Folder with config.json, model.safetensors and tokenizer.json or tokenizer.model",
              Need::required)
        .text("-o,--output DIR", output_, "The folder to write", Need::required)
        .texts("--calibrate FILE...", calibrate_, "Text of the kind that the model is for; it sets the ranges (required)")
        .number("--calibration-tokens N", tokens_, 16, 1 << 20, "Tokens of it that are used")
        .choice("--activations", activations_, {"8", "16"}, "Bits of values that are multiplied by weights")
        .choice("--weights", weights_, {"4", "5", "6", "7", "8"}, "Bits of weights")
        .choice("--state", state_, {"8", "16"}, "Bits of the keys and values that are kept")
        .number("--context N", build_.context, 0, 1 << 20, "Tokens that a text may have; 0: as many as the model allows")
        .number("--chunk N", build_.chunk, 1, 1 << 16, "Tokens of a prompt that one run takes")
        .number("--candidates N", build_.candidates, 0, 1 << 16, "Most likely tokens that sampling considers; 0: 256")
        .text("--name TEXT", build_.metadata.name, "Name of the model; that of the folder when absent")
        .text("--author TEXT", build_.metadata.author, "Who made it")
        .text("--licence SPDX", build_.metadata.licence, "Licence, such as Apache-2.0");
  }

  Status check() const override {
    if (calibrate_.empty())
      return base::fail(base::Code::invalid_argument, "[language build] --calibrate: a text of the kind that the model is for");
    return {};
  }

  Status run(Console& console) override {
    std::string text;
    for (const auto& file : calibrate_) {
      KOINON_TRY(const auto bytes, base::read_file(file, engine::language::kMaxTextBytes));
      text += base::as_text(bytes);
    }
    engine::language::CompileOptions options;
    options.build = build_;
    if (options.build.metadata.name.empty()) options.build.metadata.name = folder_name(output_);
    options.build.activations = std::stoi(activations_);
    options.build.weights = std::stoi(weights_);
    options.build.state = std::stoi(state_);
    options.most_tokens = static_cast<std::size_t>(tokens_);
    auto progress = console.progress();
    options.progress = [&](std::size_t done, std::size_t total) { progress.update(done, total); };
    auto compiled = engine::language::compile(source_, text, options);
    progress.finish();
    if (!compiled) return base::fail(std::move(compiled).error().within(source_));
    KOINON_CHECK(compiled->folder.save(output_));
    tell(console, *compiled);
    return {};
  }

 private:
  /// The last part of a path.
  static std::string folder_name(const std::string& path) {
    auto whole = std::filesystem::absolute(path).lexically_normal();
    if (!whole.has_filename()) whole = whole.parent_path();
    return whole.filename().string();
  }

  void tell(Console& console, const Compiled& compiled) const {
    const auto& model = compiled.folder.model;
    const auto& a = compiled.accuracy;
    const auto id = base::to_hex(engine::language::bundle_id(compiled.folder));
    console.print(fmt::format("{}\n  model       {}, called {}\n  decode      {}, {} steps\n", output_, id,
                              clean(model.programs.decode.metadata.name, 60), base::to_hex(model.decode_id),
                              model.programs.decode.steps.size()));
    if (model.programs.chunk > 1)
      console.print(fmt::format("  prefill     {}, {} steps, {} tokens a run\n", base::to_hex(model.prefill_id),
                                model.programs.prefill.steps.size(), model.programs.chunk));
    console.print(fmt::format("  context     {} tokens of {}; sampling considers {}\n", model.programs.context,
                              model.vocabulary(), model.programs.candidates));
    console.print(fmt::format("  calibrated  with {} tokens, the last {} of them compared with float\n", compiled.calibrated,
                              a.compared));
    console.print(
        fmt::format("  logits      largest error {:.3g}, mean {:.3g}, of a range of {:.3g}\n"
                    "  next token  {:.3f} nats by float, {:.3f} by the program; the most likely one is the same at {:.1f} %\n",
                    a.largest, a.mean, a.range, a.nats_float, a.nats, 100 * a.same_top));
    console.object({{"folder", output_},
                    {"model", id},
                    {"name", model.programs.decode.metadata.name},
                    {"decode", base::to_hex(model.decode_id)},
                    {"prefill", model.programs.chunk > 1 ? json(base::to_hex(model.prefill_id)) : json()},
                    {"context", model.programs.context},
                    {"chunk", model.programs.chunk},
                    {"candidates", model.programs.candidates},
                    {"vocabulary", model.vocabulary()},
                    {"calibration_tokens", compiled.calibrated},
                    {"accuracy",
                     {{"compared", a.compared},
                      {"largest_error", a.largest},
                      {"mean_error", a.mean},
                      {"range", a.range},
                      {"same_top", a.same_top},
                      {"nats_float", a.nats_float},
                      {"nats", a.nats}}}});
  }

  std::string source_, output_, activations_ = "16", weights_ = "8", state_ = "8";
  std::vector<std::string> calibrate_;
  std::int64_t tokens_ = 2048;
  engine::language::BuildOptions build_;
};

class LanguageVerify final : public Command {
 public:
  LanguageVerify()
      : Command({"language verify", "Check a transcript of `koinon generate` by running all of it again",
                 "koinon language verify transcript.json harbour"}) {}

  void options(Line& line) override {
    line.text("transcript", transcript_, "The file that --transcript wrote", Need::required)
        .text("model", folder_, "The compiled model", Need::required)
        .flag("--structure", structure_, "Check the chain alone: tokens, draws, states and roots fit; nothing is run")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core");
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto bytes, base::read_file(transcript_, std::uint64_t{1} << 30));
    KOINON_TRY(const auto transcript, engine::language::read_transcript(bytes));
    KOINON_TRY(const auto folder, Folder::load(folder_));
    KOINON_CHECK(engine::language::check(folder.model, transcript));
    if (!structure_) {
      base::ThreadPool pool(static_cast<std::size_t>(threads_));
      engine::run::RunOptions options;
      options.pool = &pool;
      options.trace = false;
      KOINON_CHECK(engine::language::replay(folder.model, transcript, options));
    }
    const auto commitment = base::to_hex(engine::language::commitment(transcript));
    console.print(fmt::format("accepted: {} tokens generated from {} of prompt, {} runs {}\ncommitment  {}\n",
                              transcript.generated.size(), transcript.prompt.size(), transcript.links.size(),
                              structure_ ? "that fit each other" : "run again", commitment));
    console.object({{"accepted", true},
                    {"commitment", commitment},
                    {"run_again", structure_ ? 0 : transcript.links.size()},
                    {"links", transcript.links.size()}});
    return {};
  }

 private:
  std::string transcript_, folder_;
  bool structure_ = false;
  std::int64_t threads_ = 0;
};

}  // namespace

void add_language(Commands& to) {
  to.push_back(std::make_unique<LanguageBuild>());
  to.push_back(std::make_unique<LanguageVerify>());
  to.push_back(make_generate());
}

}  // namespace koinon::cli
