#include "node/api/completion_message.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::size_t kMostMessages = 10'000;
constexpr std::size_t kMostStops = 4;
constexpr std::size_t kMostStop = 1000;
constexpr std::size_t kMostPrompt = std::size_t{1} << 20;

/// Fields that change nothing here.
bool is_idle(std::string_view field) {
  static constexpr std::string_view kFields[] = {"user",         "metadata",          "store",
                                                 "service_tier", "safety_identifier", "prompt_cache_key"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

/// Fields that would change the answer: served only with the value that says nothing.
Status check_unserved(const std::string& field, const json& value) {
  const auto says = [&](double one) { return value.is_number() && value.get<double>() == one; };
  const bool silent =
      value.is_null() || value == false || (value.is_array() && value.empty()) || (value.is_object() && value.empty());
  const bool penalty = field == "presence_penalty" || field == "frequency_penalty";
  if (silent || (penalty && says(0)) || ((field == "n" || field == "best_of") && says(1)) ||
      (field == "suffix" && value == "") || (field == "response_format" && value == json{{"type", "text"}}) ||
      (field == "modalities" && value == json{"text"}))
    return {};
  static constexpr std::string_view kKnown[] = {"presence_penalty",
                                                "frequency_penalty",
                                                "n",
                                                "best_of",
                                                "suffix",
                                                "logprobs",
                                                "top_logprobs",
                                                "logit_bias",
                                                "tools",
                                                "tool_choice",
                                                "functions",
                                                "function_call",
                                                "response_format",
                                                "modalities",
                                                "audio",
                                                "prediction",
                                                "parallel_tool_calls",
                                                "reasoning_effort",
                                                "web_search_options",
                                                "verbosity"};
  if (std::ranges::find(kKnown, field) != std::end(kKnown))
    return fail(Code::unsupported, "{}: this node does not serve it", field);
  return fail(Code::invalid_argument, "unrecognized request argument: {}", field.substr(0, 60));
}

Result<double> real_or(const json& body, const char* key, double fallback, double low, double high) {
  const auto at = body.find(key);
  if (at == body.end() || at->is_null()) return fallback;
  if (!at->is_number() || !(at->get<double>() >= low && at->get<double>() <= high))
    return fail(Code::invalid_argument, "{}: a number from {} to {} expected", key, low, high);
  return at->get<double>();
}

Result<std::int64_t> whole_or(const json& body, const char* key, std::int64_t fallback) {
  const auto at = body.find(key);
  if (at == body.end() || at->is_null()) return fallback;
  if (!at->is_number_unsigned() || at->get<std::uint64_t>() < 1 || at->get<std::uint64_t>() > UINT32_MAX)
    return fail(Code::invalid_argument, "{}: a whole number from 1 on expected", key);
  return at->get<std::int64_t>();
}

Result<bool> flag(const json& body, const char* key) {
  const auto at = body.find(key);
  if (at == body.end() || at->is_null()) return false;
  if (!at->is_boolean()) return fail(Code::invalid_argument, "{}: true or false expected", key);
  return at->get<bool>();
}

/// Text of a message: a string, or a list of parts that are all text.
Result<std::string> content_of(const json& message, std::size_t number) {
  const auto wrong = [&] {
    return fail(Code::invalid_argument, "messages[{}].content: a text, or a list of parts of type text, expected", number);
  };
  const auto at = message.find("content");
  if (at == message.end()) return wrong();
  if (at->is_string()) return at->get<std::string>();
  if (!at->is_array()) return wrong();
  std::string out;
  for (const auto& part : *at) {
    if (!part.is_object() || part.value("type", json()) != "text" || !part.contains("text") || !part["text"].is_string())
      return wrong();
    out += part["text"].get<std::string>();
  }
  return out;
}

Result<std::string> chat_prompt(const json& body) {
  const auto at = body.find("messages");
  if (at == body.end() || !at->is_array() || at->empty() || at->size() > kMostMessages)
    return fail(Code::invalid_argument, "messages: a list of 1 to {} messages expected", kMostMessages);
  static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant"};
  std::string out;
  for (std::size_t i = 0; i < at->size(); ++i) {
    const auto& message = (*at)[i];
    const auto role = message.is_object() ? message.value("role", json()) : json();
    if (!role.is_string() || std::ranges::find(kRoles, role.get<std::string>()) == std::end(kRoles))
      return fail(Code::invalid_argument, "messages[{}].role: system, developer, user or assistant expected", i);
    KOINON_TRY(const auto content, content_of(message, i));
    out += role.get<std::string>() + ": " + content + "\n";
    if (out.size() > kMostPrompt) return fail(Code::out_of_range, "messages: more than {} bytes", kMostPrompt);
  }
  return out + "assistant:";
}

/// A text, its tokens, or a list with one of these, which is how some clients send one prompt.
Result<std::variant<std::string, work::language::Tokens>> plain_prompt(const json& body) {
  const auto at = body.find("prompt");
  if (at == body.end()) return fail(Code::invalid_argument, "prompt: a text or a list of tokens expected");
  if (at->is_array() && !at->empty() && !(*at)[0].is_number()) {
    if (at->size() > 1) return fail(Code::unsupported, "prompt: {} prompts: one expected", at->size());
    return parse_prompt((*at)[0]);
  }
  return parse_prompt(*at);
}

Result<std::vector<std::string>> stops_of(const json& body) {
  const auto at = body.find("stop");
  std::vector<std::string> out;
  if (at == body.end() || at->is_null()) return out;
  const auto add = [&](const json& stop) -> Status {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty() ||
        stop.get_ref<const std::string&>().size() > kMostStop || out.size() == kMostStops)
      return fail(Code::invalid_argument, "stop: at most {} texts of 1 to {} bytes expected", kMostStops, kMostStop);
    out.push_back(stop.get<std::string>());
    return {};
  };
  if (!at->is_array()) {
    KOINON_CHECK(add(*at));
  } else {
    for (const auto& stop : *at) KOINON_CHECK(add(stop));
  }
  return out;
}

/// Each field of the body is one that is served, or says nothing.
Status check_fields(const json& body, bool chat) {
  static constexpr std::string_view kServed[] = {"model", "max_tokens", "temperature",    "top_p", "top_k",    "seed",
                                                 "stop",  "stream",     "stream_options", "check", "max_price"};
  for (const auto& [field, value] : body.items()) {
    const bool own = chat ? field == "messages" || field == "max_completion_tokens" : field == "prompt" || field == "echo";
    if (own || is_idle(field) || std::ranges::find(kServed, field) != std::end(kServed)) continue;
    KOINON_CHECK(check_unserved(field, value));
  }
  return {};
}

Status read_sampling(const json& body, CompletionRequest& out) {
  KOINON_TRY(out.text.sampling.temperature, real_or(body, "temperature", 1, 0, 2));
  KOINON_TRY(out.text.sampling.top_p, real_or(body, "top_p", 1, 0, 1));
  KOINON_TRY(out.text.sampling.top_k, whole_or(body, "top_k", 0));
  const auto seed = body.find("seed");
  if (seed == body.end() || seed->is_null()) return {};
  if (!seed->is_number_integer() && !seed->is_string())
    return fail(Code::invalid_argument, "seed: a whole number, or a text, expected");
  KOINON_TRY(out.text.sampling.seed, parse_seed(seed->is_string() ? seed->get<std::string>() : seed->dump()));
  out.text.has_seed = true;
  return {};
}

json event(const CompletionHead& head, bool stream) {
  return {{"id", head.id},
          {"object", !head.chat ? "text_completion"
                     : stream   ? "chat.completion.chunk"
                                : "chat.completion"},
          {"created", head.created},
          {"model", head.model}};
}

json usage_json(const CompletionUsage& usage) {
  return {{"prompt_tokens", usage.prompt},
          {"completion_tokens", usage.generated},
          {"total_tokens", usage.prompt + usage.generated}};
}

std::string text_of(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

Result<CompletionRequest> read_completion(std::string_view text, bool chat) {
  const auto body = base::parse_json(text);
  if (!body.is_object()) return fail(Code::malformed, "the body is no JSON object");
  KOINON_CHECK(check_fields(body, chat));
  CompletionRequest out;
  out.chat = chat;
  KOINON_TRY(out.model, text_field(body, "model", 200));
  if (chat) {
    KOINON_TRY(out.text.prompt, chat_prompt(body));
  } else {
    KOINON_TRY(out.text.prompt, plain_prompt(body));
  }
  // OpenAI's completions make 16 tokens unless told otherwise, its chats as many as fit.
  KOINON_TRY(out.text.tokens, whole_or(body, "max_tokens", chat ? 0 : 16));
  if (chat) {
    KOINON_TRY(out.text.tokens, whole_or(body, "max_completion_tokens", out.text.tokens));
  }
  KOINON_CHECK(read_sampling(body, out));
  KOINON_TRY(out.stops, stops_of(body));
  KOINON_TRY(out.stream, flag(body, "stream"));
  KOINON_TRY(out.echo, flag(body, "echo"));
  if (const auto options = body.find("stream_options"); options != body.end() && options->is_object()) {
    KOINON_TRY(out.stream_usage, flag(*options, "include_usage"));
  }
  KOINON_TRY(out.check, text_or(body, "check", "", 40));
  if (body.contains("max_price")) {
    KOINON_TRY(out.max_price, wei_field(body, "max_price"));
  }
  return out;
}

std::string write_completion(const CompletionHead& head, const std::string& text, std::string_view finish,
                             const CompletionUsage& usage) {
  auto out = event(head, false);
  json choice = {{"index", 0}, {"logprobs", nullptr}, {"finish_reason", finish}};
  if (head.chat)
    choice["message"] = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  else
    choice["text"] = text;
  out["choices"] = json::array({std::move(choice)});
  out["usage"] = usage_json(usage);
  return text_of(out);
}

std::string write_chunk(const CompletionHead& head, const std::string& text, bool first, std::optional<std::string_view> finish,
                        const json& evidence) {
  auto out = event(head, true);
  json choice = {{"index", 0}, {"logprobs", nullptr}, {"finish_reason", finish ? json(*finish) : json(nullptr)}};
  if (head.chat) {
    choice["delta"] = json::object();
    if (first) choice["delta"]["role"] = "assistant";
    if (first || !text.empty()) choice["delta"]["content"] = text;
  } else {
    choice["text"] = text;
  }
  out["choices"] = json::array({std::move(choice)});
  if (!evidence.is_null()) out["koinon"] = evidence;
  return "data: " + text_of(out) + "\n\n";
}

std::string write_usage(const CompletionHead& head, const CompletionUsage& usage) {
  auto out = event(head, true);
  out["choices"] = json::array();
  out["usage"] = usage_json(usage);
  return "data: " + text_of(out) + "\n\n";
}

std::string StopFilter::add(const std::string& text) {
  if (stopped_) return {};
  waiting_ += text;
  auto first = std::string::npos;
  for (const auto& stop : stops_) first = std::min(first, waiting_.find(stop));
  if (first != std::string::npos) {
    stopped_ = true;
    return waiting_.substr(0, first);
  }
  // The longest end that is the beginning of a stop waits.
  std::size_t held = 0;
  for (const auto& stop : stops_)
    for (auto size = std::min(stop.size() - 1, waiting_.size()); size > held; --size)
      if (std::string_view(waiting_).ends_with(std::string_view(stop).substr(0, size))) held = size;
  auto out = waiting_.substr(0, waiting_.size() - held);
  waiting_.erase(0, out.size());
  return out;
}

}  // namespace koinon::node::api
