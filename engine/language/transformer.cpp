#include "engine/language/transformer.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "engine/math/math.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::int64_t kMaxSize = 1 << 20;

/// A field of config.json: a whole number from 1 to kMaxSize.
Result<std::int64_t> size_field(const json& config, const char* name, std::int64_t otherwise = 0) {
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) {
    if (otherwise > 0) return otherwise;
    return fail(Code::malformed, "[config] no {}", name);
  }
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() < 1 || found->get<std::uint64_t>() > kMaxSize)
    return fail(Code::out_of_range, "[config] {}: 1 to {} expected", name, kMaxSize);
  return found->get<std::int64_t>();
}

Result<double> real_field(const json& config, const char* name, double otherwise) {
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) return otherwise;
  if (!found->is_number()) return fail(Code::malformed, "[config] {}: a number expected", name);
  const auto value = found->get<double>();
  if (!(value > 1e-12 && value < 1e12)) return fail(Code::out_of_range, "[config] {}: {}", name, value);
  return value;
}

Result<Activation> activation_field(const json& config, const char* name, const char* otherwise) {
  const auto found = config.find(name);
  const std::string text = found != config.end() && found->is_string() ? found->get<std::string>() : otherwise;
  if (text == "gelu_new" || text == "gelu_pytorch_tanh" || text == "gelu_fast") return Activation::gelu_tanh;
  if (text == "gelu") return Activation::gelu_erf;
  if (text == "silu" || text == "swish") return Activation::silu;
  if (text == "relu") return Activation::relu;
  return fail(Code::unsupported, "[config] {} '{}': gelu, gelu_new, silu or relu expected", name, text.substr(0, 40));
}

/// rope_scaling, or rope_parameters as newer files have it.
Status read_scaling(const json& config, Config& out) {
  const char* name =
      config.contains("rope_parameters") && !config["rope_parameters"].is_null() ? "rope_parameters" : "rope_scaling";
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) return {};
  if (!found->is_object()) return fail(Code::malformed, "[config] {}: an object expected", name);
  KOINON_TRY(out.rope_base, real_field(*found, "rope_theta", out.rope_base));
  const auto type = found->find(found->contains("rope_type") ? "rope_type" : "type");
  const auto text = type != found->end() && type->is_string() ? type->get<std::string>() : std::string();
  if (text == "default") return {};
  auto& scaling = out.scaling;
  scaling.kind = text == "linear" ? RopeScaling::Kind::linear : RopeScaling::Kind::llama3;
  if (text != "linear" && text != "llama3")
    return fail(Code::unsupported, "[config] {}: rope_type '{}': default, linear or llama3 expected", name, text.substr(0, 40));
  if (!found->contains("factor")) return fail(Code::malformed, "[config] {}: no factor", name);
  KOINON_TRY(scaling.factor, real_field(*found, "factor", 1));
  if (scaling.kind == RopeScaling::Kind::linear) return {};
  KOINON_TRY(scaling.low, real_field(*found, "low_freq_factor", scaling.low));
  KOINON_TRY(scaling.high, real_field(*found, "high_freq_factor", scaling.high));
  KOINON_TRY(const auto first, size_field(*found, "original_max_position_embeddings"));
  scaling.context = static_cast<double>(first);
  if (!(scaling.low < scaling.high))
    return fail(Code::out_of_range, "[config] {}: low_freq_factor {} below high_freq_factor {} expected", name, scaling.low,
                scaling.high);
  return {};
}

/// Attention here sees all places before a token's own.
Status refuse_window(const json& config, const Config& out) {
  const auto found = config.find("sliding_window");
  if (found == config.end() || found->is_null() || config.value("use_sliding_window", json(true)) == json(false)) return {};
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() < static_cast<std::uint64_t>(out.context))
    return fail(Code::unsupported, "[config] sliding_window {}: none, or one of the whole context of {}, expected",
                found->dump().substr(0, 40), out.context);
  return {};
}

/// Scores are divided by the root of the head's size, in every layer.
Status refuse_other_scores(const json& config) {
  if (config.value("scale_attn_weights", json(true)) != json(true))
    return fail(Code::unsupported, "[config] scale_attn_weights: true expected");
  if (config.value("scale_attn_by_inverse_layer_idx", json(false)) != json(false))
    return fail(Code::unsupported, "[config] scale_attn_by_inverse_layer_idx: false expected");
  return {};
}

