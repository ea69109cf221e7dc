// Tokens a second of a model folder: compiled here, then a prompt and greedy tokens, in four ways. One JSON object a line.
//   bench_language_tokens FOLDER PROMPT TOKENS
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
                             const engine::run::RunOptions& options) {
  Generator generator(model, SamplingNumbers{}, base::Hash{}, options);
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

base::Status measure(const std::string& folder, const std::string& prompt, std::int64_t count) {
  KOINON_TRY(const auto text, base::read_file(folder + "/calibration.txt"));
  for (int bits : {8, 16}) {
    CompileOptions how;
    how.build.activations = bits;
    how.most_tokens = 512;
    how.compare = 64;
    KOINON_TRY(const auto compiled, compile(folder, base::as_text(text), how));
    KOINON_TRY(const auto tokens, compiled.folder.tokeniser->encode(prompt));
    for (bool roots : {false, true}) {
      engine::run::RunOptions options;
      options.trace = false;
      options.roots = roots;
      Timed best;
      for (int round = 0; round < 3; ++round) {
        KOINON_TRY(auto timed, generate(compiled.folder.model, tokens, count, options));
        if (round == 0 || timed.rest < best.rest) best = std::move(timed);
      }
      const nlohmann::json line = {{"koinon", std::to_string(bits) + (roots ? " bits, chained" : " bits, no roots")},
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
  if (argc != 4) {
    std::fprintf(stderr, "bench_language_tokens FOLDER PROMPT TOKENS\n");
    return 2;
  }
  const auto done = measure(argv[1], argv[2], std::max(2LL, std::atoll(argv[3])));
  if (!done) std::fprintf(stderr, "%s\n", done.error().text.c_str());
  return done ? 0 : 1;
}
