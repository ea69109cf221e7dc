#include <charconv>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "ledger/abi.hpp"

namespace koinon::ledger::abi {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxFixedLength = 65'536;
constexpr std::size_t kMaxHead = std::size_t{1} << 26;  ///< bytes; so that sizes never overflow

Result<std::size_t> read_size(std::string_view digits, std::string_view type) {
  std::size_t out = 0;
  const auto end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, out);
  if (digits.empty() || error != std::errc{} || at != end || digits[0] == '0')
    return fail(Code::malformed, "[abi] type '{}': a size without leading zero expected", type.substr(0, 80));
  return out;
}

Result<Type> elementary(std::string_view text) {
  Type out;
  const auto plain = [&](Kind kind, std::size_t size) {
    out.kind = kind;
    out.size = size;
    return out;
  };
  if (text == "bool") return plain(Kind::boolean, 1);
  if (text == "address") return plain(Kind::address, 20);
  if (text == "string") return plain(Kind::string, 0);
  if (text == "bytes") return plain(Kind::bytes, 0);
  if (text == "uint") return plain(Kind::number, 256);
  if (text == "int") return plain(Kind::signed_number, 256);
  const auto sized = [&](std::string_view prefix, Kind kind, std::size_t limit, std::size_t unit) -> Result<Type> {
    KOINON_TRY(const auto size, read_size(text.substr(prefix.size()), text));
    if (size > limit || size % unit != 0) return fail(Code::malformed, "[abi] type '{}': size up to {}", text, limit);
    return plain(kind, size);
  };
  if (text.starts_with("uint")) return sized("uint", Kind::number, 256, 8);
  if (text.starts_with("int")) return sized("int", Kind::signed_number, 256, 8);
  if (text.starts_with("bytes")) return sized("bytes", Kind::fixed_bytes, 32, 1);
  return fail(Code::malformed, "[abi] unknown type '{}'", text.substr(0, 80));
}

Status check_head(const Type& type) {
  if (type.head_size() > kMaxHead) return fail(Code::malformed, "[abi] type of {} bytes is too large", type.head_size());
  return {};
}

/// Wraps `element` in the brackets of `suffix`, such as "[][4]".
Result<Type> with_brackets(Type element, std::string_view suffix) {
  for (std::size_t depth = 0; !suffix.empty(); ++depth) {
    const auto close = suffix.find(']');
    if (suffix[0] != '[' || close == std::string_view::npos || depth >= kMaxDepth)
      return fail(Code::malformed, "[abi] array brackets '{}' are not right", suffix.substr(0, 80));
    auto out = Type::array_of(std::move(element));
    if (close > 1) {
      KOINON_TRY(out.size, read_size(suffix.substr(1, close - 1), suffix));
      if (out.size > kMaxFixedLength) return fail(Code::malformed, "[abi] array of {}: at most {}", out.size, kMaxFixedLength);
      out.dynamic_size = false;
    }
    KOINON_CHECK(check_head(out));
    element = std::move(out);
    suffix.remove_prefix(close + 1);
  }
  return element;
}

Result<Type> parse_type(std::string_view text, std::size_t depth);

Result<Type> parse_members(std::string_view body, std::size_t depth) {
  std::vector<Type> parts;
  std::size_t begin = 0;
  int open = 0;
  for (std::size_t i = 0; i <= body.size(); ++i) {
    const char c = i < body.size() ? body[i] : ',';
    if (c == '(') ++open;
    if (c == ')') --open;
    if (c != ',' || open != 0) continue;
    KOINON_TRY(auto part, parse_type(body.substr(begin, i - begin), depth + 1));
    parts.push_back(std::move(part));
    begin = i + 1;
  }
  auto out = Type::tuple(std::move(parts));
  KOINON_CHECK(check_head(out));
  return out;
}

Result<Type> parse_type(std::string_view text, std::size_t depth) {
  if (depth > kMaxDepth || text.size() > 4096) return fail(Code::malformed, "[abi] type is nested too deep or too long");
  if (text.starts_with('(')) {
    const auto close = text.rfind(')');
    if (close == std::string_view::npos || close < 2)
      return fail(Code::malformed, "[abi] tuple '{}' is not closed", text.substr(0, 80));
    KOINON_TRY(auto tuple, parse_members(text.substr(1, close - 1), depth));
    return with_brackets(std::move(tuple), text.substr(close + 1));
  }
  const auto bracket = std::min(text.find('['), text.size());
  KOINON_TRY(auto element, elementary(text.substr(0, bracket)));
  return with_brackets(std::move(element), text.substr(bracket));
}

