#pragma once
#include "engine/language/reference.hpp"
#include "engine/program/program.hpp"

namespace koinon::engine::language {

struct BuildOptions {
  int activations = 16;         ///< bits of values that are multiplied by weights: 8 or 16
  int weights = 8;              ///< bits of weights: 4 to 8
  int state = 8;                ///< bits of keys and values in the state: 8 or 16
  std::int64_t context = 0;     ///< positions of the state; 0: those of the model
  std::int64_t chunk = 8;       ///< tokens of one prefill run; 1: none
  std::int64_t candidates = 0;  ///< tokens that sampling considers; 0: 256, or the vocabulary when it is smaller
  program::Metadata metadata;
};

/// The two programs of one model: they hold the same constants and compute the same integers for a token, whatever the number
/// of tokens of a run.
struct Programs {
  program::Program decode;   ///< one token a run
  program::Program prefill;  ///< `chunk` tokens a run; without steps when chunk is 1
  std::int64_t context = 0, chunk = 1, candidates = 0;
};

/// Inputs of both programs in order; the state tensors follow, a layer's keys before its values.
inline constexpr std::size_t kTokens = 0, kPosition = 1, kColdness = 2, kTopK = 3, kTopP = 4, kDraw = 5, kFirstState = 6;
/// Outputs in order; the state tensors follow as in the inputs.
inline constexpr std::size_t kToken = 0, kLogits = 1, kFirstStateOut = 2;

/// Compiles a model (docs/language.md says to what). The same model, ranges and options give the same bytes on every machine.
/// Errors: invalid_argument (options), out_of_range (a scale or bound that does not hold, naming layer and part).
base::Result<Programs> build_programs(const Transformer& model, const Ranges& ranges, const BuildOptions& options);

}  // namespace koinon::engine::language
