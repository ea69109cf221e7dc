#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/language/build.hpp"
#include "engine/language/rows.hpp"
#include "engine/language/sampling.hpp"
#include "engine/language/state_trees.hpp"
#include "engine/run/execute.hpp"
#include "engine/run/packs.hpp"
#include "engine/run/prepared.hpp"

namespace koinon::engine::language {

using Tokens = std::vector<std::int64_t>;

/// A model that can be run: two programs of one set of constants, and what their inputs may be.
struct Model {
  Programs programs;
  base::Hash decode_id, prefill_id;  ///< the latter is zero without prefill

  /// Takes programs that nobody vouches for. Errors: malformed, when they are not programs of docs/language.md: names, order,
  /// types and shapes of inputs and outputs, a state that leaves in another form than it enters.
  static base::Result<Model> from(program::Program decode, std::optional<program::Program> prefill);

  [[nodiscard]] std::int64_t vocabulary() const { return programs.decode.inputs[kTokens].high + 1; }
  [[nodiscard]] std::size_t states() const { return programs.decode.inputs.size() - kFirstState; }
  [[nodiscard]] const program::Program& program_for(std::int64_t tokens) const {
    return tokens == 1 ? programs.decode : programs.prefill;
  }
};

/// One run of a generation, as tensor roots: what its claim binds. The inputs' and outputs' roots are lists of these.
struct Link {
  std::int64_t position = 0;           ///< of the first token that it takes
  std::int64_t taken = 0;              ///< tokens that it takes: 1 (decode) or the chunk (prefill)
  std::int64_t token = 0;              ///< that it chose for the place behind them
  base::Hash logits;                   ///< root
  std::vector<base::Hash> states;      ///< roots of the state that it leaves, in the order of the outputs
  base::Hash input_root, output_root;  ///< as in run::Run
  friend bool operator==(const Link&, const Link&) = default;
};

/// A whole generation. Its commitment binds the model, the prompt, the seed and settings, every state and every token.
struct Transcript {
  base::Hash decode_id, prefill_id;
  Tokens prompt;
  Tokens generated;
  SamplingNumbers sampling;
  base::Hash seed;
  std::vector<Link> links;
  friend bool operator==(const Transcript&, const Transcript&) = default;
};

/// keccak256 over "koinon.generation", both ids, both sizes, all tokens, sampling numbers and seed; then, a link at a time,
/// over the commitment so far, the input root and the output root (docs/language.md draws it).
base::Hash commitment(const Transcript& transcript);

/// The roots that a link must have by its other fields and, for the input, those of the links before it. Precondition: number <
/// links, and the link's tokens lie within the transcript.
base::Hash input_root(const Model& model, const Transcript& transcript, std::size_t number);
base::Hash output_root(const Link& link);

/// Checks everything about a transcript that needs no run: the first state is zeros, each state that leaves a run enters the
/// next, tokens follow from the prompt and from what was chosen, every draw from the seed, and the roots from all of these.
/// Then each link is one ordinary claim (program id, input root, output root), to be checked by any policy by itself. Errors:
/// rejected, naming the link and what is wrong with it.
base::Status check(const Model& model, const Transcript& transcript);

/// The programs of a model, made ready for many runs when the first of each comes. The model outlives it.
///
/// Threads: any may use it, several at the same time.
class Runner {
 public:
  /// A program that is ready, and, where its form allows, one that returns rows of the state instead of the state.
  struct Ready {
    std::unique_ptr<RowProgram> rows;  ///< null: a run of `prepared` returns the whole state
    std::optional<run::Prepared> prepared;
  };

  explicit Runner(const Model& model) : model_(model), packs_(std::make_shared<run::Packs>()) {}
  /// The program that takes so many tokens, made ready. Errors: those of run::Prepared::make.
  base::Result<const Ready*> ready(std::int64_t taken);
  /// A run of the program that takes so many tokens, whole state and all. Errors: those of execute.
  base::Result<run::Run> run(std::int64_t taken, std::span<const tensor::IntTensor> inputs, const run::RunOptions& options);
  /// Makes both programs ready. Errors: those of run::Prepared::make.
  base::Status warm();
  /// Bytes that it holds between runs, beside the model.
  [[nodiscard]] std::size_t own_bytes();

 private:
  base::Result<const run::Prepared*> whole(std::int64_t taken, bool trace);

