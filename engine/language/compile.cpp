#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"
#include "base/json.hpp"
#include "engine/language/folder.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

/// The names of the weight files of a model folder.
Result<std::set<std::string>> weight_files(const std::filesystem::path& source) {
  if (std::filesystem::exists(source / "model.safetensors")) return std::set<std::string>{"model.safetensors"};
  const auto path = source / "model.safetensors.index.json";
  if (!std::filesystem::exists(path)) return fail(Code::not_found, "[language] no model.safetensors in {}", source.string());
  KOINON_TRY(const auto bytes, base::read_file(path, 1 << 26));
  const auto index = base::parse_json(base::as_text(bytes));
  if (index.is_discarded() || !index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    return fail(Code::malformed, "[language] model.safetensors.index.json: no weight_map");
  std::set<std::string> out;
  for (const auto& [name, file] : index["weight_map"].items()) {
    const auto text = file.is_string() ? file.get<std::string>() : std::string();
    if (!text.ends_with(".safetensors") || text.find('/') != std::string::npos)
      return fail(Code::malformed, "[language] model.safetensors.index.json names no file of the folder for '{}'",
                  name.substr(0, 80));
    out.insert(text);
  }
  return out;
}

Result<Tensors> load_weights(const std::filesystem::path& source) {
  KOINON_TRY(const auto files, weight_files(source));
  Tensors out;
  for (const auto& file : files) {
    KOINON_TRY(const auto bytes, base::read_file(source / file, std::uint64_t{1} << 36));
    auto tensors = read_safetensors(bytes);
    if (!tensors) return fail(std::move(tensors).error().within(file));
    out.merge(*tensors);
  }
  return out;
}

/// The tokeniser's file. GPT-2's two files become one in the form of tokenizer.json.
Result<base::Bytes> load_tokeniser(const std::filesystem::path& source) {
  for (const char* name : {"tokenizer.json", "tokenizer.model"})
    if (std::filesystem::exists(source / name)) return base::read_file(source / name, 1 << 28);
  if (!std::filesystem::exists(source / "vocab.json") || !std::filesystem::exists(source / "merges.txt"))
    return fail(Code::not_found, "[language] no tokenizer.json, tokenizer.model, or vocab.json and merges.txt in {}",
                source.string());
  KOINON_TRY(const auto vocabulary, base::read_file(source / "vocab.json", 1 << 28));
  KOINON_TRY(const auto merges, base::read_file(source / "merges.txt", 1 << 28));
  KOINON_TRY(const auto read, read_bpe(base::as_text(vocabulary), base::as_text(merges)));
  json list = json::array(), specials = json::array();
  auto rest = base::as_text(merges);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with("#version")) list.push_back(std::string(line));
  }
  for (auto end : read->ends()) specials.push_back({{"id", end}, {"content", read->bytes(end)}});
  const json file = {{"added_tokens", specials},
                     {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                     {"model", {{"type", "BPE"}, {"vocab", base::parse_json(base::as_text(vocabulary))}, {"merges", list}}}};
  const auto text = file.dump();
  return base::Bytes(text.begin(), text.end());
}

/// Texts of at most a context each.
std::vector<Tokens> cut(const Tokens& tokens, std::size_t context) {
  std::vector<Tokens> out;
  for (std::size_t at = 0; at < tokens.size(); at += context)
    out.emplace_back(tokens.begin() + static_cast<std::ptrdiff_t>(at),
                     tokens.begin() + static_cast<std::ptrdiff_t>(std::min(tokens.size(), at + context)));
  return out;
}

template <class F>
double nats_of(std::size_t vocabulary, std::int64_t token, F&& logit) {
  double top = logit(0), total = 0;
  for (std::size_t i = 1; i < vocabulary; ++i) top = std::max(top, logit(i));
  for (std::size_t i = 0; i < vocabulary; ++i) total += std::exp(logit(i) - top);
  return std::log(total) + top - logit(static_cast<std::size_t>(token));
}

}  // namespace

