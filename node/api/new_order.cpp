#include "node/api/new_order.hpp"

#include <nlohmann/json.hpp>

#include "node/api/fields.hpp"
#include "node/api/words.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;
using nlohmann::json;

constexpr std::size_t kMaxImage = std::size_t{8} << 20;
constexpr std::size_t kMaxLabel = 120;

bool is_picture(base::ByteView bytes) {
  const auto text = base::as_text(bytes);
  return text.starts_with("\x89PNG") || text.starts_with("\xff\xd8\xff");
}

/// The field "input": an object with one field.
Result<const json*> input_field(const json& order) {
  const auto at = order.find("input");
  if (at == order.end() || !at->is_object() || at->size() != 1)
    return fail(Code::invalid_argument, "[order] input: an object with input_data, image or text expected");
  KOINON_CHECK(only_fields(*at, {"input_data", "image", "text"}, "input"));
  return &*at;
}

Result<base::Bytes> parse_input(const json& order) {
  KOINON_TRY(const auto* at, input_field(order));
  if (at->contains("input_data")) {
    const auto text = at->dump(-1, ' ', false, json::error_handler_t::replace);
    const auto bytes = base::as_bytes(text);
    return base::Bytes(bytes.begin(), bytes.end());
  }
  KOINON_TRY(const auto text, text_field(*at, "image", (kMaxImage + 2) / 3 * 4));
  KOINON_TRY(auto image, decode_base64(text));
  if (!is_picture(image)) return fail(Code::malformed, "[order] image: {} bytes that are no PNG and no JPEG", image.size());
  return image;
}

Result<base::Hash> parse_program(const json& order) {
  KOINON_TRY(const auto text, text_field(order, "program", 66));
  const auto hash = base::fixed_from_hex<32>(text);
  if (!hash || text.size() != 66) return fail(Code::invalid_argument, "[order] program: 0x and 64 hex digits expected");
  return *hash;
}

/// What is bought: a program with an input, or training.
base::Status parse_goods(const json& order, NewOrder& out) {
  if (order.contains("training")) {
    if (order.contains("program") || order.contains("input"))
      return fail(Code::invalid_argument, "[order] training stands in the place of program and input");
    KOINON_TRY(out.training, parse_training(order["training"]));
    out.program = out.training->spec();
    return {};
  }
  KOINON_TRY(out.program, parse_program(order));
  KOINON_TRY(const auto* input, input_field(order));
  if (input->contains("text")) {
    KOINON_TRY(out.text, parse_text((*input)["text"]));
  } else {
    KOINON_TRY(out.input, parse_input(order));
  }
  return {};
}

Result<std::uint8_t> parse_policy(const json& order, NewOrder& out, const trust::CheckSet& rules, const std::string& usual) {
  KOINON_TRY(const auto check, text_or(order, "check", usual, 40));
  KOINON_TRY(const auto privacy, text_or(order, "privacy", "plain", 20));
  KOINON_TRY(out.check, check_code(check, rules));
  if (privacy != "plain" && privacy != "private")
    return fail(Code::invalid_argument, "[order] privacy '{}': plain or private expected", privacy);
  out.privacy = privacy == "plain" ? 0 : 1;
  if (out.privacy != 0 && out.check != 0)
    return fail(Code::unsupported, "[order] {{{}, {}}}: private inputs are checked by the quorum alone", check, privacy);
  const bool alone = trust::is_alone(out.check);
  KOINON_TRY(const auto n, number_or(order, "n", alone ? 1 : 3, 1, 5));
  KOINON_TRY(const auto k, number_or(order, "k", n / 2 + 1, 1, 5));
  if (alone && n != 1) return fail(Code::invalid_argument, "[order] {} providers: the {} check takes one", n, check);
  if (k > n || 2 * k <= n) return fail(Code::invalid_argument, "[order] k is {} of n {}: n / 2 < k <= n expected", k, n);
  out.n = static_cast<std::uint8_t>(n);
  out.k = static_cast<std::uint8_t>(k);
  return out.n;
}

}  // namespace

Result<NewOrder> parse_new_order(std::string_view body, const trust::CheckSet& rules, const std::string& usual) {
  KOINON_TRY(const auto order, read_object(body, {"program", "input", "training", "check", "privacy", "n", "k", "max_price",
                                                  "audit_bps", "commit_window", "trap", "label"}));
  NewOrder out;
  KOINON_CHECK(parse_goods(order, out));
  KOINON_TRY([[maybe_unused]] const auto n, parse_policy(order, out, rules, usual));
  KOINON_TRY(out.max_price, wei_field(order, "max_price"));
  if (trust::is_alone(out.check)) out.audit_bps = 0;
  KOINON_TRY(const auto audit, number_or(order, "audit_bps", out.audit_bps, 0, 10'000));
  if (trust::is_alone(out.check) && audit != 0)
    return fail(Code::invalid_argument, "[order] audit_bps {}: one provider's claim has no audits; it is disputed or proved",
                audit);
  KOINON_TRY(const auto window, number_or(order, "commit_window", out.commit_window, 1, 86'400));
  out.audit_bps = static_cast<std::uint16_t>(audit);
  out.commit_window = static_cast<std::uint32_t>(window);
  KOINON_TRY(out.trap, flag_or(order, "trap", false));
  KOINON_TRY(out.label, text_or(order, "label", "", kMaxLabel * 4));
  return out;
}

Result<Preview> parse_preview(std::string_view body) {
  KOINON_TRY(const auto asked, read_object(body, {"program", "input"}));
  Preview out;
  KOINON_TRY(out.program, parse_program(asked));
  KOINON_TRY(const auto* input, input_field(asked));
  if (input->contains("text")) {
    KOINON_TRY(out.text, parse_text((*input)["text"]));
  } else {
    KOINON_TRY(out.input, parse_input(asked));
  }
  return out;
}

}  // namespace koinon::node::api