  const Model& model_;
  std::shared_ptr<run::Packs> packs_;  // shared with what is prepared
  std::mutex mutex_;                   // guards what follows; what is once there stays
  Ready decode_, prefill_;
  std::array<std::optional<run::Prepared>, 4> whole_;  // decode and prefill, then both with a trace
};

/// The state of a generation and its roots, carried from run to run: neither copied nor hashed anew.
class Chain {
 public:
  /// Starts with zeros. The model outlives it. `runner`: of the same model, kept from other generations; one of its own when
  /// null.
  Chain(const Model& model, run::RunOptions options, std::shared_ptr<Runner> runner = nullptr);

  struct Step {
    Link link;
    tensor::IntTensor logits;
    base::Hash trace_root;
  };
  /// The next run. Its roots are zero when options.roots is false. Errors: those of execute; the state is then as it was.
  base::Result<Step> advance(std::span<const std::int64_t> tokens, std::int64_t position, const SamplingNumbers& sampling,
                             const base::Hash& seed);
  /// Makes the programs ready. Errors: those of run::Prepared::make.
  base::Status warm() { return runner_->warm(); }
  [[nodiscard]] const std::vector<tensor::IntTensor>& state() const { return state_; }

 private:
  base::Result<Step> advance_whole(std::int64_t taken, std::vector<tensor::IntTensor> small, Link link);
  base::Result<Step> advance_rows(const Runner::Ready& ready, std::vector<tensor::IntTensor> small, Link link);
  void take_back(std::vector<tensor::IntTensor>& inputs);
  void bind(std::span<const tensor::IntTensor> small, std::span<const tensor::IntTensor> outputs, Link& link);

  std::shared_ptr<Runner> runner_;  ///< shared with other generations of the model
  run::RunOptions options_;
  std::vector<tensor::IntTensor> state_;
  std::vector<base::Hash> roots_;  ///< of the state; empty while nothing is hashed
  std::array<std::int64_t, 3> sampling_{};
  std::array<base::Hash, 3> sampling_roots_;  ///< of sampling_, once it holds numbers
  StateTrees trees_;
};

/// Runs link `number` again: `state` is what entered it; on success the state that leaves it. Errors: rejected naming the
/// difference; those of execute.
base::Result<std::vector<tensor::IntTensor>> replay_link(const Model& model, const Transcript& transcript, std::size_t number,
                                                         std::span<const tensor::IntTensor> state, Runner& runner,
                                                         const run::RunOptions& options);
/// Checks a transcript and runs all of it again. Errors: those of check and replay_link.
base::Status replay(const Model& model, const Transcript& transcript, const run::RunOptions& options);

/// Continues a prompt, a token at a time. The state is kept between calls, so that nothing is computed twice.
class Generator {
 public:
  /// `options`: its trace decides whether every step is hashed; a transcript is kept either way,
  /// whose roots are zero when options.roots is false (a generation that nobody is to check). The model outlives the generator.
  /// `runner` as of Chain.
  Generator(const Model& model, const SamplingNumbers& sampling, const base::Hash& seed, run::RunOptions options,
            std::shared_ptr<Runner> runner = nullptr);

  /// Makes the programs ready, which the first run of each would do otherwise. Errors: those of run::Prepared::make.
  base::Status warm();
  /// Takes the prompt: chunks by the prefill program, the last one over tokens that were taken before; a short rest by decode.
  /// The first token behind it comes from `next`. Errors: invalid_argument (empty, a token outside the vocabulary, prompt()
  /// called before); exhausted (longer than the context); those of execute.
  base::Status prompt(const Tokens& tokens);
  /// The next token. Errors: exhausted at the end of the context; those of execute.
  base::Result<std::int64_t> next();

  /// Takes one more token of the caller's in the place of the one that was chosen, as if the prompt had been longer: for
  /// measuring, and for chats. Errors: invalid_argument when tokens were generated; as for prompt.
  base::Status force(std::int64_t token);

  [[nodiscard]] const Transcript& transcript() const { return transcript_; }
  /// Logits behind the last token that was taken, in units of 2^-12.
  [[nodiscard]] const tensor::IntTensor& logits() const { return logits_; }
  /// The state that the last run left.
  [[nodiscard]] const std::vector<tensor::IntTensor>& state() const { return chain_.state(); }
  /// Trace root of the last run; zero without trace.
  [[nodiscard]] const base::Hash& trace_root() const { return trace_root_; }

 private:
  base::Status take(std::span<const std::int64_t> tokens, std::int64_t position);

  const Model& model_;
  Chain chain_;
  Transcript transcript_;
  tensor::IntTensor logits_;
  base::Hash trace_root_;
  std::int64_t position_ = 0;
  std::optional<std::int64_t> chosen_;  ///< behind the last token, not yet taken
};

}  // namespace koinon::engine::language
