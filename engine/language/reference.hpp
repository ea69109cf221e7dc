#pragma once
#include <functional>
#include <stop_token>

#include "engine/language/transformer.hpp"

namespace koinon::engine::language {

/// Largest magnitudes that the float model showed, in real units: what a program's scales are chosen by.
struct LayerRanges {
  double attention_in = 0, mlp_in = 0;   ///< normalised values, before gain and offset
  std::vector<double> q, k, v;           ///< of each head of keys (q: of the queries that share it), after rotation
  std::vector<double> q_plain, k_plain;  ///< before rotation
  double score = 0;                      ///< q k / sqrt(head size)
  double gate = 0, up = 0, product = 0;  ///< before the activation; behind it
};

struct Ranges {
  double residual = 0;
  double last_in = 0;
  std::vector<LayerRanges> layers;
  explicit Ranges(const Config& config);
};

/// The model in float32, one token at a time with a key-value state: the accuracy reference, and what calibrates a program.
/// Sums are float in a fixed order, functions come from engine/math: the same bits everywhere.
class Reference {
 public:
  explicit Reference(const Transformer& model);

  /// The logits [vocabulary] behind one more token. `ranges`: widened by what is seen, when given. Preconditions: 0 <= token <
  /// vocabulary, position() < context.
  std::vector<float> step(std::int64_t token, Ranges* ranges = nullptr);
  [[nodiscard]] std::int64_t position() const { return position_; }
  void restart() { position_ = 0; }

 private:
  struct State {
    std::vector<float> k, v;  ///< [places so far, kv_heads * head_size]
  };
  std::vector<float> attend(const Layer& layer, State& state, const std::vector<float>& x, LayerRanges* ranges) const;
  void rotate(std::vector<float>& heads) const;

  const Transformer& model_;
  std::vector<State> states_;
  std::int64_t position_ = 0;
};

/// Runs texts of tokens through the reference, each from position 0 and cut at the context, and notes the ranges. Errors:
/// invalid_argument (no tokens, a token outside the vocabulary), cancelled.
base::Result<Ranges> calibrate(const Transformer& model, const std::vector<std::vector<std::int64_t>>& texts,
                               const std::function<void(std::size_t done, std::size_t total)>& progress = {},
                               std::stop_token stop = {});

}  // namespace koinon::engine::language
