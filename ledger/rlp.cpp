#include "ledger/rlp.hpp"

namespace koinon::ledger {
namespace {

constexpr std::size_t kMaxDepth = 16;

Bytes without_leading_zeros(ByteView word) {
  std::size_t first = 0;
  while (first < word.size() && word[first] == 0) ++first;
  return {word.begin() + static_cast<std::ptrdiff_t>(first), word.end()};
}

/// Prefix of a string (offset 0x80) or a list (offset 0xc0) of `size` bytes.
void put_prefix(Bytes& out, std::size_t size, std::uint8_t offset) {
  if (size <= 55) {
    out.push_back(static_cast<std::uint8_t>(offset + size));
    return;
  }
  const auto length = Rlp::number(size).bytes;
  out.push_back(static_cast<std::uint8_t>(offset + 55 + length.size()));
  out.insert(out.end(), length.begin(), length.end());
}

struct Span {
  bool is_list;
  std::size_t begin;
  std::size_t size;
};

/// Reads the prefix at the front of `bytes`. Non-canonical lengths are refused.
Result<Span> read_prefix(ByteView bytes) {
  if (bytes.empty()) return fail(Code::malformed, "[rlp] empty input: an item expected");
  const auto prefix = bytes[0];
  if (prefix < 0x80) return Span{false, 0, 1};
  const bool is_list = prefix >= 0xc0;
  const auto code = static_cast<std::size_t>(prefix - (is_list ? 0xc0 : 0x80));
  Span span{is_list, 1, code};
  if (code > 55) {
    const auto width = code - 55;
    if (bytes.size() < 1 + width) return fail(Code::malformed, "[rlp] length of {} bytes is cut", width);
    if (bytes[1] == 0) return fail(Code::malformed, "[rlp] length has a leading zero");
    span = {is_list, 1 + width, 0};
    for (std::size_t i = 0; i < width; ++i) span.size = (span.size << 8) | bytes[1 + i];
    if (span.size <= 55) return fail(Code::malformed, "[rlp] length {} written in long form", span.size);
  }
  if (span.size > bytes.size() - span.begin)
    return fail(Code::malformed, "[rlp] item of {} bytes: {} left", span.size, bytes.size() - span.begin);
  if (!is_list && span.size == 1 && bytes[span.begin] < 0x80) return fail(Code::malformed, "[rlp] a small byte has a prefix");
  return span;
}

Result<Rlp> read_item(ByteView bytes, std::size_t depth, std::size_t& used) {
  if (depth > kMaxDepth) return fail(Code::malformed, "[rlp] nested deeper than {}", kMaxDepth);
  KOINON_TRY(const auto span, read_prefix(bytes));
  used = span.begin + span.size;
  auto body = bytes.subspan(span.begin, span.size);
  if (!span.is_list) return Rlp::string(body);
  Rlp out{true, {}, {}};
  while (!body.empty()) {
    std::size_t taken = 0;
    KOINON_TRY(auto item, read_item(body, depth + 1, taken));
    out.items.push_back(std::move(item));
    body = body.subspan(taken);
  }
  return out;
}

}  // namespace

Rlp Rlp::number(std::uint64_t value) { return number(Wei(value)); }

Rlp Rlp::number(const Wei& value) { return {false, without_leading_zeros(value.word().view()), {}}; }

Bytes Rlp::encode() const {
  Bytes out;
  if (is_list) {
    Bytes body;
    for (const auto& item : items) {
      const auto one = item.encode();
      body.insert(body.end(), one.begin(), one.end());
    }
    put_prefix(out, body.size(), 0xc0);
    out.insert(out.end(), body.begin(), body.end());
    return out;
  }
  if (bytes.size() == 1 && bytes[0] < 0x80) return bytes;
  put_prefix(out, bytes.size(), 0x80);
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

Result<Rlp> Rlp::decode(ByteView bytes) {
  std::size_t used = 0;
  KOINON_TRY(auto out, read_item(bytes, 0, used));
  if (used != bytes.size()) return fail(Code::malformed, "[rlp] {} bytes after the item", bytes.size() - used);
  return out;
}

Result<Wei> Rlp::to_wei() const {
  if (is_list || bytes.size() > 32) return fail(Code::malformed, "[rlp] a number of at most 32 bytes expected");
  if (!bytes.empty() && bytes[0] == 0) return fail(Code::malformed, "[rlp] number has a leading zero");
  Hash word;
  std::copy(bytes.begin(), bytes.end(), word.bytes.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  return Wei::from_word(word);
}

Result<std::uint64_t> Rlp::to_u64() const {
  KOINON_TRY(const auto value, to_wei());
  if (bytes.size() > 8) return fail(Code::malformed, "[rlp] a number of at most 8 bytes expected: {}", bytes.size());
  return value.to_u64();
}

}  // namespace koinon::ledger
