#include "engine/language/build.hpp"

#include "engine/language/lower.hpp"
#include "engine/language/sampling.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;

base::Status check(const Config& config, const BuildOptions& options) {
  const auto wrong = [](std::string_view what, std::int64_t value, std::string_view expected) {
    return fail(Code::invalid_argument, "[language] {} {}: {} expected", what, value, expected);
  };
  if (options.activations != 8 && options.activations != 16)
    return wrong("activations of bits", options.activations, "8 or 16");
  if (options.state != 8 && options.state != 16) return wrong("a state of bits", options.state, "8 or 16");
  if (options.weights < 4 || options.weights > 8) return wrong("weights of bits", options.weights, "4 to 8");
  if (options.context < 0 || options.context > config.context)
    return wrong("a context of", options.context, fmt::format("1 to the model's {}", config.context));
  const auto context = options.context == 0 ? config.context : options.context;
  if (options.chunk < 1 || options.chunk > context) return wrong("a chunk of", options.chunk, "1 to the context");
  const auto most = std::min(config.vocabulary, kMaxCandidates);
  if (options.candidates < 0 || options.candidates > most)
    return wrong("candidates", options.candidates, fmt::format("0 to {}", most));
  if (config.layers * 2 + static_cast<std::int64_t>(kFirstState) > (1 << 15)) return wrong("layers", config.layers, "fewer");
  return {};
}

}  // namespace

base::Result<Programs> build_programs(const Transformer& model, const Ranges& ranges, const BuildOptions& options) {
  KOINON_CHECK(check(model.config, options));
  Programs out;
  out.context = options.context == 0 ? model.config.context : options.context;
  out.chunk = options.chunk;
  out.candidates = options.candidates == 0 ? std::min<std::int64_t>(256, model.config.vocabulary) : options.candidates;
  KOINON_TRY(out.decode, Lower(model, ranges, options, 1).program(out.candidates));
  if (out.chunk > 1) {
    KOINON_TRY(out.prefill, Lower(model, ranges, options, out.chunk).program(out.candidates));
  }
  return out;
}

}  // namespace koinon::engine::language
