#pragma once
#include <optional>

#include "work/kept.hpp"
#include "work/kind.hpp"

namespace koinon::work::language {

/// A text that is made a token at a time, by who asks for the next one.
class Text {
 public:
  virtual ~Text() = default;
  /// The next token, that which ends the text included; nothing behind the last one. Errors: those of the run.
  virtual base::Result<std::optional<std::int64_t>> next() = 0;
  /// What a run of the order gives, made of the tokens so far.
  [[nodiscard]] virtual Outcome outcome() const = 0;
};

/// Texts of language models, a part of the kind inference: the artifact is a bundle ("KNL1") whose id is the spec, the input
/// parts are those of Request, the one output part holds the generated tokens (encode_tokens), the one that ended the text
/// included.
///
/// The trace root is the commitment of the transcript: it binds both programs, prompt, settings, seed, every token and, through
/// the roots of every run, every state and logit (docs/language.md). The witness hashes the roots of every run's logits and
/// outputs, which are published nowhere.
///
/// Threads: any may use it.
class Texts {
 public:
  /// `memory_limit`: bytes that one run's tensors may take. `keep_limit`: bytes of models that stay ready for the next order.
  Texts(std::uint64_t memory_limit, std::uint64_t keep_limit) : memory_limit_(memory_limit), kept_(keep_limit) {}

  /// Errors: as Kind::run; `rejected` for another bundle than ordered and for a request that the model does not take.
  base::Result<Outcome> run(const Job& job, const Means& means) const;
  /// The same a token at a time; the prompt is taken now. `means.pool` outlives the text; its progress is not called. Errors:
  /// as run.
  base::Result<std::unique_ptr<Text>> begin(const Job& job, const Means& means) const;
  /// The same with a bundle that is read only when the model is not ready yet.
  using Load = std::function<base::Result<base::Bytes>()>;
  base::Result<std::unique_ptr<Text>> begin(const base::Hash& model, const Load& load, const std::vector<base::Bytes>& inputs,
                                            const Means& means) const;

 private:
  struct Ready;
  class Making;
  static base::Result<std::shared_ptr<const Ready>> make_ready(const base::Hash& model, base::ByteView bundle);

  std::uint64_t memory_limit_;
  mutable Kept<Ready> kept_;
};

}  // namespace koinon::work::language
