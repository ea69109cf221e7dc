#pragma once
#include <cstdint>

#include "base/hash.hpp"
#include "engine/program/builder.hpp"

namespace koinon::engine::language {

/// How the next token is chosen. Part of what a generation commits to.
struct Sampling {
  double temperature = 0;  ///< 0: greedy, the most likely token, the lowest number at ties; else 1/256 to 256
  std::int64_t top_k = 0;  ///< at most this many candidates; 0: as many as the program considers
  double top_p = 1;        ///< the fewest candidates that hold this share of the probability, in (0, 1]
  base::Hash seed;         ///< of every draw
};

/// The same as integers, which programs take as inputs.
struct SamplingNumbers {
  std::int64_t coldness = 4096;  ///< 1 / temperature in units of 1/4096, 16 to 2^20
  std::int64_t top_k = 1;        ///< 1 to the program's candidates
  std::int64_t top_p = 65536;    ///< in units of 1/65536, 1 to 65536
  friend bool operator==(const SamplingNumbers&, const SamplingNumbers&) = default;
};

inline constexpr std::int64_t kColdnessOne = 4096, kColdnessMost = 1 << 20, kColdnessLeast = 16;
inline constexpr std::int64_t kShareOne = 65536;
inline constexpr int kDrawBits = 24;
inline constexpr std::int64_t kMaxCandidates = 1 << 16;

/// Errors: invalid_argument naming the value.
base::Result<SamplingNumbers> numbers_of(const Sampling& sampling, std::int64_t candidates);

/// The random number for the token behind `position`: the first 24 bits of keccak256("koinon.sample" | seed | be64(position)).
std::int64_t draw(const base::Hash& seed, std::int64_t position);

/// References to a program's inputs for sampling, i32 [1] each.
struct SamplingInputs {
  program::Ref coldness, top_k, top_p, draw;
};

/// Unit of logits in a program: 2^-12.
inline constexpr int kLogitBits = 12;
/// Logits are clamped to this magnitude, 4096 in real terms.
inline constexpr std::int64_t kLogitLimit = 1 << 24;

/// Adds the steps that choose a token from logits [vocabulary] (i32, units of 2^-12): the token, i32 [1].
///
///   v, i = topk(logits, candidates);  d = min((v[0] - v) * coldness / 4096, 14 in real terms)
///   w    = exp(-d) in units of 2^-20, 0 from rank top_k on
///   w    = 0 where the sum of w before it is at least top_p of all
///   the token is i[r], r the number of ranks whose running sum of w is at most floor(sum(w) * draw / 2^24)
program::Ref add_sampling(program::Builder& to, program::Ref logits, std::int64_t vocabulary, std::int64_t candidates,
                          const SamplingInputs& inputs);

/// The weights w of the specification above, by token: what the program's draw is taken from. For tests and for showing
/// probabilities. Precondition: the logits keep to kLogitLimit.
std::vector<std::int64_t> sampling_weights(const std::vector<std::int64_t>& logits, std::int64_t candidates,
                                           const SamplingNumbers& numbers);

}  // namespace koinon::engine::language
