#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace koinon::engine::language {

inline constexpr std::size_t kMaxVocabulary = 1 << 20;
inline constexpr std::size_t kMaxTextBytes = 1 << 26;  ///< that encode takes

/// Text to tokens and back. Stateless, so it may be used from several threads.
class Tokeniser {
 public:
  virtual ~Tokeniser() = default;
  /// Numbers of tokens are below this.
  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// Errors: out_of_range beyond kMaxTextBytes; unsupported when a character has no token.
  [[nodiscard]] virtual base::Result<std::vector<std::int64_t>> encode(std::string_view text) const = 0;
  /// The bytes of one token, which may be a part of a character; empty for a number outside the vocabulary.
  [[nodiscard]] virtual std::string bytes(std::int64_t token) const = 0;
  /// Tokens behind which a text is over.
  [[nodiscard]] virtual std::vector<std::int64_t> ends() const = 0;

  [[nodiscard]] std::string text(const std::vector<std::int64_t>& tokens) const;
};

/// Byte-level BPE from a tokenizer.json that nobody vouches for: model BPE, pre-tokeniser ByteLevel with GPT-2's pattern, no
/// normaliser. Errors: malformed; unsupported naming the part.
base::Result<std::unique_ptr<Tokeniser>> read_bpe(std::string_view tokenizer_json);
/// The same from GPT-2's two files, vocab.json and merges.txt.
base::Result<std::unique_ptr<Tokeniser>> read_bpe(std::string_view vocab_json, std::string_view merges_txt);
/// A SentencePiece model (tokenizer.model), by its library. Errors: malformed.
base::Result<std::unique_ptr<Tokeniser>> read_sentencepiece(base::ByteView model);

/// A tokeniser's file told by its first byte: '{' is tokenizer.json, anything else a SentencePiece model.
base::Result<std::unique_ptr<Tokeniser>> read_tokeniser(base::ByteView file);

}  // namespace koinon::engine::language
