// Tokens a second of a model folder: compiled here, then a prompt and greedy tokens, in six ways. One JSON object a line.
//   bench_language_tokens FOLDER PROMPT TOKENS [CONTEXT]
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.hpp"
#include "engine/language/folder.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine::language;

/// Processor seconds of this process, which runs on one thread: what others do on the machine does not count.
double now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Timed {
  double prompt = 0, rest = 0;  // processor seconds; of the tokens behind the first
  Tokens generated;
};

base::Result<Timed> generate(const Model& model, const Tokens& prompt, std::int64_t count,
                             const engine::run::RunOptions& options, const std::shared_ptr<Runner>& runner) {
  Generator generator(model, SamplingNumbers{}, base::Hash{}, options, runner);
  // The programs are made ready before the clock starts, as a session of the peer is.
  KOINON_CHECK(generator.warm());
  const double start = now();
  KOINON_CHECK(generator.prompt(prompt));
  KOINON_TRY([[maybe_unused]] const auto first, generator.next());
  const double prompt_seconds = now() - start;
  const double began = now();
  for (std::int64_t i = 1; i < count; ++i) {
    KOINON_TRY([[maybe_unused]] const auto token, generator.next());
  }
  return Timed{prompt_seconds, now() - began, generator.transcript().generated};
}

struct Way {
  const char* name;
  bool roots, trace;
};
constexpr Way kWays[] = {{"no roots", false, false}, {"chained", true, false}, {"traced", true, true}};

base::Status measure(const std::string& folder, const std::string& prompt, std::int64_t count, std::int64_t context) {
  KOINON_TRY(const auto text, base::read_file(folder + "/calibration.txt"));
  for (int bits : {8, 16}) {
    CompileOptions how;
    how.build.activations = bits;
    how.build.context = context;
    how.most_tokens = 512;
    how.compare = context == 0 ? 64 : std::min<std::size_t>(64, static_cast<std::size_t>(context));
    KOINON_TRY(const auto compiled, compile(folder, base::as_text(text), how));
    KOINON_TRY(const auto tokens, compiled.folder.tokeniser->encode(prompt));
    for (const auto& way : kWays) {
      engine::run::RunOptions options;
      options.trace = way.trace;
      options.roots = way.roots;
      const auto runner = std::make_shared<Runner>(compiled.folder.model);
      Timed best;
      for (int round = 0; round < 3; ++round) {
        KOINON_TRY(auto timed, generate(compiled.folder.model, tokens, count, options, runner));
        if (round == 0 || timed.rest < best.rest) best = std::move(timed);
      }
      const nlohmann::json line = {{"koinon", fmt::format("{} bits, {}", bits, way.name)},
                                   {"tokens_per_second", static_cast<double>(count - 1) / best.rest},
                                   {"prompt_tokens_per_second", static_cast<double>(tokens.size()) / best.prompt},
                                   {"same_top", compiled.accuracy.same_top},
                                   {"generated", best.generated}};
      std::printf("%s\n", line.dump().c_str());
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "bench_language_tokens FOLDER PROMPT TOKENS [CONTEXT]\n");
    return 2;
  }
  const auto done = measure(argv[1], argv[2], std::max(2LL, std::atoll(argv[3])), argc == 5 ? std::atoll(argv[4]) : 0);
  if (!done) std::fprintf(stderr, "%s\n", done.error().text.c_str());
  return done ? 0 : 1;
}
