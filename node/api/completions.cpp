#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/language/text_stream.hpp"
#include "node/api/card.hpp"
#include "node/api/completion_message.hpp"
#include "node/api/fields.hpp"
#include "node/api/place.hpp"
#include "node/api/served.hpp"
#include "node/api/words.hpp"
#include "work/language/texts.hpp"

// Language models over OpenAI's API: texts made here at once, or bought on the market and waited for.
namespace koinon::node::api {
namespace {

using engine::language::TextStream;
using nlohmann::json;
using work::language::Ending;
using work::language::Request;
using work::language::Text;
using work::language::Tokens;

constexpr std::uint64_t kMaxBody = std::uint64_t{4} << 20;
constexpr std::uint64_t kMemory = std::uint64_t{4} << 30, kKeep = std::uint64_t{512} << 20;
constexpr int kMostTexts = 8;

/// Texts that are made here.
struct Writing {
  work::language::Texts texts{kMemory, kKeep};
  std::atomic<int> count{0};
  std::atomic<int> priced{0};        ///< whose cost is being found out
  std::shared_ptr<Waiting> waiting;  ///< shared with the other protocol
};
using WritingPtr = std::shared_ptr<Writing>;  ///< shared by the handlers, and by streams under way

/// An error as OpenAI's API writes it: {"error": {"message", "type", "param", "code"}}.
HttpResponse protocol_error(const base::Error& error) {
  const auto ours = error_response(error);
  const auto kind = ours.status == 401   ? "authentication_error"
                    : ours.status == 429 ? "rate_limit_error"
                    : ours.status >= 500 ? "server_error"
                                         : "invalid_request_error";
  const json body = {{"message", error.text}, {"type", kind}, {"param", nullptr}, {"code", base::code_name(error.code)}};
  auto out = HttpResponse::json(ours.status, json{{"error", body}}.dump(-1, ' ', false, json::error_handler_t::replace));
  for (const auto* field : {"WWW-Authenticate", "Retry-After"})
    if (const auto* value = ours.headers.find(field)) out.headers.set(field, *value);
  return out;
}

json model_object(const ModelRecord& record) {
  return {{"id", record.name},
          {"object", "model"},
          {"created", record.created_ms / 1000},
          {"owned_by", record.author.empty() ? "unknown" : record.author},
          {"program", base::to_hex(record.program)}};
}

Result<HttpResponse> list(Context& context) {
  KOINON_TRY(const auto records, context.node.store().models.list());
  json models = json::array();
  for (const auto& record : records)
    if (is_text_card(record.card)) models.push_back(model_object(record));
  return HttpResponse::json(200,
                            json{{"object", "list"}, {"data", models}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// The language model of a name or program id.
Result<ModelRecord> text_model(Context& context, const std::string& name) {
  auto record = find_model(context, name, "");
  if (!record && record.error().code == Code::not_found)
    return fail(Code::not_found, "no model '{}': GET /v1/models lists them", name.substr(0, 80));
  if (record && !is_text_card(record->card))
    return fail(Code::not_found, "'{}' is no language model: GET /v1/models lists those; /v2/models/{} serves it",
                name.substr(0, 80), name.substr(0, 80));
  return record;
}

Result<HttpResponse> one(Context& context, const std::string& name) {
  KOINON_TRY(const auto record, text_model(context, name));
  return HttpResponse::json(200, model_object(record).dump(-1, ' ', false, json::error_handler_t::replace));
}

/// A request with all that was found out about it.
struct Asked {
  CompletionRequest wanted;
  ModelRecord record;
  Programs::TextPtr model;
  Request request;
  CompletionHead head;

  [[nodiscard]] std::string prompt() const { return TextStream::whole(model->tokeniser->text(request.prompt)); }
};

/// What came, for people.
struct Written {
  std::string text;
  std::string_view finish;
  std::size_t generated = 0;
};

/// What a whole list of tokens says. Cut before a stop that was asked for.
Written written(const Asked& asked, const Tokens& tokens) {
  const auto ending = work::language::ending_of(asked.request, tokens, asked.model->ends);
  StopFilter stops(asked.wanted.stops);
  auto text = stops.add(asked.model->text(tokens, ending));
  text += stops.finish();
  return {std::move(text), stops.stopped() || ending == Ending::end ? "stop" : "length", tokens.size()};
}

HttpResponse whole_answer(const Asked& asked, const Written& came, const Served& served) {
  const CompletionUsage usage{asked.request.prompt.size(), came.generated};
  const auto text = (asked.wanted.echo ? asked.prompt() : "") + came.text;
  HttpResponse out;
  if (asked.wanted.stream) {
    json evidence = json::object();
    for (const auto& [key, value] : served.evidence) evidence[key] = value;
    auto events = write_chunk(asked.head, text, true, {}, json()) + write_chunk(asked.head, "", false, came.finish, evidence);
    if (asked.wanted.stream_usage) events += write_usage(asked.head, usage);
    out = HttpResponse::text(200, events + std::string(kStreamEnd), "text/event-stream");
  } else {
    out = HttpResponse::json(200, write_completion(asked.head, text, came.finish, usage));
  }
  tell(out.headers, asked.record.program, served);
  return out;
}

Result<std::unique_ptr<Text>> begin_here(Context& context, const Writing& writing, const Asked& asked) {
  work::Means means;
  means.pool = &context.node.pool();
  auto& artifacts = context.node.artifacts();
  return writing.texts.begin(
      asked.record.program, [&] { return artifacts.get(asked.record.artifact.cid); }, asked.request.parts(), means);
}

std::vector<std::pair<std::string, std::string>> evidence_of(const work::Outcome& outcome) {
  return {{"check", "none"},
          {"output_root", base::to_hex(outcome.roots.output)},
          {"trace_root", base::to_hex(outcome.roots.trace)}};
}

/// A text that goes out while it is made: an event a piece.
class Stream {
 public:
  Stream(Context& context, WritingPtr writing, Asked asked)
      : context_(context),
        writing_(std::move(writing)),
        place_(writing_->count, kMostTexts),
        asked_(std::move(asked)),
        stops_(asked_.wanted.stops) {}

  Status begin() {
    if (!place_.admitted()) return fail(Code::exhausted, "{} texts are made here already: try again", kMostTexts);
    KOINON_TRY(text_, begin_here(context_, *writing_, asked_));
    return {};
  }

  /// The next event; empty behind the last.
  Result<std::string> next() {
    if (after_ == After::nothing) return std::string();
    if (after_ == After::usage) {
      after_ = After::nothing;
      return (asked_.wanted.stream_usage ? write_usage(asked_.head, {asked_.request.prompt.size(), tokens_.size()}) : "") +
             std::string(kStreamEnd);
    }
    if (std::exchange(first_, false))
      return write_chunk(asked_.head, asked_.wanted.echo ? asked_.prompt() : "", true, {}, json());
    return more();
  }

 private:
  enum class After { text, usage, nothing };

  Result<std::string> more() {
    std::string out;
    while (out.empty() && !stops_.stopped()) {
      if (context_.node.is_stopping()) return fail(Code::exhausted, "the node is stopping");
      KOINON_TRY(const auto token, text_->next());
      if (!token) break;
      tokens_.push_back(*token);
      const bool over = work::language::ending_of(asked_.request, tokens_, asked_.model->ends) == Ending::end;
      if (!over) out = stops_.add(characters_.add(asked_.model->tokeniser->bytes(*token)));
    }
    if (!out.empty()) return write_chunk(asked_.head, out, false, {}, json());
    return last();
  }

  std::string last() {
    after_ = After::usage;
    auto rest = stops_.stopped() ? std::string() : stops_.add(characters_.finish());
    rest += stops_.finish();
    const bool over = work::language::ending_of(asked_.request, tokens_, asked_.model->ends) == Ending::end;
    json evidence = json::object();
    for (const auto& [key, value] : evidence_of(text_->outcome())) evidence[key] = value;
    return write_chunk(asked_.head, rest, false, over || stops_.stopped() ? "stop" : "length", evidence);
  }

  Context& context_;
  WritingPtr writing_;
  const Place place_;
  const Asked asked_;
  StopFilter stops_;
  TextStream characters_;
  std::unique_ptr<Text> text_;
  Tokens tokens_;
  bool first_ = true;
  After after_ = After::text;
};

Result<HttpResponse> stream_here(const ContextPtr& context, const WritingPtr& writing, Asked asked) {
  HttpResponse out = HttpResponse::text(200, "", "text/event-stream");
  tell(out.headers, asked.record.program, {{}, {{"check", "none"}}});
  out.headers.set("Cache-Control", "no-cache");
  const auto stream = std::make_shared<Stream>(*context, writing, std::move(asked));  // shared: std::function copies its target
  KOINON_CHECK(stream->begin());
  out.body = net::StreamBody{[context, stream] { return stream->next(); }};
  return out;
}

Result<HttpResponse> write_here(const ContextPtr& context, const WritingPtr& writing, Asked asked) {
  if (asked.wanted.stream) return stream_here(context, writing, std::move(asked));
  const Place place(writing->count, kMostTexts);
  if (!place.admitted()) return fail(Code::exhausted, "{} texts are made here already: try again", kMostTexts);
  KOINON_TRY(const auto text, begin_here(*context, *writing, asked));
  Tokens tokens;
  StopFilter stops(asked.wanted.stops);
  TextStream characters;
  while (!stops.stopped()) {
    if (context->node.is_stopping()) return fail(Code::exhausted, "the node is stopping");
    KOINON_TRY(const auto token, text->next());
    if (!token) break;
    tokens.push_back(*token);
    (void)stops.add(characters.add(asked.model->tokeniser->bytes(*token)));
  }
  return whole_answer(asked, written(asked, tokens), {{}, evidence_of(text->outcome())});
}

Result<HttpResponse> buy(Context& context, Writing& writing, const HttpRequest& request, const Asked& asked,
                         const std::string& check) {
  KOINON_CHECK(context.gate.admit(request, {Access::spend}));
  const Place turn(writing.waiting->count, Waiting::kMost);
  if (!turn.admitted()) return fail(Code::exhausted, "{} requests wait for the market already: try again", Waiting::kMost);
  NewOrder order;
  order.program = asked.record.program;
  KOINON_TRY(order.check, check_code(check, context.node.rules()));
  if (asked.wanted.max_price) {
    order.max_price = *asked.wanted.max_price;
  } else if (const auto* price = request.headers.find("Koinon-Max-Price")) {
    KOINON_TRY(order.max_price, parse_wei(*price, "Koinon-Max-Price"));
  } else {
    return fail(Code::invalid_argument,
                "max_price, or the field Koinon-Max-Price: what a run may cost, in wei, expected for a text from the market");
  }
  KOINON_TRY(const auto id, place_once(context, request,
                                       [&](const auto& nonce) { return place(context, order, asked.request.parts(), nonce); }));
  KOINON_TRY(const auto served, await_order(context, id));
  // An order that was placed before, for the same key, may have another seed.
  if (served.outputs.size() != 1) return fail(Code::malformed, "order {} gave {} outputs", id, served.outputs.size());
  Tokens tokens;
  for (const double token : served.outputs[0].data) tokens.push_back(static_cast<std::int64_t>(token));
  return whole_answer(asked, written(asked, tokens), served);
}

Result<Asked> read_asked(Context& context, const HttpRequest& request, bool chat) {
  Asked out;
  KOINON_TRY(out.wanted, read_completion(request.body, chat));
  KOINON_TRY(out.record, text_model(context, out.wanted.model));
  KOINON_TRY(out.model, context.programs.text(out.record.program));
  base::SystemRandom random;
  KOINON_TRY(out.request, text_request(*out.model, out.wanted.text, random));
  out.head = {chat, (chat ? "chatcmpl-" : "cmpl-") + base::to_hex(random.hash()).substr(2, 24), out.record.name,
              context.node.clock().now_ms() / 1000};
  return out;
}

Result<HttpResponse> complete(const ContextPtr& context, const WritingPtr& writing, const HttpRequest& request, bool chat) {
  KOINON_TRY(auto asked, read_asked(*context, request, chat));
  const auto check = asked.wanted.check.empty() ? request.headers.get("Koinon-Check", "none") : asked.wanted.check;
  if (check == "none") return write_here(context, writing, std::move(asked));
  return buy(*context, *writing, request, asked, check);
}

/// What a text costs by its tokens: those of the prompt, and those that it asks for at most. Errors: those of the request;
/// exhausted, since anybody may ask.
Result<base::Wei> cost_of(Context& context, Writing& writing, const HttpRequest& request, bool chat) {
  const auto& price = context.node.config().serve.token_price;
  if (price.is_zero()) return base::Wei{};
  const Place turn(writing.priced, kMostTexts);
  if (!turn.admitted()) return fail(Code::exhausted, "{} texts are being priced already: try again", kMostTexts);
  KOINON_TRY(const auto asked, read_asked(context, request, chat));
  return price.times(asked.request.prompt.size() + static_cast<std::uint64_t>(asked.request.tokens));
}

}  // namespace

void add_completions(net::Router& router, const ContextPtr& context, const std::shared_ptr<Waiting>& waiting) {
  const auto writing = std::make_shared<Writing>();
  writing->waiting = waiting;
  router.write_errors("/v1/", protocol_error);
  const Rule look{Access::customers, nullptr, protocol_error};
  router.get("/v1/models", guarded(context, look, [](Context& c, const HttpRequest&) { return list(c); }));
  router.get<std::string>(
      "/v1/models/{model}",
      guarded(context, look, [](Context& c, const HttpRequest&, const std::string& name) { return one(c, name); }));
  const Rule rule{Access::calls, "application/json", protocol_error};
  const auto post = [&](auto pattern, bool chat) {
    router.post(pattern,
                sold(
                    context, rule,
                    [context, writing, chat](Context&, const HttpRequest& request) {
                      return complete(context, writing, request, chat);
                    },
                    [writing, chat](Context& c, const HttpRequest& request) { return cost_of(c, *writing, request, chat); }),
                behind_till(context, rule, kMaxBody, context->node.config().serve.token_price.is_zero()));
  };
  post(net::Pattern<>("/v1/completions"), false);
  post(net::Pattern<>("/v1/chat/completions"), true);
}

}  // namespace koinon::node::api