Result<Config> read_gpt2(const json& config) {
  Config out;
  out.family = "gpt2";
  KOINON_TRY(out.layers, size_field(config, "n_layer"));
  KOINON_TRY(out.heads, size_field(config, "n_head"));
  KOINON_TRY(out.width, size_field(config, "n_embd"));
  KOINON_TRY(out.context, size_field(config, config.contains("n_positions") ? "n_positions" : "n_ctx"));
  KOINON_TRY(out.inner, size_field(config, "n_inner", 4 * out.width));
  KOINON_TRY(out.epsilon, real_field(config, "layer_norm_epsilon", 1e-5));
  KOINON_TRY(out.activation, activation_field(config, "activation_function", "gelu_new"));
  KOINON_CHECK(refuse_other_scores(config));
  out.kv_heads = out.heads;
  out.head_size = out.width / out.heads;
  return out;
}

Result<Config> read_llama(const json& config) {
  Config out;
  out.family = "llama";
  KOINON_TRY(out.layers, size_field(config, "num_hidden_layers"));
  KOINON_TRY(out.heads, size_field(config, "num_attention_heads"));
  KOINON_TRY(out.kv_heads, size_field(config, "num_key_value_heads", out.heads));
  KOINON_TRY(out.width, size_field(config, "hidden_size"));
  KOINON_TRY(out.head_size, size_field(config, "head_dim", std::max<std::int64_t>(out.width / out.heads, 1)));
  KOINON_TRY(out.inner, size_field(config, "intermediate_size"));
  KOINON_TRY(out.context, size_field(config, "max_position_embeddings"));
  KOINON_TRY(out.epsilon, real_field(config, "rms_norm_eps", 1e-6));
  KOINON_TRY(out.rope_base, real_field(config, "rope_theta", 10000));
  KOINON_TRY(out.activation, activation_field(config, "hidden_act", "silu"));
  KOINON_CHECK(read_scaling(config, out));
  KOINON_CHECK(refuse_window(config, out));
  if (out.head_size % 2 != 0) return fail(Code::unsupported, "[config] rotary positions with heads of {}", out.head_size);
  out.gated = out.rms = true;
  return out;
}

/// Names tensors and takes them in the layout of Linear and Norm.
class Taker {
 public:
  Taker(const Tensors& tensors, std::string prefix) : tensors_(tensors), prefix_(std::move(prefix)) {}

  [[nodiscard]] const tensor::FloatTensor* find(const std::string& name) const {
    for (const auto& full : {prefix_ + name, name})
      if (const auto found = tensors_.find(full); found != tensors_.end()) return &found->second;
    return nullptr;
  }
  Result<std::vector<float>> take(const std::string& name, const tensor::Shape& shape) const {
    const auto* found = find(name);
    if (found == nullptr) return fail(Code::not_found, "[weights] no tensor '{}'", name);
    if (found->shape != shape)
      return fail(Code::malformed, "[weights] '{}' is {}: {} expected", name, tensor::shape_text(found->shape),
                  tensor::shape_text(shape));
    return found->data;
  }
  /// Empty when the file has none.
  Result<std::vector<float>> take_if(const std::string& name, const tensor::Shape& shape) const {
    if (find(name) == nullptr) return std::vector<float>{};
    return take(name, shape);
  }
  Result<Norm> norm(const std::string& name, std::int64_t width) const {
    Norm out;
    KOINON_TRY(out.gain, take(name + ".weight", {width}));
    KOINON_TRY(out.offset, take_if(name + ".bias", {width}));
    return out;
  }
  /// `turned`: the file has [in, out].
  Result<Linear> linear(const std::string& name, std::int64_t rows, std::int64_t columns, bool turned) const {
    Linear out{rows, columns, {}, {}};
    KOINON_TRY(out.weights, take(name + ".weight", turned ? tensor::Shape{columns, rows} : tensor::Shape{rows, columns}));
    KOINON_TRY(out.bias, take_if(name + ".bias", {rows}));
    if (!turned) return out;
    std::vector<float> rows_first(out.weights.size());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        rows_first[static_cast<std::size_t>(r * columns + c)] = out.weights[static_cast<std::size_t>(c * rows + r)];
    out.weights = std::move(rows_first);
    return out;
  }

 private:
  const Tensors& tensors_;
  std::string prefix_;
};

Linear rows_of(const Linear& all, std::int64_t first, std::int64_t count) {
  const auto cut = [](const std::vector<float>& v, std::int64_t at, std::int64_t n) {
    return v.empty() ? v : std::vector<float>(v.begin() + at, v.begin() + at + n);
  };
  return {count, all.in, cut(all.weights, first * all.in, count * all.in), cut(all.bias, first, count)};
}

Result<Layer> gpt2_layer(const Config& c, const Taker& from, const std::string& at) {
  Layer out;
  KOINON_TRY(out.before_attention, from.norm(at + "ln_1", c.width));
  KOINON_TRY(out.before_mlp, from.norm(at + "ln_2", c.width));
  KOINON_TRY(const auto qkv, from.linear(at + "attn.c_attn", 3 * c.width, c.width, true));
  out.q = rows_of(qkv, 0, c.width);
  out.k = rows_of(qkv, c.width, c.width);
  out.v = rows_of(qkv, 2 * c.width, c.width);
  KOINON_TRY(out.o, from.linear(at + "attn.c_proj", c.width, c.width, true));
  KOINON_TRY(out.up, from.linear(at + "mlp.c_fc", c.inner, c.width, true));
  KOINON_TRY(out.down, from.linear(at + "mlp.c_proj", c.width, c.inner, true));
  return out;
}

