#include "trust/optimistic/abi_words.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Bytes;
using base::Code;
using base::fail;
using base::Hash;
using base::Result;

constexpr std::size_t kWord = 32;

Hash word_of(std::uint64_t value) {
  Hash out;
  std::ranges::copy(base::be64(value), out.bytes.end() - 8);
  return out;
}

void append(Bytes& to, base::ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

}  // namespace

void AbiWriter::number(std::uint64_t value) { hash(word_of(value)); }

void AbiWriter::bytes(base::ByteView value) {
  Bytes tail;
  append(tail, word_of(value.size()).view());
  append(tail, value);
  tail.resize((tail.size() + kWord - 1) / kWord * kWord);
  head_.push_back({{}, std::move(tail), true});
}

void AbiWriter::hashes(const std::vector<Hash>& values) {
  Bytes tail;
  append(tail, word_of(values.size()).view());
  for (const auto& one : values) append(tail, one.view());
  head_.push_back({{}, std::move(tail), true});
}

void AbiWriter::numbers(const std::vector<std::uint64_t>& values) {
  std::vector<Hash> words;
  for (const auto one : values) words.push_back(word_of(one));
  hashes(words);
}

void AbiWriter::tuples(const std::vector<AbiWriter>& values) {
  AbiWriter items;
  for (const auto& one : values) items.tuple(one);
  Bytes tail;
  append(tail, word_of(values.size()).view());
  append(tail, items.take());
  head_.push_back({{}, std::move(tail), true});
}

Bytes AbiWriter::take() const {
  Bytes out;
  auto at = head_.size() * kWord;
  for (const auto& member : head_) {
    append(out, (member.dynamic ? word_of(at) : member.word).view());
    at += member.tail.size();
  }
  for (const auto& member : head_) append(out, member.tail);
  return out;
}

Result<AbiReader> AbiReader::open(base::ByteView bytes, std::size_t words) { return AbiReader(bytes, 0, 0).at(0, words); }

Result<AbiReader> AbiReader::at(std::size_t base, std::size_t words) const {
  if (words > (bytes_.size() - base) / kWord)
    return fail(Code::malformed, "[abi] {} words at byte {} of {}", words, base, bytes_.size());
  return AbiReader(bytes_, base, base + words * kWord);
}

Result<Hash> AbiReader::hash() {
  if (kWord > bytes_.size() - head_) return fail(Code::malformed, "[abi] the bytes end at {}", head_);
  head_ += kWord;
  return base::fixed<kWord>(bytes_.subspan(head_ - kWord, kWord));
}

Result<std::uint64_t> AbiReader::number(std::uint64_t most) {
  KOINON_TRY(const auto word, hash());
  std::uint64_t out = 0;
  for (std::size_t i = kWord - 8; i < kWord; ++i) out = out << 8 | word.bytes[i];
  if (std::any_of(word.bytes.begin(), word.bytes.end() - 8, [](auto b) { return b != 0; }) || out > most)
    return fail(Code::malformed, "[abi] the number at byte {}: at most {}", head_ - kWord, most);
  return out;
}

base::Status AbiReader::follow() {
  KOINON_TRY(const auto offset, number());
  if (offset != tail_ - base_) return fail(Code::malformed, "[abi] offset {}: {} expected", offset, tail_ - base_);
  return {};
}

Result<std::size_t> AbiReader::array() {
  KOINON_CHECK(follow());
  KOINON_TRY(auto inner, at(tail_, 1));
  KOINON_TRY(const auto count, inner.number(bytes_.size()));
  tail_ += kWord;
  return static_cast<std::size_t>(count);
}

Result<Bytes> AbiReader::bytes() {
  KOINON_TRY(const auto size, array());
  const auto padded = (size + kWord - 1) / kWord * kWord;
  if (padded > bytes_.size() - tail_) return fail(Code::malformed, "[abi] {} bytes at {} of {}", size, tail_, bytes_.size());
  const auto all = bytes_.subspan(tail_, padded);
  if (std::any_of(all.begin() + static_cast<std::ptrdiff_t>(size), all.end(), [](auto b) { return b != 0; }))
    return fail(Code::malformed, "[abi] padding behind {} bytes at {}", size, tail_);
  tail_ += padded;
  return Bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
}

Result<std::vector<Hash>> AbiReader::hashes() {
  KOINON_TRY(const auto count, array());
  KOINON_TRY(auto items, at(tail_, count));
  std::vector<Hash> out;
  for (std::size_t i = 0; i < count; ++i) {
    KOINON_TRY(out.emplace_back(), items.hash());
  }
  tail_ = items.head_;
  return out;
}

Result<std::vector<std::uint64_t>> AbiReader::numbers() {
  KOINON_TRY(const auto count, array());
  KOINON_TRY(auto items, at(tail_, count));
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    KOINON_TRY(out.emplace_back(), items.number());
  }
  tail_ = items.head_;
  return out;
}

base::Status AbiReader::finish() const {
  if (tail_ != bytes_.size()) return fail(Code::malformed, "[abi] {} bytes behind the end at {}", bytes_.size() - tail_, tail_);
  return {};
}

}  // namespace koinon::trust::optimistic
