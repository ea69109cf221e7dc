#include "engine/language/transcript.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Hash;
using base::Result;
using nlohmann::json;

constexpr std::size_t kMaxTokens = 1 << 22;

Result<Hash> hash_of(const json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_string()) return fail(Code::malformed, "[transcript] no '{}'", name);
  auto out = base::fixed_from_hex<32>(found->get_ref<const std::string&>());
  if (!out) return fail(std::move(out).error().within(fmt::format("[transcript] {}", name)));
  return out;
}

/// A whole number from 0 to 2^31 - 1.
Result<std::int64_t> number_of(const json& value, const char* name) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0x7fffffff)
    return fail(Code::malformed, "[transcript] {}: a whole number below 2^31 expected", name);
  return value.get<std::int64_t>();
}

Result<std::int64_t> number_in(const json& from, const char* name) {
  return number_of(from.contains(name) ? from[name] : json(), name);
}

Result<const json*> list_in(const json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_array() || found->size() > kMaxTokens)
    return fail(Code::malformed, "[transcript] no list '{}'", name);
  return &*found;
}

Result<Tokens> tokens_in(const json& from, const char* name) {
  KOINON_TRY(const auto* list, list_in(from, name));
  Tokens out;
  for (const auto& value : *list) {
    KOINON_TRY(const auto token, number_of(value, name));
    out.push_back(token);
  }
  return out;
}

/// The commitment binds these fields and no others: what else stood there would look as if it were checked.
base::Status only_fields(const json& from, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : from.items())
    if (std::ranges::find(known, name) == known.end())
      return fail(Code::malformed, "[transcript] unknown field '{}'", name.substr(0, 40));
  return {};
}

Result<Link> link_of(const json& from) {
  if (!from.is_object()) return fail(Code::malformed, "[transcript] a link that is no object");
  KOINON_CHECK(only_fields(from, {"position", "taken", "token", "logits", "states", "input_root", "output_root"}));
  Link out;
  KOINON_TRY(out.position, number_in(from, "position"));
  KOINON_TRY(out.taken, number_in(from, "taken"));
  KOINON_TRY(out.token, number_in(from, "token"));
  KOINON_TRY(out.logits, hash_of(from, "logits"));
  KOINON_TRY(out.input_root, hash_of(from, "input_root"));
  KOINON_TRY(out.output_root, hash_of(from, "output_root"));
  KOINON_TRY(const auto* states, list_in(from, "states"));
  for (const auto& state : *states) {
    const json one = {{"state", state}};
    KOINON_TRY(const auto hash, hash_of(one, "state"));
    out.states.push_back(hash);
  }
  return out;
}

}  // namespace

json to_json(const Transcript& t) {
  json links = json::array();
  for (const auto& link : t.links) {
    json states = json::array();
    for (const auto& state : link.states) states.push_back(base::to_hex(state));
    links.push_back({{"position", link.position},
                     {"taken", link.taken},
                     {"token", link.token},
                     {"logits", base::to_hex(link.logits)},
                     {"states", std::move(states)},
                     {"input_root", base::to_hex(link.input_root)},
                     {"output_root", base::to_hex(link.output_root)}});
  }
  return {{"commitment", base::to_hex(commitment(t))},
          {"decode", base::to_hex(t.decode_id)},
          {"prefill", base::to_hex(t.prefill_id)},
          {"prompt", t.prompt},
          {"generated", t.generated},
          {"coldness", t.sampling.coldness},
          {"top_k", t.sampling.top_k},
          {"top_p", t.sampling.top_p},
          {"seed", base::to_hex(t.seed)},
          {"links", std::move(links)}};
}

Result<Transcript> read_transcript(base::ByteView file) {
  const auto from = base::parse_json(base::as_text(file));
  if (from.is_discarded() || !from.is_object()) return fail(Code::malformed, "[transcript] not a JSON object");
  KOINON_CHECK(only_fields(
      from, {"commitment", "decode", "prefill", "prompt", "generated", "coldness", "top_k", "top_p", "seed", "links"}));
  Transcript out;
  KOINON_TRY(out.decode_id, hash_of(from, "decode"));
  KOINON_TRY(out.prefill_id, hash_of(from, "prefill"));
  KOINON_TRY(out.seed, hash_of(from, "seed"));
  KOINON_TRY(out.prompt, tokens_in(from, "prompt"));
  KOINON_TRY(out.generated, tokens_in(from, "generated"));
  KOINON_TRY(out.sampling.coldness, number_in(from, "coldness"));
  KOINON_TRY(out.sampling.top_k, number_in(from, "top_k"));
  KOINON_TRY(out.sampling.top_p, number_in(from, "top_p"));
  KOINON_TRY(const auto* links, list_in(from, "links"));
  for (const auto& value : *links) {
    KOINON_TRY(auto link, link_of(value));
    out.links.push_back(std::move(link));
  }
  KOINON_TRY(const auto claimed, hash_of(from, "commitment"));
  if (claimed != commitment(out)) return fail(Code::rejected, "[transcript] the commitment is not that of the rest");
  return out;
}

}  // namespace koinon::engine::language