Result<Layer> llama_layer(const Config& c, const Taker& from, const std::string& at) {
  Layer out;
  const auto queries = c.heads * c.head_size, keys = c.kv_heads * c.head_size;
  KOINON_TRY(out.before_attention, from.norm(at + "input_layernorm", c.width));
  KOINON_TRY(out.before_mlp, from.norm(at + "post_attention_layernorm", c.width));
  KOINON_TRY(out.q, from.linear(at + "self_attn.q_proj", queries, c.width, false));
  KOINON_TRY(out.k, from.linear(at + "self_attn.k_proj", keys, c.width, false));
  KOINON_TRY(out.v, from.linear(at + "self_attn.v_proj", keys, c.width, false));
  KOINON_TRY(out.o, from.linear(at + "self_attn.o_proj", c.width, queries, false));
  KOINON_TRY(out.gate, from.linear(at + "mlp.gate_proj", c.inner, c.width, false));
  KOINON_TRY(out.up, from.linear(at + "mlp.up_proj", c.inner, c.width, false));
  KOINON_TRY(out.down, from.linear(at + "mlp.down_proj", c.width, c.inner, false));
  return out;
}

}  // namespace

double rope_frequency(const Config& config, std::int64_t i) {
  constexpr double kTurn = 6.283185307179586;
  const double plain = math::pow(config.rope_base, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_size));
  const auto& s = config.scaling;
  if (s.kind == RopeScaling::Kind::none) return plain;
  if (s.kind == RopeScaling::Kind::linear) return plain / s.factor;
  const double turns = s.context * plain / kTurn;  // over the first context
  if (turns < s.low) return plain / s.factor;
  if (turns > s.high) return plain;
  const double smooth = (turns - s.low) / (s.high - s.low);
  return (1 - smooth) * plain / s.factor + smooth * plain;
}

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::gelu_tanh: return 0.5 * x * (1 + math::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case Activation::gelu_erf: return 0.5 * x * (1 + math::erf(x * 0.7071067811865476));
    case Activation::silu: return x / (1 + math::exp(-x));
    case Activation::relu: break;
  }
  return x > 0 ? x : 0;
}

Result<Config> read_config(std::string_view text) {
  const auto config = base::parse_json(text);
  if (config.is_discarded() || !config.is_object()) return fail(Code::malformed, "[config] not a JSON object");
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) return fail(Code::malformed, "[config] no model_type");
  const auto family = type->get<std::string>();
  const bool llama = family == "llama" || family == "mistral";
  if (!llama && family != "gpt2")
    return fail(Code::unsupported, "[config] model_type '{}': gpt2, llama or mistral expected", family.substr(0, 40));
  KOINON_TRY(auto out, llama ? read_llama(config) : read_gpt2(config));
  KOINON_TRY(out.vocabulary, size_field(config, "vocab_size"));
  if (out.layers > 1024) return fail(Code::out_of_range, "[config] {} layers: at most 1024", out.layers);
  if (out.heads % out.kv_heads != 0 || (!llama && out.heads * out.head_size != out.width))
    return fail(Code::malformed, "[config] {} heads, {} of keys, width {}", out.heads, out.kv_heads, out.width);
  return out;
}

Result<Transformer> assemble(const Config& config, const Tensors& tensors) {
  const bool gpt2 = config.family == "gpt2";
  const Taker from(tensors, gpt2 ? "transformer." : "model.");
  Transformer out;
  out.config = config;
  KOINON_TRY(out.embedding, from.take(gpt2 ? "wte.weight" : "embed_tokens.weight", {config.vocabulary, config.width}));
  if (gpt2) {
    KOINON_TRY(out.positions, from.take("wpe.weight", {config.context, config.width}));
  }
  for (std::int64_t i = 0; i < config.layers; ++i) {
    KOINON_TRY(auto layer, gpt2 ? gpt2_layer(config, from, fmt::format("h.{}.", i))
                                : llama_layer(config, from, fmt::format("layers.{}.", i)));
    out.layers.push_back(std::move(layer));
  }
  KOINON_TRY(out.last, from.norm(gpt2 ? "ln_f" : "norm", config.width));
  out.head = {config.vocabulary, config.width, out.embedding, {}};
  if (from.find("lm_head.weight") != nullptr) {
    KOINON_TRY(out.head, from.linear("lm_head", config.vocabulary, config.width, false));
  }
  return out;
}

}  // namespace koinon::engine::language