Result<Accuracy> compare(const Transformer& weights, const Model& model, const Tokens& tokens, std::stop_token stop) {
  Accuracy out;
  Reference reference(weights);
  run::RunOptions run;
  run.trace = false;
  run.stop = stop;
  Generator generator(model, SamplingNumbers{}, base::Hash{}, run);
  double low = 0, high = 0, sum = 0;
  const auto vocabulary = static_cast<std::size_t>(weights.config.vocabulary);
  for (std::size_t i = 0; i < tokens.size() && reference.position() < model.programs.context; ++i) {
    const auto wanted = reference.step(tokens[i]);
    KOINON_CHECK(generator.force(tokens[i]));
    const auto got = generator.logits().values<std::int32_t>();
    const auto real = [&](std::size_t k) { return static_cast<double>(got[k]) / (1 << kLogitBits); };
    const auto float_of = [&](std::size_t k) { return static_cast<double>(wanted[k]); };
    std::size_t best = 0, best_float = 0;
    for (std::size_t k = 0; k < vocabulary; ++k) {
      const double difference = std::fabs(real(k) - float_of(k));
      out.largest = std::max(out.largest, difference);
      sum += difference;
      low = std::min(low, float_of(k));
      high = std::max(high, float_of(k));
      if (got[k] > got[best]) best = k;
      if (wanted[k] > wanted[best_float]) best_float = k;
    }
    ++out.compared;
    out.same_top += best == best_float ? 1 : 0;
    if (i + 1 == tokens.size()) break;
    out.nats += nats_of(vocabulary, tokens[i + 1], real);
    out.nats_float += nats_of(vocabulary, tokens[i + 1], float_of);
  }
  const auto n = static_cast<double>(std::max<std::size_t>(out.compared, 1));
  out.mean = sum / n / static_cast<double>(vocabulary);
  out.same_top /= n;
  out.nats /= std::max(n - 1, 1.0);
  out.nats_float /= std::max(n - 1, 1.0);
  out.range = high - low;
  return out;
}

Result<Compiled> compile(const std::filesystem::path& source, std::string_view text, const CompileOptions& options) {
  Compiled out;
  KOINON_TRY(const auto config, base::read_file(source / "config.json", 1 << 20));
  KOINON_TRY(out.config, read_config(base::as_text(config)));
  KOINON_TRY(out.folder.tokeniser_bytes, load_tokeniser(source));
  KOINON_TRY(out.folder.tokeniser, read_tokeniser(out.folder.tokeniser_bytes));
  if (out.folder.tokeniser->size() > out.config.vocabulary)
    return fail(Code::malformed, "[language] the tokeniser has {} tokens, the model {}", out.folder.tokeniser->size(),
                out.config.vocabulary);
  out.folder.ends = out.folder.tokeniser->ends();
  KOINON_TRY(const auto tensors, load_weights(source));
  KOINON_TRY(const auto weights, assemble(out.config, tensors));
  KOINON_TRY(auto tokens, out.folder.tokeniser->encode(text));
  if (tokens.size() > options.most_tokens) tokens.resize(options.most_tokens);
  out.calibrated = tokens.size();
  const auto context = static_cast<std::size_t>(options.build.context > 0 ? options.build.context : out.config.context);
  KOINON_TRY(const auto ranges, calibrate(weights, cut(tokens, context), options.progress, options.stop));
  KOINON_TRY(auto programs, build_programs(weights, ranges, options.build));
  std::optional<program::Program> prefill;
  if (programs.chunk > 1) prefill = std::move(programs.prefill);
  KOINON_TRY(out.folder.model, Model::from(std::move(programs.decode), std::move(prefill)));
  const auto compared = std::min({tokens.size(), options.compare, context});
  KOINON_TRY(out.accuracy, compare(weights, out.folder.model,
                                   {tokens.end() - static_cast<std::ptrdiff_t>(compared), tokens.end()}, options.stop));
  return out;
}

}  // namespace koinon::engine::language
