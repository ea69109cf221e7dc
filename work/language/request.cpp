#include "work/language/request.hpp"

#include <algorithm>

#include "base/codec.hpp"

namespace koinon::work::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
namespace engine_language = engine::language;

constexpr std::uint32_t kPastEnd = 1;

Status check_sampling(const engine_language::SamplingNumbers& sampling, const Limits& limits) {
  const auto outside = [](std::string_view what, std::int64_t value, std::int64_t low, std::int64_t high) -> Status {
    if (value >= low && value <= high) return {};
    return fail(Code::invalid_argument, "[language] {} {}: {} to {} expected", what, value, low, high);
  };
  KOINON_CHECK(outside("coldness", sampling.coldness, engine_language::kColdnessLeast, engine_language::kColdnessMost));
  KOINON_CHECK(outside("top_k", sampling.top_k, 1, limits.candidates));
  return outside("top_p", sampling.top_p, 1, engine_language::kShareOne);
}

}  // namespace

Limits Limits::of(const engine_language::Model& model) {
  return {model.vocabulary(), model.programs.context, model.programs.candidates};
}

base::Bytes encode_tokens(const Tokens& tokens) {
  base::Writer out;
  for (auto token : tokens) out.number(static_cast<std::uint32_t>(token));
  return std::move(out).take();
}

Result<Tokens> decode_tokens(base::ByteView bytes) {
  base::Reader in(bytes);
  Tokens out;
  out.reserve(bytes.size() / sizeof(std::uint32_t));
  while (in.left() > 0) {
    KOINON_TRY(const auto token, in.number<std::uint32_t>());
    out.push_back(token);
  }
  return out;
}

std::vector<base::Bytes> Request::parts() const {
  base::Writer settings;
  for (auto value : {tokens, sampling.coldness, sampling.top_k, sampling.top_p})
    settings.number(static_cast<std::uint32_t>(value));
  settings.number(past_end ? kPastEnd : 0);
  settings.raw(seed.view());
  return {encode_tokens(prompt), std::move(settings).take()};
}

Result<Request> Request::read(const std::vector<base::Bytes>& parts) {
  if (parts.size() != 2) return fail(Code::malformed, "[language] {} inputs: a prompt and its settings expected", parts.size());
  Request out;
  KOINON_TRY(out.prompt, decode_tokens(parts[0]));
  base::Reader in(parts[1]);
  for (auto* value : {&out.tokens, &out.sampling.coldness, &out.sampling.top_k, &out.sampling.top_p}) {
    KOINON_TRY(*value, in.number<std::uint32_t>());
  }
  KOINON_TRY(const auto flags, in.number<std::uint32_t>());
  if ((flags & ~kPastEnd) != 0) return fail(Code::malformed, "[language] unknown flags {:#x}", flags);
  out.past_end = flags == kPastEnd;
  KOINON_TRY(out.seed, in.fixed_bytes<32>());
  KOINON_CHECK(in.finish());
  return out;
}

Status check(const Request& request, const Limits& limits) {
  const auto size = static_cast<std::int64_t>(request.prompt.size());
  if (size == 0) return fail(Code::invalid_argument, "[language] an empty prompt: at least one token expected");
  if (size > limits.context)
    return fail(Code::out_of_range, "[language] a prompt of {} tokens: the model takes at most {}", size, limits.context);
  const auto unknown =
      std::ranges::find_if(request.prompt, [&](auto token) { return token < 0 || token >= limits.vocabulary; });
  if (unknown != request.prompt.end())
    return fail(Code::invalid_argument, "[language] token {} at place {} of the prompt: 0 to {} expected", *unknown,
                unknown - request.prompt.begin(), limits.vocabulary - 1);
  // The last token that is chosen is never taken.
  const auto most = limits.context - size + 1;
  if (request.tokens < 1)
    return fail(Code::invalid_argument, "[language] {} tokens to generate: at least 1 expected", request.tokens);
  if (request.tokens > most)
    return fail(Code::out_of_range, "[language] {} tokens behind a prompt of {}: the context of {} leaves room for {}",
                request.tokens, size, limits.context, most);
  return check_sampling(request.sampling, limits);
}

Ending ending_of(const Request& request, const Tokens& generated, const Tokens& ends) {
  const bool at_end = !generated.empty() && std::ranges::find(ends, generated.back()) != ends.end();
  return at_end && !request.past_end ? Ending::end : Ending::tokens;
}

}  // namespace koinon::work::language
