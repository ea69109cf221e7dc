// config.json of a model: whatever comes, sizes that fit each other, or an error.
#include "engine/language/transformer.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

std::vector<base::Bytes> koinon_fuzz_seeds() {
  std::vector<base::Bytes> out;
  for (std::string_view text :
       {R"({"model_type":"gpt2","n_layer":2,"n_head":2,"n_embd":8,"n_ctx":16,"vocab_size":9,"activation_function":"gelu_new"})",
        R"({"model_type":"llama","num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,"hidden_size":16,)"
        R"("intermediate_size":24,"max_position_embeddings":32,"rms_norm_eps":1e-6,"rope_theta":1e4,"vocab_size":9})"})
    out.emplace_back(text.begin(), text.end());
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = language::read_config(base::as_text({data, size}));
  if (!config) return 0;
  const bool good = config->layers > 0 && config->heads > 0 && config->kv_heads > 0 && config->heads % config->kv_heads == 0 &&
                    config->head_size > 0 && config->context > 0 && config->vocabulary > 0 && config->inner > 0;
  if (!good) __builtin_trap();
  // No weights: an error that names the first.
  if (language::assemble(*config, {})) __builtin_trap();
  return 0;
}
