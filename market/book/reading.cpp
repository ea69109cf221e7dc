#include "market/book/reading.hpp"

#include <charconv>

#include "base/json.hpp"

namespace koinon::market {

using base::Code;
using base::fail;
using nlohmann::json;

Status Book::Reading::parse() {
  json_ = base::parse_json(event_.arguments);
  if (!json_.is_object()) return fail(Code::malformed, "[book] arguments of {} are no JSON object", event_.name);
  return {};
}

void Book::Reading::complain(const char* key, std::string_view expected) const {
  if (!error_) error_ = base::Error{Code::malformed, fmt::format("[book] {}.{}: {} expected", event_.name, key, expected)};
}

Status Book::Reading::status() const {
  if (error_) return fail(*error_);
  return {};
}

const json* Book::Reading::find(const char* key) const {
  const auto at = json_.find(key);
  return at == json_.end() ? nullptr : &*at;
}

std::optional<std::uint64_t> Book::Reading::number_of(const json& value) const {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return out;
}

std::uint64_t Book::Reading::u64(const char* key) const {
  const auto* value = find(key);
  const auto number = value == nullptr ? std::nullopt : number_of(*value);
  if (!number) complain(key, "a number of 64 bits");
  return number.value_or(0);
}

std::uint64_t Book::Reading::bounded(const char* key, std::uint64_t most) const {
  const auto value = u64(key);
  if (value <= most) return value;
  complain(key, fmt::format("at most {}", most));
  return 0;
}

std::int64_t Book::Reading::i64(const char* key) const {
  return static_cast<std::int64_t>(bounded(key, std::uint64_t{1} << 62));
}

bool Book::Reading::boolean(const char* key) const {
  const auto* value = find(key);
  if (value != nullptr && value->is_boolean()) return value->get<bool>();
  complain(key, "true or false");
  return false;
}

Wei Book::Reading::wei(const char* key) const {
  const auto* value = find(key);
  if (value != nullptr && value->is_number_unsigned()) return Wei(value->get<std::uint64_t>());
  if (value != nullptr && value->is_string())
    if (auto parsed = Wei::parse(value->get_ref<const std::string&>())) return *parsed;
  complain(key, "an amount in wei");
  return {};
}

Hash Book::Reading::hash(const char* key) const {
  const auto* value = find(key);
  if (value != nullptr && value->is_string())
    if (auto parsed = base::fixed_from_hex<32>(value->get_ref<const std::string&>())) return *parsed;
  complain(key, "32 bytes of hex");
  return {};
}

base::Address Book::Reading::address(const char* key) const {
  const auto* value = find(key);
  if (value != nullptr && value->is_string())
    if (auto parsed = base::fixed_from_hex<20>(value->get_ref<const std::string&>())) return *parsed;
  complain(key, "an address");
  return {};
}

std::string Book::Reading::text(const char* key) const {
  const auto* value = find(key);
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  complain(key, "a text");
  return {};
}

std::vector<std::uint64_t> Book::Reading::numbers(const char* key) const {
  const auto* value = find(key);
  std::vector<std::uint64_t> out;
  if (value == nullptr || !value->is_array()) {
    complain(key, "a list of numbers");
    return out;
  }
  for (const auto& item : *value) {
    const auto number = number_of(item);
    if (!number) complain(key, "a list of numbers");
    out.push_back(number.value_or(0));
  }
  return out;
}

Terms Book::Reading::terms(const char* key) const {
  const auto* value = find(key);
  if (value == nullptr || !value->is_object()) {
    complain(key, "an object");
    return {};
  }
  Reading in(event_);
  in.json_ = *value;
  Terms out;
  out.buyer = in.u32("buyer");
  out.kind = in.u8("kind");
  out.check = in.u8("check");
  out.privacy = in.u8("privacy");
  out.n = in.u8("n");
  out.k = in.u8("k");
  out.max_tier = static_cast<std::uint8_t>(in.bounded("maxTier", 127));
  out.audit_bps = static_cast<std::uint16_t>(in.bounded("auditBps", 10000));
  out.commit_window = in.u32("commitWindow");
  out.nonce = in.u64("nonce");
  out.spec = in.hash("spec");
  out.spec_digest = in.hash("specDigest");
  out.spec_size = in.u64("specSize");
  out.input_root = in.hash("inputRoot");
  out.input_size = in.u64("inputSize");
  out.buyer_key = in.hash("buyerKey");
  if (in.error_ && !error_) error_ = in.error_;
  return out;
}

trust::optimistic::Demand Book::Reading::place(const char* key) const {
  const auto* value = find(key);
  if (value == nullptr || !value->is_object()) {
    complain(key, "an object");
    return {};
  }
  Reading in(event_);
  in.json_ = *value;
  trust::optimistic::Demand out;
  const auto tree = in.u8("tree");
  const auto kind = in.u8("kind");
  if (tree < 1 || tree > 3 || kind < 1 || kind > 3) complain(key, "a place: tree and kind of 1 to 3");
  out.tree = static_cast<trust::optimistic::ClaimTree>(tree);
  out.kind = static_cast<trust::optimistic::DemandKind>(kind);
  out.value = in.u64("value");
  out.level = in.u8("level");
  out.index = in.u64("index");
  if (in.error_ && !error_) error_ = in.error_;
  return out;
}

}  // namespace koinon::market
