#pragma once
#include "engine/language/folder.hpp"

namespace koinon::work::language {

using engine::language::Tokens;

/// What a model takes.
struct Limits {
  std::int64_t vocabulary = 0;  ///< tokens are below this
  std::int64_t context = 0;     ///< tokens that are taken, those of the prompt and those that were chosen
  std::int64_t candidates = 0;  ///< tokens that sampling considers

  static Limits of(const engine::language::Model& model);
};

/// An order for the continuation of a prompt: all that the text follows from besides the model.
struct Request {
  Tokens prompt;
  std::int64_t tokens = 0;  ///< to generate at most
  engine::language::SamplingNumbers sampling;
  base::Hash seed;
  bool past_end = false;  ///< go on behind a token that ends a text

  /// The two input parts of the order, little-endian:
  ///
  ///   prompt    u32 a token
  ///   settings  u32 tokens | u32 coldness | u32 top_k | u32 top_p | u32 flags (1: past_end) | 32 bytes seed
  [[nodiscard]] std::vector<base::Bytes> parts() const;
  /// Reads parts that nobody vouches for. Errors: malformed (number or sizes of the parts, an unknown flag).
  static base::Result<Request> read(const std::vector<base::Bytes>& parts);
  friend bool operator==(const Request&, const Request&) = default;
};

/// Whether a model takes a request. Errors: invalid_argument (an empty prompt, an unknown token, sampling numbers out of
/// range), out_of_range (prompt or text longer than the context), with what would fit.
base::Status check(const Request& request, const Limits& limits);

/// Tokens as a part: u32 each, little-endian.
base::Bytes encode_tokens(const Tokens& tokens);
/// Errors: malformed (bytes that are no whole number of tokens).
base::Result<Tokens> decode_tokens(base::ByteView bytes);

/// Why a text ended where it does: behind one of the model's `ends`, or because it has as many tokens as were asked for.
enum class Ending : std::uint8_t { end, tokens };
Ending ending_of(const Request& request, const Tokens& generated, const Tokens& ends);

}  // namespace koinon::work::language
