#include "ledger/abi.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"

namespace koinon::ledger::abi {
namespace {

std::size_t padded(std::size_t size) { return (size + 31) / 32 * 32; }

Hash number_word(std::uint64_t value) { return Wei(value).word(); }

/// True when a word holds a value of its type with nothing beside it.
bool word_fits(const Type& type, const Hash& word) {
  const auto zero = [&](std::size_t first, std::size_t last) {
    return std::all_of(word.bytes.begin() + static_cast<std::ptrdiff_t>(first),
                       word.bytes.begin() + static_cast<std::ptrdiff_t>(last), [](std::uint8_t b) { return b == 0; });
  };
  switch (type.kind) {
    case Kind::number: return zero(0, 32 - type.size / 8);
    case Kind::boolean: return zero(0, 31) && word.bytes[31] <= 1;
    case Kind::address: return zero(0, 12);
    case Kind::fixed_bytes: return zero(type.size, 32);
    case Kind::signed_number: {
      const auto first = 32 - type.size / 8;
      const std::uint8_t sign = (word.bytes[first] & 0x80) != 0 ? 0xff : 0;
      return std::all_of(word.bytes.begin(), word.bytes.begin() + static_cast<std::ptrdiff_t>(first),
                         [&](std::uint8_t b) { return b == sign; });
    }
    default: return false;
  }
}

struct Parts {
  const Type& type;
  std::size_t count;
  [[nodiscard]] const Type& operator[](std::size_t i) const { return type.kind == Kind::tuple ? type.parts[i] : type.parts[0]; }
  [[nodiscard]] std::size_t head() const {
    if (type.kind == Kind::array) return count * type.parts[0].head_size();
    std::size_t out = 0;
    for (const auto& part : type.parts) out += part.head_size();
    return out;
  }
};

Status put(Bytes& out, const Type& type, const Value& value);

/// Heads, then tails; offsets count from the first head.
Status put_parts(Bytes& out, const Parts& parts, const std::vector<Value>& items) {
  if (items.size() != parts.count)
    return fail(Code::invalid_argument, "[abi] {} values for {}: {} expected", items.size(), parts.type.text(), parts.count);
  Bytes tails;
  const auto head = parts.head();
  for (std::size_t i = 0; i < parts.count; ++i) {
    if (!parts[i].is_dynamic()) {
      KOINON_CHECK(put(out, parts[i], items[i]));
      continue;
    }
    const auto offset = number_word(head + tails.size());
    out.insert(out.end(), offset.bytes.begin(), offset.bytes.end());
    KOINON_CHECK(put(tails, parts[i], items[i]));
  }
  out.insert(out.end(), tails.begin(), tails.end());
  return {};
}

Status put(Bytes& out, const Type& type, const Value& value) {
  const auto word = [&](const Hash& w) { out.insert(out.end(), w.bytes.begin(), w.bytes.end()); };
  switch (type.kind) {
    case Kind::bytes:
    case Kind::string:
      word(number_word(value.data.size()));
      out.insert(out.end(), value.data.begin(), value.data.end());
      out.resize(out.size() + padded(value.data.size()) - value.data.size());
      return {};
    case Kind::array:
      if (type.dynamic_size) word(number_word(value.items.size()));
      return put_parts(out, {type, type.dynamic_size ? value.items.size() : type.size}, value.items);
    case Kind::tuple: return put_parts(out, {type, type.parts.size()}, value.items);
    default: break;
  }
  if (!word_fits(type, value.word))
    return fail(Code::invalid_argument, "[abi] {} does not fit {}", base::to_hex(value.word), type.text());
  word(value.word);
  return {};
}

/// Reads forward only: a canonical encoding is what put() writes, and its parts lie one after the other.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  Result<Value> read(const Type& type) {
    switch (type.kind) {
      case Kind::bytes:
      case Kind::string: return read_bytes();
      case Kind::array: {
        std::size_t count = type.size;
        if (type.dynamic_size) {
          KOINON_TRY(count, read_count());
          if (count > left() / type.parts[0].head_size())
            return fail(Code::malformed, "[abi] array of {} at byte {}: {} bytes left", count, at_, left());
        }
        return read_parts({type, count});
      }
      case Kind::tuple: return read_parts({type, type.parts.size()});
      default: break;
    }
    Value out;
    KOINON_TRY(out.word, read_word());
    if (!word_fits(type, out.word))
      return fail(Code::malformed, "[abi] {} at byte {} is no {}", base::to_hex(out.word), at_ - 32, type.text());
    return out;
  }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