std::string member(const nlohmann::json& entry, const char* name) {
  const auto at = entry.find(name);
  return at != entry.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

Result<Type> type_from_json(const nlohmann::json& entry, std::size_t depth) {
  if (!entry.is_object() || depth > kMaxDepth) return fail(Code::malformed, "[abi] an argument is an object with a type");
  const auto text = member(entry, "type");
  Type out;
  if (text.starts_with("tuple")) {
    const auto parts = entry.find("components");
    if (parts == entry.end() || !parts->is_array() || parts->empty())
      return fail(Code::malformed, "[abi] tuple '{}' has no components", member(entry, "name"));
    std::vector<Type> members;
    for (const auto& part : *parts) {
      KOINON_TRY(auto type, type_from_json(part, depth + 1));
      members.push_back(std::move(type));
    }
    KOINON_TRY(out, with_brackets(Type::tuple(std::move(members)), std::string_view(text).substr(5)));
  } else {
    KOINON_TRY(out, parse_type(text, depth));
  }
  out.name = member(entry, "name");
  out.internal = member(entry, "internalType");
  return out;
}

Result<Type> arguments(const nlohmann::json& entry, const char* name) {
  auto out = Type::tuple({});
  const auto list = entry.find(name);
  if (list == entry.end()) return out;
  if (!list->is_array() || list->size() > 256) return fail(Code::malformed, "[abi] '{}' is a list of at most 256", name);
  for (const auto& one : *list) {
    KOINON_TRY(auto type, type_from_json(one, 0));
    out.parts.push_back(std::move(type));
  }
  return out;
}

}  // namespace

Type Type::tuple(std::vector<Type> parts) {
  Type out;
  out.kind = Kind::tuple;
  out.parts = std::move(parts);
  return out;
}

Type Type::array_of(Type part) {
  Type out;
  out.kind = Kind::array;
  out.dynamic_size = true;
  out.parts.push_back(std::move(part));
  return out;
}

Result<Type> Type::parse(std::string_view text) { return parse_type(text, 0); }

Result<Type> Type::from_json(const nlohmann::json& entry) { return type_from_json(entry, 0); }

std::string Type::text() const {
  switch (kind) {
    case Kind::number: return fmt::format("uint{}", size);
    case Kind::signed_number: return fmt::format("int{}", size);
    case Kind::boolean: return "bool";
    case Kind::address: return "address";
    case Kind::fixed_bytes: return fmt::format("bytes{}", size);
    case Kind::bytes: return "bytes";
    case Kind::string: return "string";
    case Kind::array: return parts[0].text() + (dynamic_size ? "[]" : fmt::format("[{}]", size));
    case Kind::tuple: break;
  }
  std::string out = "(";
  for (const auto& part : parts) out += (out.size() > 1 ? "," : "") + part.text();
  return out + ")";
}

bool Type::is_dynamic() const {
  if (kind == Kind::bytes || kind == Kind::string || (kind == Kind::array && dynamic_size)) return true;
  return std::ranges::any_of(parts, [](const Type& part) { return part.is_dynamic(); });
}

std::size_t Type::head_size() const {
  if (is_dynamic() || parts.empty()) return 32;
  if (kind == Kind::array) return size * parts[0].head_size();
  std::size_t out = 0;
  for (const auto& part : parts) out += part.head_size();
  return out;
}

std::array<std::uint8_t, 4> selector(std::string_view signature) {
  const auto hash = base::keccak256(base::as_bytes(signature));
  return {hash.bytes[0], hash.bytes[1], hash.bytes[2], hash.bytes[3]};
}

Hash Entry::id() const { return base::keccak256(base::as_bytes(signature())); }

Result<std::vector<Entry>> parse_abi(const nlohmann::json& document) {
  if (!document.is_array() || document.size() > 4096)
    return fail(Code::malformed, "[abi] a list of at most 4096 entries expected");
  std::vector<Entry> out;
  for (const auto& item : document) {
    if (!item.is_object()) return fail(Code::malformed, "[abi] an entry is an object");
    Entry entry;
    entry.kind = member(item, "type");
    entry.name = member(item, "name");
    const bool known =
        entry.kind == "function" || entry.kind == "event" || entry.kind == "error" || entry.kind == "constructor";
    const auto anonymous = item.find("anonymous");
    if (!known || (anonymous != item.end() && anonymous->is_boolean() && anonymous->get<bool>())) continue;
    KOINON_TRY(entry.inputs, arguments(item, "inputs"));
    KOINON_TRY(entry.outputs, arguments(item, "outputs"));
    const auto mutability = member(item, "stateMutability");
    entry.view = mutability == "view" || mutability == "pure";
    if (entry.kind == "event") {
      for (const auto& input : item.value("inputs", nlohmann::json::array())) {
        const auto indexed = input.find("indexed");
        entry.indexed.push_back(indexed != input.end() && indexed->is_boolean() && indexed->get<bool>());
      }
    }
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace koinon::ledger::abi
