#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/language/safetensors.hpp"

namespace koinon::engine::language {

enum class Activation : std::uint8_t { gelu_tanh, gelu_erf, silu, relu };

/// f(x) of the float reference and of a program's tables. Same bits everywhere (engine/math).
double activate(Activation activation, double x);

/// How rotary frequencies differ from those of the base, as config.json says in rope_scaling (transformers' names).
struct RopeScaling {
  enum class Kind : std::uint8_t { none, linear, llama3 };
  Kind kind = Kind::none;
  double factor = 1;
  double low = 1, high = 4;  ///< llama3: turns over the first context below which a pair is slowed, above which it is not
  double context = 0;        ///< llama3: places that the model was first trained on
};

/// Sizes and choices of a decoder-only transformer. Written of GPT-2 (layer norm, learned positions) and of Llama (RMS norm,
/// rotary positions, gated MLP, grouped queries).
struct Config {
  std::string family;  ///< "gpt2" or "llama"
  std::int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, head_size = 0;
  std::int64_t inner = 0;    ///< width of the MLP
  std::int64_t context = 0;  ///< positions at most
  std::int64_t vocabulary = 0;
  double epsilon = 1e-5;
  double rope_base = 0;  ///< 0: learned positions
  Activation activation = Activation::gelu_tanh;
  bool gated = false;  ///< down(activate(gate x) * up x)
  bool rms = false;    ///< RMS norm; else layer norm
  RopeScaling scaling{};
  [[nodiscard]] std::int64_t groups() const { return heads / kv_heads; }
};

/// Angle by which pair i of a head turns from one place to the next. Precondition: rope_base > 0, 2 i < head_size.
double rope_frequency(const Config& config, std::int64_t i);

/// Reads the config.json of a model folder: model_type gpt2, llama or mistral. Errors: malformed, unsupported, out_of_range,
/// each naming the field.
base::Result<Config> read_config(std::string_view json);

/// y = W x + b, rows [out, in]; b may be empty.
struct Linear {
  std::int64_t out = 0, in = 0;
  std::vector<float> weights;
  std::vector<float> bias;
};

/// Gain and offset of a norm; the offset may be empty.
struct Norm {
  std::vector<float> gain, offset;
};

struct Layer {
  Norm before_attention, before_mlp;
  Linear q, k, v, o;
  Linear gate, up, down;  ///< gate only when the MLP is gated
};

/// A model in float32, every matrix with its rows outermost.
struct Transformer {
  Config config;
  std::vector<float> embedding;  ///< [vocabulary, width]
  std::vector<float> positions;  ///< [context, width], or empty with rotary positions
  std::vector<Layer> layers;
  Norm last;
  Linear head;  ///< [vocabulary, width]; the embedding again when the file has none
};

/// Takes a model's weights from tensors by the names that GPT-2's and Llama's files use, with or without the prefix
/// "transformer." or "model.". Errors: not_found or malformed, naming the tensor.
base::Result<Transformer> assemble(const Config& config, const Tensors& tensors);

}  // namespace koinon::engine::language
