#include "engine/language/random_model.hpp"

#include <cmath>

#include "base/random.hpp"

namespace koinon::engine::language {

Transformer random_model(const Config& config, std::uint64_t seed) {
  base::SeededRandom random(seed);
  // About normal: the mean of four uniform numbers, made to deviate by `spread`.
  const auto some = [&](std::int64_t count, double spread, double mean = 0) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (auto& v : out) {
      const auto bits = random.u64();
      double sum = 0;
      for (int i = 0; i < 4; ++i) sum += static_cast<double>(bits >> (16 * i) & 0xffff) / 65535 - 0.5;
      v = static_cast<float>(mean + spread * sum * std::sqrt(3.0));
    }
    return out;
  };
  const auto linear = [&](std::int64_t out, std::int64_t in, bool bias) {
    return Linear{out, in, some(out * in, 1 / std::sqrt(static_cast<double>(in))),
                  bias ? some(out, 0.1) : std::vector<float>{}};
  };
  const auto norm = [&] {
    return Norm{some(config.width, 0.2, 1), config.rms ? std::vector<float>{} : some(config.width, 0.1)};
  };
  const bool bias = !config.rms;
  const auto queries = config.heads * config.head_size, keys = config.kv_heads * config.head_size;
  Transformer out;
  out.config = config;
  out.embedding = some(config.vocabulary * config.width, 0.5);
  if (config.rope_base == 0) out.positions = some(config.context * config.width, 0.2);
  for (std::int64_t i = 0; i < config.layers; ++i) {
    Layer layer;
    layer.before_attention = norm();
    layer.before_mlp = norm();
    layer.q = linear(queries, config.width, bias);
    layer.k = linear(keys, config.width, bias);
    layer.v = linear(keys, config.width, bias);
    layer.o = linear(config.width, queries, bias);
    if (config.gated) layer.gate = linear(config.inner, config.width, false);
    layer.up = linear(config.inner, config.width, bias);
    layer.down = linear(config.width, config.inner, bias);
    out.layers.push_back(std::move(layer));
  }
  out.last = norm();
  out.head = linear(config.vocabulary, config.width, false);
  return out;
}

std::string byte_tokeniser(bool strings) {
  std::string vocabulary;
  int number = 0;
  const auto add = [&](const std::string& token) {
    vocabulary += (number == 0 ? "\"" : ",\"") + token + "\":" + std::to_string(number);
    ++number;
  };
  int extra = 0;
  for (int b = 0; b < 256; ++b) {
    const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const int code = prints ? b : 256 + extra++;
    if (code == '"' || code == '\\') {
      add(std::string("\\") + static_cast<char>(code));
    } else if (code < 128) {
      add(std::string(1, static_cast<char>(code)));
    } else {
      add({static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))});
    }
  }
  for (const char* token : {"th", "the", "\xc4\xa0the"}) add(token);
  const std::string merges = strings ? R"("t h","th e","\u0120 the")" : R"(["t","h"],["th","e"],["\u0120","the"])";
  return R"({"added_tokens":[{"id":259,"content":"<|endoftext|>"}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel"},)"
         R"("model":{"type":"BPE","vocab":{)" +
         vocabulary + "},\"merges\":[" + merges + "]}}";
}

Folder random_folder(const Config& config, const BuildOptions& options, std::uint64_t seed) {
  const auto weights = random_model(config, seed);
  Tokens text;
  for (std::int64_t i = 0; i < config.context; ++i) text.push_back(i * 37 % config.vocabulary);
  auto programs = build_programs(weights, calibrate(weights, {text}).value(), options).value();
  std::optional<program::Program> prefill;
  if (programs.chunk > 1) prefill = std::move(programs.prefill);
  Folder out;
  out.model = Model::from(std::move(programs.decode), std::move(prefill)).value();
  const auto tokeniser = byte_tokeniser();
  out.tokeniser_bytes.assign(tokeniser.begin(), tokeniser.end());
  out.tokeniser = read_tokeniser(out.tokeniser_bytes).value();
  out.ends = out.tokeniser->ends();
  return out;
}

}  // namespace koinon::engine::language