 private:
  Result<Hash> read_word() {
    if (left() < 32) return fail(Code::malformed, "[abi] {} bytes left at byte {}: a word expected", left(), at_);
    at_ += 32;
    return base::fixed<32>(bytes_.subspan(at_ - 32, 32));
  }
  Result<std::size_t> read_count() {
    KOINON_TRY(const auto word, read_word());
    const auto count = Wei::from_word(word).to_u64();
    if (!count || *count > bytes_.size()) return fail(Code::malformed, "[abi] length at byte {} exceeds the input", at_ - 32);
    return static_cast<std::size_t>(*count);
  }
  Result<Value> read_bytes() {
    KOINON_TRY(const auto size, read_count());
    if (padded(size) > left()) return fail(Code::malformed, "[abi] {} bytes at byte {}: {} left", size, at_, left());
    Value out;
    const auto all = bytes_.subspan(at_, padded(size));
    if (std::any_of(all.begin() + static_cast<std::ptrdiff_t>(size), all.end(), [](std::uint8_t b) { return b != 0; }))
      return fail(Code::malformed, "[abi] padding at byte {} is not zero", at_ + size);
    out.data.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
    at_ += all.size();
    return out;
  }
  Result<Value> read_parts(const Parts& parts) {
    const auto begin = at_;
    if (parts.head() > left())
      return fail(Code::malformed, "[abi] head of {} bytes at byte {}: {} left", parts.head(), at_, left());
    Value out;
    out.items.resize(parts.count);
    std::vector<std::pair<std::size_t, std::size_t>> tails;  // item, offset
    for (std::size_t i = 0; i < parts.count; ++i) {
      if (!parts[i].is_dynamic()) {
        KOINON_TRY(out.items[i], read(parts[i]));
        continue;
      }
      KOINON_TRY(const auto offset, read_count());
      tails.emplace_back(i, offset);
    }
    for (const auto& [item, offset] : tails) {
      if (begin + offset != at_)
        return fail(Code::malformed, "[abi] offset {} from byte {}: {} expected", offset, begin, at_ - begin);
      KOINON_TRY(out.items[item], read(parts[item]));
    }
    return out;
  }

  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Bytes> encode(const Type& tuple, const Value& value) {
  Bytes out;
  KOINON_CHECK(put_parts(out, {tuple, tuple.parts.size()}, value.items));
  return out;
}

Result<Value> decode(const Type& tuple, ByteView bytes) {
  Cursor cursor(bytes);
  KOINON_TRY(auto out, cursor.read(tuple));
  if (cursor.left() != 0) return fail(Code::malformed, "[abi] {} bytes after {}", cursor.left(), tuple.text());
  return out;
}

Value value_of(bool value) { return value_of(std::uint64_t{value ? 1u : 0u}); }

Value value_of(std::uint64_t value) { return value_of(Wei(value)); }

Value value_of(std::int64_t value) {
  auto out = value_of(static_cast<std::uint64_t>(value));
  if (value < 0) std::fill_n(out.word.bytes.begin(), 24, std::uint8_t{0xff});
  return out;
}

Value value_of(const Wei& value) {
  Value out;
  out.word = value.word();
  return out;
}

Value value_of(const Address& value) {
  Value out;
  std::copy(value.bytes.begin(), value.bytes.end(), out.word.bytes.begin() + 12);
  return out;
}

Value value_of(Bytes value) {
  Value out;
  out.data = std::move(value);
  return out;
}

Value value_of(std::string_view value) {
  const auto bytes = base::as_bytes(value);
  return value_of(Bytes(bytes.begin(), bytes.end()));
}

std::uint64_t to_u64(const Value& value) {
  std::uint64_t out = 0;
  for (std::size_t i = 24; i < 32; ++i) out = (out << 8) | value.word.bytes[i];
  return out;
}

std::int64_t to_i64(const Value& value) { return static_cast<std::int64_t>(to_u64(value)); }

Address to_address(const Value& value) { return base::fixed<20>(value.word.view().subspan(12)); }

namespace {

/// Decimal text of a two's complement word.
std::string signed_text(const Hash& word) {
  if ((word.bytes[0] & 0x80) == 0) return Wei::from_word(word).text();
  Hash positive = word;
  for (auto& b : positive.bytes) b = static_cast<std::uint8_t>(~b);
  for (std::size_t i = 32; i-- > 0;)
    if (++positive.bytes[i] != 0) break;
  return "-" + Wei::from_word(positive).text();
}

}  // namespace

nlohmann::json to_json(const Type& type, const Value& value) {
  switch (type.kind) {
    case Kind::number: return type.size <= 48 ? nlohmann::json(to_u64(value)) : nlohmann::json(to_wei(value).text());
    case Kind::signed_number: return type.size <= 48 ? nlohmann::json(to_i64(value)) : nlohmann::json(signed_text(value.word));
    case Kind::boolean: return to_bool(value);
    case Kind::address: return base::to_hex(to_address(value));
    case Kind::fixed_bytes: return base::to_hex(value.word.view().first(type.size));
    case Kind::bytes: return base::to_hex(value.data);
    case Kind::string: return to_text(value);
    case Kind::array: {
      auto out = nlohmann::json::array();
      for (const auto& item : value.items) out.push_back(to_json(type.parts[0], item));
      return out;
    }
    case Kind::tuple: break;
  }
  auto out = nlohmann::json::object();
  for (std::size_t i = 0; i < value.items.size() && i < type.parts.size(); ++i) {
    const auto& name = type.parts[i].name;
    out[name.empty() ? std::to_string(i) : name] = to_json(type.parts[i], value.items[i]);
  }
  return out;
}

namespace {

std::string arguments_text(const Type& inputs, const Value& value) {
  std::string out;
  for (std::size_t i = 0; i < inputs.parts.size(); ++i) {
    if (i > 0) out += ", ";
    if (!inputs.parts[i].name.empty()) out += inputs.parts[i].name + ": ";
    auto text = to_json(inputs.parts[i], value.items[i]).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > 300) text = text.substr(0, 300) + "...";
    out += text;
  }
  return out;
}

const std::vector<Entry>& solidity_errors() {
  static const std::vector<Entry> kErrors = [] {
    std::vector<Entry> out(2);
    out[0].kind = out[1].kind = "error";
    out[0].name = "Error";
    out[0].inputs = *Type::parse("(string)");
    out[1].name = "Panic";
    out[1].inputs = *Type::parse("(uint256)");
    return out;
  }();
  return kErrors;
}

}  // namespace

std::string describe_revert(ByteView data, const std::vector<Entry>& errors) {
  if (data.empty()) return "no reason given";
  if (data.size() >= 4) {
    for (const auto* list : {&solidity_errors(), &errors}) {
      for (const auto& entry : *list) {
        if (entry.kind != "error" || !std::ranges::equal(entry.id().view().first(4), data.first(4))) continue;
        if (auto value = decode(entry.inputs, data.subspan(4)))
          return fmt::format("{}({})", entry.name, arguments_text(entry.inputs, *value));
      }
    }
  }
  return fmt::format("unknown error {}{}", base::to_hex(data.first(std::min<std::size_t>(data.size(), 36))),
                     data.size() > 36 ? "..." : "");
}

}  // namespace koinon::ledger::abi
