#include "node/api/text_request.hpp"

#include <nlohmann/json.hpp>

#include "engine/language/text_stream.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;
using engine::language::TextStream;
using nlohmann::json;
using work::language::Request;
using work::language::Tokens;
using Prompt = std::variant<std::string, Tokens>;

constexpr std::size_t kMaxPrompt = std::size_t{1} << 20;
constexpr std::size_t kMaxSeed = 1000;

Result<double> real_or(const json& object, const char* key, double fallback, double low, double high) {
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return fallback;
  if (!at->is_number() || !(at->get<double>() >= low && at->get<double>() <= high))
    return fail(Code::invalid_argument, "[text] {}: a number from {} to {} expected", key, low, high);
  return at->get<double>();
}

}  // namespace

Result<Prompt> parse_prompt(const json& value) {
  if (value.is_string()) {
    auto text = value.get<std::string>();
    if (text.size() > kMaxPrompt)
      return fail(Code::out_of_range, "[text] prompt: {} bytes, at most {} expected", text.size(), kMaxPrompt);
    return text;
  }
  if (!value.is_array()) return fail(Code::invalid_argument, "[text] prompt: a text or a list of tokens expected");
  Tokens out;
  for (const auto& token : value) {
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() > UINT32_MAX)
      return fail(Code::invalid_argument, "[text] prompt: place {} of the list is no token", out.size());
    out.push_back(token.get<std::int64_t>());
  }
  return out;
}

Result<base::Hash> parse_seed(const std::string& text) {
  if (!text.starts_with("0x")) return base::keccak256(base::as_bytes(text));
  const auto hash = base::fixed_from_hex<32>(text);
  if (!hash) return fail(Code::invalid_argument, "[text] seed: 0x and 64 hex digits, or any other text, expected");
  return *hash;
}

Result<TextAsked> parse_text(const json& object) {
  if (!object.is_object()) return fail(Code::invalid_argument, "[text] an object with a prompt expected");
  KOINON_CHECK(only_fields(object, {"prompt", "tokens", "temperature", "top_k", "top_p", "seed", "past_end"}, "text"));
  const auto prompt = object.find("prompt");
  if (prompt == object.end()) return fail(Code::invalid_argument, "[text] prompt: a text or a list of tokens expected");
  TextAsked out;
  KOINON_TRY(out.prompt, parse_prompt(*prompt));
  KOINON_TRY(const auto tokens, number_or(object, "tokens", 64, 1, UINT32_MAX));
  out.tokens = static_cast<std::int64_t>(tokens);
  KOINON_TRY(out.sampling.temperature, real_or(object, "temperature", 0, 0, 256));
  KOINON_TRY(const auto top_k, number_or(object, "top_k", 0, 0, UINT32_MAX));
  out.sampling.top_k = static_cast<std::int64_t>(top_k);
  KOINON_TRY(out.sampling.top_p, real_or(object, "top_p", 1, 0, 1));
  KOINON_TRY(out.past_end, flag_or(object, "past_end", false));
  out.has_seed = object.contains("seed");
  if (out.has_seed) {
    KOINON_TRY(const auto seed, text_field(object, "seed", kMaxSeed));
    KOINON_TRY(out.sampling.seed, parse_seed(seed));
  }
  return out;
}

Result<Request> text_request(const TextModel& model, const TextAsked& asked, base::Random& random) {
  Request out;
  if (const auto* tokens = std::get_if<Tokens>(&asked.prompt)) {
    out.prompt = *tokens;
  } else {
    KOINON_TRY(out.prompt, model.tokeniser->encode(std::get<std::string>(asked.prompt)));
  }
  out.tokens = asked.tokens != 0 ? asked.tokens : model.limits.context - static_cast<std::int64_t>(out.prompt.size()) + 1;
  KOINON_TRY(out.sampling, engine::language::numbers_of(asked.sampling, model.limits.candidates));
  out.seed = asked.has_seed || asked.sampling.temperature == 0 ? asked.sampling.seed : random.hash();
  out.past_end = asked.past_end;
  KOINON_CHECK(work::language::check(out, model.limits));
  return out;
}

json text_json(const TextModel& model, const Request& request, const std::optional<Tokens>& generated) {
  json out = {{"prompt", TextStream::whole(model.tokeniser->text(request.prompt))},
              {"prompt_tokens", request.prompt.size()},
              {"tokens", request.tokens},
              {"coldness", request.sampling.coldness},
              {"top_k", request.sampling.top_k},
              {"top_p", request.sampling.top_p},
              {"seed", base::to_hex(request.seed)},
              {"past_end", request.past_end},
              {"text", nullptr},
              {"generated", nullptr},
              {"ending", nullptr}};
  if (!generated) return out;
  const auto ending = work::language::ending_of(request, *generated, model.ends);
  out["text"] = model.text(*generated, ending);
  out["generated"] = generated->size();
  out["ending"] = ending == work::language::Ending::end ? "end" : "tokens";
  return out;
}

}  // namespace koinon::node::api
